"""The reference pages: made from the code, current, and the same on every machine."""

import sys

import pytest

from modelwright import outcomes
from modelwright.cli.reference import SCREENS, _commands, _messages, _metrics, _project_file
from modelwright.core.messages import catalog
from modelwright.project.declaration.project_file import ProjectFile


def test_the_pages_do_not_depend_on_the_terminal(monkeypatch):
    before = _commands(), _project_file()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    assert (_commands(), _project_file()) == before


def test_every_section_verb_and_metric_stands_on_its_page():
    page = _project_file()
    assert [name for name in ProjectFile.model_fields if f"`{name}`" not in page] == []
    assert [name for name in outcomes.metrics().names() if f"`{name}" not in _metrics()] == []
    assert "### `modelwright predict [NAME=VALUE]...`" in _commands()


def test_every_message_stands_on_its_page():
    page = _messages()
    assert "| `machine.memory` | this machine has no memory left" in page
    assert [
        id_ for id_ in catalog.entries("en") if not id_.startswith(SCREENS) and f"`{id_}`" not in page
    ] == []


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
