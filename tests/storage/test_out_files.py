"""A place that nothing can be written to is refused before the work, and never a file that is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwright.core.messages import ModelwrightError
from modelwright.storage.out_files import require_place


def refusal(out: Path, *reads: Path) -> str:
    with pytest.raises(ModelwrightError) as caught:
        require_place(out, reads)
    (problem,) = caught.value.problems
    return problem.id


@pytest.mark.parametrize("out", [".", "", "..", "/"])
def test_a_folder_is_no_file(out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal(Path(out)) == "out.folder"


@pytest.mark.parametrize("out", ["/proc/x.csv", "/proc/self/x.png", "file/below/x.csv"])
def test_what_the_system_refuses_is_said_with_its_reason(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert refusal(Path(out)) == "out.place"


@pytest.mark.parametrize("name", ["rows.csv", "./rows.csv", "below/../rows.csv", "link.csv", "hard.csv"])
def test_the_file_that_is_read_is_never_written_over(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = tmp_path / "rows.csv"
    rows.write_text("a\n1\n")
    (tmp_path / "below").mkdir()
    (tmp_path / "link.csv").symlink_to(rows)
    (tmp_path / "hard.csv").hardlink_to(rows)
    assert refusal(Path(name), rows) == "out.is-read"
    assert rows.read_text() == "a\n1\n"


def test_folders_are_made_and_nothing_is_left(tmp_path: Path) -> None:
    require_place(tmp_path / "new" / "x.csv", [tmp_path / "rows.csv"])
    assert [*(tmp_path / "new").iterdir()] == []
