"""The house: what a stranger may rely on when looking for something, measured.

`python tests/test_house.py` prints the figures by folder.
"""

from __future__ import annotations

import ast
import io
import re
import statistics
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

import modelwright

PACKAGE = Path(modelwright.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
ROOT = Path(__file__).parent.parent
PROSE = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])

MOST_FILES = 15  # in a folder, `__init__.py` not counted
MOST_LINES = 500
MEDIAN_LINES = 200
ANY_PER_1000 = 9.0  # httpx 8.6, optuna 9.2
COMMENTS_PER_100 = 6.0  # where arithmetic happens; nanochat has 18, httpx 6

# Names that a contract prescribes: every member of the folder has a file, or a class, of that name. A section of
# the project file is read by a `config.py`, whoever owns the section; `core/outcomes.py` is what the families fulfil.
CONTRACT_FILES = {
    "kinds": {
        "value",
        "arrays",
        "column",
        "infer",
        "profile",
        "show",
        "explain",
        "samples",
        "augment",
        "twins",
    },
    "outcomes": {"outcomes", "metrics", "gap", "baseline", "section"},
    "core": {"outcomes"},
    "learners": {"spec", "learn", "export", "bring"},
    "stages": {"stage", "config"},
    "gateway": {"config"},
    "exports": {"target"},
    "runtime/drivers": {"driver", "samples"},
}
CONTRACT_CLASSES = {
    "learners": {"Spec", "Learner", "Export", "Options"},
    "kinds": {"Samples"},
    "runtime/drivers": {"Driver", "Samples"},
}
ARITHMETIC = ("core/evidence", "outcomes", "learners/networks", "learners/training", "learners/descent")

# Words of this project's past that no reader of the field knows (evaluation, run, forecast, fix, message, counts).
NOT_NAMES = re.compile(
    r"(?:^|_)(?:wish(?:es|ed)?|journeys?|travels?|foretell|foretold|looking|bench|told|said|mend(?:ed|s)?"
    r"|census|asked|stamped|watched|judging|whom)(?:_|$)|^looks?$",
    re.IGNORECASE,
)
NOT_PROSE = re.compile(
    r"\b(?:wish(?:es|ed)?|journeys?|travels?|foretell|foretold|mend(?:ed|s)?|taken for whom|fault of ours)\b"
    r"|\ban encoder an input\b|\brows that (?:prove|teach|choose)\b",
    re.IGNORECASE,
)
# Aliases that everyone in the field writes.
USUAL_ALIASES = {"np", "pl", "pa", "pq", "pd", "st", "sa", "ET"}


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@cache
def trees() -> dict[str, ast.Module]:
    """Return the tree of every file, read once for all tests of this file."""
    return {relative(path): ast.parse(path.read_text("utf-8")) for path in FILES}


@cache
def nodes() -> dict[str, list[ast.AST]]:
    """Return all nodes of every file that some test asks for: names, imports, definitions."""
    wanted = (
        ast.Name,
        ast.arg,
        ast.Attribute,
        ast.Import,
        ast.ImportFrom,
        ast.alias,
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
    )
    return {
        file: [node for node in ast.walk(tree) if isinstance(node, wanted)] for file, tree in trees().items()
    }


@pytest.fixture(scope="module", autouse=True)
def _forget_the_trees() -> Iterator[None]:
    """Trees of all files are hundreds of megabytes: no other file of tests keeps them."""
    yield
    trees.cache_clear()
    nodes.cache_clear()


def files_by_folder() -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for path in FILES:
        if path.name != "__init__.py":
            found[relative(path.parent)] += 1
    return found


def prescribed(name: str, file: str, contracts: dict[str, set[str]]) -> bool:
    """Return whether a contract prescribes the name of a file or of a class in it (also the contract's own)."""
    return any(file.startswith(f"{folder}/") and name in names for folder, names in contracts.items())


