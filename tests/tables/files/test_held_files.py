"""Cells that stand for files: found in the folders that they may lie in, in no other, and bounded."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from modelwright.core.messages import ValueProblem
from modelwright.tables.files.held_files import HeldFiles


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with a table's folder, pictures in both, and a file outside."""
    folder = tmp_path / "project"
    (folder / "data" / "img").mkdir(parents=True)
    (folder / "img").mkdir()
    (folder / "data" / "img" / "a.png").write_bytes(b"beside the table")
    (folder / "img" / "a.png").write_bytes(b"in the project")
    (folder / "img" / "b.png").write_bytes(b"b")
    (folder / "img" / "empty.png").touch()
    (folder / "img" / "large.png").write_bytes(b"x" * 101)
    (tmp_path / "outside.png").write_bytes(b"secret")
    (folder / "img" / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "img" / "nowhere.png").symlink_to(tmp_path / "gone.png")
    (folder / "away").symlink_to(tmp_path)
    (folder / "img" / "own.png").symlink_to("b.png")
    os.mkfifo(folder / "img" / "pipe.png")
    return folder


@pytest.fixture
def files(project: Path) -> HeldFiles:
    return HeldFiles.within(project / "data", project, most_bytes=100)


@pytest.mark.parametrize(
    ("cell", "content"),
    [
        ("img/a.png", b"beside the table"),
        (" img/b.png ", b"b"),
        ("img\\b.png", b"b"),
        ("../img/b.png", b"b"),  # from the table's folder, and still in the project
        ("img/own.png", b"b"),
        ("./img/../img/b.png", b"b"),
        ("data:image/png;base64," + base64.b64encode(b"from a URI").decode(), b"from a URI"),
        ("data:,from%20a%20URI", b"from a URI"),
        (base64.b64encode(b"a picture in base64, long enough that no file is called so").decode(), None),
    ],
)
def test_what_a_cell_stands_for(files: HeldFiles, cell: str, content: bytes | None) -> None:
    assert files.content(cell) == (base64.b64decode(cell) if content is None else content)


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("img/none.png", "file.missing"),
        ("img/nowhere.png", "file.missing"),
        ("../../outside.png", "file.outside"),
        ("img/link.png", "file.outside"),
        ("away/outside.png", "file.outside"),
        ("/etc/passwd", "file.outside"),
        ("img", "file.no-file"),
        ("img/", "file.no-file"),
        ("img/pipe.png", "file.no-file"),
        ("img/empty.png", "file.empty"),
        ("img/large.png", "file.too-large"),
        ("https://example.org/a.png", "file.address"),
        ("file:///etc/passwd", "file.address"),
        ("img/a\0b.png", "file.missing"),
        ("img/\ud800.png", "file.missing"),
        ("a" * 300 + ".png", "file.unreadable"),
        ("data:image/png;base64,not base64!", "file.data-uri"),
        ("data:image/png;base64,", "file.empty"),
    ],
)
def test_what_is_refused(files: HeldFiles, cell: str, problem: str) -> None:
    with pytest.raises(ValueProblem) as refused:
        files.content(cell)
    assert refused.value.message.id == problem
    assert "secret" not in str(refused.value)


def test_an_absolute_path_within_is_read(files: HeldFiles, project: Path) -> None:
    assert files.content(str(project / "img" / "b.png")) == b"b"


@pytest.mark.parametrize(
    ("cell", "near"), [("img/B.PNG", "img/b.png"), ("img/b", "img/b.png"), ("x/b", None)]
)
def test_a_file_that_is_called_otherwise_is_proposed(files: HeldFiles, cell: str, near: str | None) -> None:
    with pytest.raises(ValueProblem) as refused:
        files.content(cell)
    assert refused.value.message.values["near"] == near


def test_a_file_that_may_not_be_read(files: HeldFiles, project: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read all files")
    (project / "img" / "b.png").chmod(0)
    with pytest.raises(ValueProblem, match="cannot be read"):
        files.content("img/b.png")


def test_a_table_that_is_a_link_has_its_files_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.png").write_bytes(b"a")
    project = tmp_path / "project"
    project.mkdir()
    (project / "linked").symlink_to(tmp_path / "set")
    assert HeldFiles.within(project / "linked").content("a.png") == b"a"
