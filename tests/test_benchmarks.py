"""The benchmarks run on demand only, so this test keeps what they import where it is: also in their children's code."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parent.parent / "benchmarks").glob("*.py"))

# In a child, because a benchmark may load what a test session must not: torch, the gateway.
FIND = """
import importlib, sys
for name in sys.argv[1:]:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
            break
        except ModuleNotFoundError as error:
            if not error.name.startswith("modelwright"):
                raise
    for part in parts[length:]:
        if not hasattr(found, part):
            print(name)
            break
        found = getattr(found, part)
"""


def sources(tree: ast.Module) -> list[ast.Module]:
    """Return a script's tree, and those of the texts in it that are code of a child process."""
    found = [tree]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "import " in node.value:
            try:
                found.append(ast.parse(node.value))
            except SyntaxError:  # prose
                continue
    return found


def names(tree: ast.Module) -> set[str]:
    """Return all that is used of the package: `modelwright.a.b`, and `modelwright.a.b.c` where `b.c` stands."""
    found, local = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "modelwright":
            for alias in node.names:
                local[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "modelwright"}
    for node in ast.walk(tree):
        # also attributes of classes (`Signature.parse`); those of instances cannot be known here
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in local:
            found.add(f"{local[node.value.id]}.{node.attr}")
    return found | set(local.values())


@pytest.fixture(scope="module")
def lost_names() -> set[str]:
    """Return what the benchmarks use that is not there: one child for all, which loads the package once."""
    return set(lost(set().union(*map(used_names, SCRIPTS))))


def used_names(script: Path) -> set[str]:
    """Return all that a script uses of the package, also in the code of its children."""
    return set().union(*map(names, sources(ast.parse(script.read_text("utf-8")))))


def lost(used: set[str]) -> list[str]:
    """Return the names that are not there, as a child process finds."""
    done = subprocess.run(
        [sys.executable, "-c", FIND, *sorted(used)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_benchmark_uses_what_there_is(script: Path, lost_names: set[str]):
    assert used_names(script) & lost_names == set()


def test_what_was_moved_is_found():
    code = 'CHILD = """\nfrom modelwright.core import digests, nowhere\ndigests.of_nothing(1)\n"""'
    used = set().union(*map(names, sources(ast.parse(code))))
    assert lost(used) == ["modelwright.core.digests.of_nothing", "modelwright.core.nowhere"]


def test_every_option_is_on_in_a_project_that_is_killed(monkeypatch: pytest.MonkeyPatch):
    """An option that comes, or another name for one, is given in a case of `benchmarks/kill_cases.py`."""
    monkeypatch.syspath_prepend(SCRIPTS[0].parent)  # these load no framework
    assert importlib.import_module("kill_options").missing() == []