def names_of_files() -> dict[str, list[str]]:
    """Return the files by stem of which one is no contract's and another has its name."""
    every: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        if path.stem not in ("__init__", "__main__"):
            every[path.stem].append(relative(path))
    own = {
        stem: [file for file in files if not prescribed(stem, file, CONTRACT_FILES)]
        for stem, files in every.items()
    }
    return {stem: every[stem] for stem, files in own.items() if files and len(every[stem]) > 1}


def names_of_classes() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for file, tree in trees().items():
        for node in tree.body:
            public = isinstance(node, ast.ClassDef) and not node.name.startswith("_")
            if public and not prescribed(node.name, file, CONTRACT_CLASSES):
                found[node.name].append(file)
    return {name: files for name, files in found.items() if len(files) > 1}


def imported(nodes: Iterable[ast.AST]) -> list[str]:
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in found if name.startswith("modelwright.")]


def private_imports() -> list[str]:
    """Return `file: module` for each import of a private module (`_x.py`) from outside its folder."""
    modules = {relative(path)[:-3].replace("/", ".") for path in FILES}
    found = set()
    for file, of_file in nodes().items():
        for name in imported(of_file):
            module = name.removeprefix("modelwright.")
            *folder, last = module.split(".")
            private = module in modules and last.startswith("_") and not last.startswith("__")
            if private and "/".join(folder) != file.rpartition("/")[0]:
                found.add(f"{file}: {module}")
    return sorted(found)


def any_by_folder() -> dict[str, tuple[int, int]]:
    """Return by top folder how often the name `Any` stands in annotations and code, and the lines."""
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for path in FILES:
        text = path.read_text("utf-8")
        names = [node for node in nodes()[relative(path)] if isinstance(node, ast.Name) and node.id == "Any"]
        folder = relative(path).partition("/")[0] if "/" in relative(path) else "."
        count, lines = found[folder]
        found[folder] = (count + len(names), lines + len(text.splitlines()))
    return found


def any_per_1000() -> float:
    count, lines = (sum(column) for column in zip(*any_by_folder().values(), strict=True))
    return 1000 * count / lines


# In a docstring these lines say what a `#` line would: shapes, `(n, classes)`; a source, with its year or number;
# a formula.
_SHAPE = re.compile(r"\((?:[A-Za-z]+|…|\d+),(?: (?:[A-Za-z]+|…|\d+)(?: \+ \d)?)*(?:, (?:[A-Za-z]+|…|\d+))*\)")
_SOURCE = re.compile(r"\b(?:1[89]|20)\d\d[a-z]?[,);:]|\bDLMF\b")
_FORMULA = re.compile(r"[Σ√²·≤≥∈∞]")
_NO_COMMENT = re.compile(r"# (?:noqa|type: ignore|isort)")


def lines_that_explain(text: str) -> set[int]:
    """Return the numbers of the lines with a comment, and of those in docstrings that give shape, source, formula."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    found = {
        token.start[0]
        for token in tokens
        if token.type == tokenize.COMMENT and not _NO_COMMENT.match(token.string)
    }
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        if documented and ast.get_docstring(node) is not None:
            string = node.body[0]
            for number in range(string.lineno, (string.end_lineno or string.lineno) + 1):
                if any(given.search(lines[number - 1]) for given in (_SHAPE, _SOURCE, _FORMULA)):
                    found.add(number)
    return found


def comments_per_100(folder: str) -> float:
    """Return the lines that explain arithmetic per 100 lines of a folder."""
    texts = [path.read_text("utf-8") for path in (PACKAGE / folder).rglob("*.py")]
    return (
        100 * sum(len(lines_that_explain(one)) for one in texts) / sum(len(one.splitlines()) for one in texts)
    )


def defined_names(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the names that a module gives: variables, parameters, functions, classes, attributes, aliases."""
    found = set()
    for node in nodes:
        match node:
            case (
                ast.Name(id=name, ctx=ast.Store())
                | ast.arg(arg=name)
                | ast.Attribute(attr=name, ctx=ast.Store())
            ):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name))
            case ast.alias(asname=str(name)):
                found.add(name)
    return found


