"""The reference pages: made from the code, current, and the same on every machine."""

import ast
import sys

import pytest

from modelwright.cli.reference import PACKAGE, _commands, _metrics, _project_file, messages
from modelwright.core.metrics import METRICS
from modelwright.project.declaration.file import ProjectFile


def test_the_pages_do_not_depend_on_the_terminal(monkeypatch):
    before = _commands(), _project_file()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    assert (_commands(), _project_file()) == before


def test_every_section_verb_and_metric_stands_on_its_page():
    page = _project_file()
    assert [name for name in ProjectFile.model_fields if f"`{name}`" not in page] == []
    assert [name for name in METRICS if f"`{name}" not in _metrics()] == []
    assert "### `modelwright predict [NAME=VALUE]...`" in _commands()


def test_messages_are_found_in_the_source():
    found = {one.id: one for one in messages()}
    assert found["project.unknown-key"].file == "project/wording.py"
    assert found["project.yaml-syntax"].rule == "the project file is YAML"
    assert all("." in id_ and id_ == id_.lower() for id_ in found)


def test_no_id_is_made_up_when_it_runs():
    """Every `Problem` names its id as a literal (or reads a sent one), so that the page is complete."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Problem":
                given = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "id")]
                starred = any(isinstance(argument, ast.Starred) for argument in node.args)
                assert starred or isinstance(given[0], ast.Constant | ast.Subscript), f"{path}:{node.lineno}"


def test_a_stale_page_is_shown_as_a_diff(tmp_path, monkeypatch, capsys):
    from modelwright.cli import reference

    monkeypatch.setattr(reference, "PAGES", tmp_path)
    monkeypatch.setattr(reference, "pages", lambda: {"a.md": "one\ntwo\n"})
    monkeypatch.setattr(sys, "argv", ["reference"])
    reference.main()
    (tmp_path / "a.md").write_text("one\nthree\n")
    monkeypatch.setattr(sys, "argv", ["reference", "--check"])
    capsys.readouterr()
    with pytest.raises(SystemExit, match=r"not current: a\.md"):
        reference.main()
    assert "-three\n+two" in capsys.readouterr().out
    assert (tmp_path / "a.md").read_text() == "one\nthree\n"