def private_words() -> list[str]:
    """Return `file: name` of names, and `file:line` of prose, in words that no reader of the field knows."""
    found = []
    for file, of_file in nodes().items():
        found += [f"{file}: {name}" for name in sorted(defined_names(of_file)) if NOT_NAMES.search(name)]
    texts = [*FILES, *PACKAGE.rglob("*.toml"), *PACKAGE.rglob("*.j2"), *PROSE]
    for path in texts:
        if "migrations" in path.parts:  # they name what earlier versions wrote
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if NOT_PROSE.search(line):
                found.append(f"{path.name}:{number}: {line.strip()[:80]}")
    return found


def hiding_aliases() -> list[str]:
    """Return `file: name as alias` where the alias drops the name: it may add to it, `stage as release_stage`."""
    found = []
    for file, of_file in nodes().items():
        for node in of_file:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias in node.names:
                    last, given = alias.name.rpartition(".")[2], alias.asname
                    if given and given not in USUAL_ALIASES and last.lower() not in given.lower():
                        found.append(f"{file}: {alias.name} as {given}")
    return found


def test_no_folder_is_crowded():
    found = {folder: count for folder, count in files_by_folder().items() if count > MOST_FILES}
    assert found == {}


def test_no_file_is_long():
    lines = {relative(path): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert {file: n for file, n in lines.items() if n > MOST_LINES} == {}
    assert statistics.median(lines.values()) <= MEDIAN_LINES


def test_no_two_files_of_one_name_mean_other_things():
    assert names_of_files() == {}


def test_no_class_name_is_used_twice():
    assert names_of_classes() == {}


def test_private_modules_stay_in_their_folder():
    assert private_imports() == []


def test_any_is_rare():
    assert any_per_1000() < ANY_PER_1000


def test_arithmetic_is_explained():
    found = {folder: comments_per_100(folder) for folder in ARITHMETIC}
    assert {folder: n for folder, n in found.items() if n < COMMENTS_PER_100} == {}


def test_what_counts_as_an_explanation():
    text = '''"""Heads.

    logits: (n, C); squared errors as in Brier (1950, section 2).
    Not this line (see there).
    """
x = 1  # noqa: E501
# (n,): why
y = 2  # type: ignore[x]
'''
    assert lines_that_explain(text) == {3, 7}


def test_names_and_prose_are_the_fields_own_words():
    assert private_words() == []


def test_no_alias_hides_a_name():
    assert hiding_aliases() == []


def main() -> None:
    lengths = [len(path.read_text("utf-8").splitlines()) for path in FILES]
    print(f"{len(FILES)} files, median {statistics.median(lengths):g} lines, longest {max(lengths)}")
    print("fullest folders:", sorted(files_by_folder().items(), key=lambda one: -one[1])[:5])
    print("files of one name:", names_of_files())
    print("classes of one name:", names_of_classes())
    print("private modules imported from outside:", private_imports())
    print("words of no reader:", private_words())
    print("aliases that hide a name:", hiding_aliases())
    for folder, (count, lines) in sorted(any_by_folder().items()):
        print(f"Any in {folder}: {1000 * count / lines:.1f} per 1,000 lines ({count} of {lines})")
    print(f"Any: {any_per_1000():.1f} per 1,000 lines")
    for folder in ARITHMETIC:
        print(f"comments in {folder}: {comments_per_100(folder):.1f} per 100 lines")


if __name__ == "__main__":
    main()


def test_every_decision_has_a_number_of_its_own():
    numbers = [path.name.partition("-")[0] for path in (ROOT / "docs" / "decisions").glob("*.md")]
    assert sorted(numbers) == sorted(set(numbers))
