"""Folders by class and patterns with names: which files they name, what their names say, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.messages import DataError
from modelwright.tables.files.file_sets import FileSet
from modelwright.tables.readers import read
from modelwright.tables.sources import external_files, resolve, resolved


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def the_set(folder: Path, source: str) -> FileSet:
    (file,) = resolve({"source": [source]}, folder)["source"]
    assert file.files is not None
    return file.files


def rows(found: FileSet) -> Mapping[str, dict[str, str]]:
    return {
        path: dict(zip(found.names, cells, strict=True))
        for path, cells in zip(found.paths, found.cells, strict=True)
    }


def refusal(folder: Path, source: str) -> Any:
    with pytest.raises(DataError) as error:
        resolve({"source": [source]}, folder)
    (problem,) = error.value.problems
    return problem


PICTURES = (
    "p/cat/1.jpg",
    "p/cat/2.jpg",
    "p/dog/1.jpg",
    "p/.DS_Store",
    "p/cat/.hidden.jpg",
    "p/.git/x",
    "p/notes.txt",
)


@pytest.mark.parametrize(
    "source", ["p/", "p", "./p/", "p/*/*", "p/*/*.jpg", "p/{cat,dog}/*.jpg", "p/**/*.jpg"]
)
def test_a_folder_by_class(tmp_path: Path, source: str) -> None:
    make(tmp_path, *PICTURES)
    found = the_set(tmp_path, source)
    assert rows(found) == {
        "p/cat/1.jpg": {"folder": "cat"},
        "p/cat/2.jpg": {"folder": "cat"},
        "p/dog/1.jpg": {"folder": "dog"},
    }
    assert found.hidden >= 1
    assert found.beside == (("notes.txt",) if source in {"p/", "p", "./p/", "p/**/*.jpg"} else ())


def test_names_in_a_pattern_are_columns(tmp_path: Path) -> None:
    make(
        tmp_path, "r/7_jackson_32.wav", "r/0_theo_1.wav", "r/readme.wav", "r/.7_x_1.wav", "r/7_jackson_32.txt"
    )
    found = the_set(tmp_path, "r/{digit}_{speaker}_{index}.wav")
    assert rows(found) == {
        "r/0_theo_1.wav": {"digit": "0", "speaker": "theo", "index": "1"},
        "r/7_jackson_32.wav": {"digit": "7", "speaker": "jackson", "index": "32"},
    }
    assert (found.beside, found.hidden, found.doubtful) == (("7_jackson_32.txt", "readme.wav"), 1, 0)


@pytest.mark.parametrize(
    ("source", "name", "cells"),
    [
        ("{split}/{label}/*.jpg", "train/a b/1.jpg", {"split": "train", "label": "a b"}),
        ("{部门}/{n:d}.png", "研发/12.png", {"部门": "研发", "n": "12"}),
        ("{a}-{b:d}.jpg", "golden-retriever-12.jpg", {"a": "golden-retriever", "b": "12"}),
        ("{a}/{a}_{b}.jpg", "x/x_1.jpg", {"a": "x", "b": "1"}),
        ("**/{a}.jpg", "x/y/z.jpg", {"a": "z"}),
        ("{a}/**/*.jpg", "x/y/z.jpg", {"a": "x"}),
        ("[xy]{a}?.{jpg,png}", "xabc.png", {"a": "ab"}),
        ("[!x]{a}.png", "yabc.png", {"a": "abc"}),
        ("{a}.{jpg,png}", "a.b.png", {"a": "a.b"}),
        ("a(b+{c}.png", "a(b+1.png", {"c": "1"}),
    ],
)
def test_forms_of_patterns(tmp_path: Path, source: str, name: str, cells: dict[str, str]) -> None:
    make(tmp_path, name)
    assert rows(the_set(tmp_path, source)) == {name: cells}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("{a}/{a}_{b}.jpg", "x/y_1.jpg"),
        ("{a:d}.jpg", "x1.jpg"),
        ("{a}.jpg", "x/y.jpg"),
        ("{a}_{b}.jpg", "_1.jpg"),
    ],
)
def test_what_a_pattern_does_not_name(tmp_path: Path, source: str, name: str) -> None:
    make(tmp_path, name)
    assert refusal(tmp_path, source).id == "data.no-match"


def test_a_name_that_reads_in_two_ways_is_said(tmp_path: Path) -> None:
    make(tmp_path, "p/golden-retriever-12.jpg", "p/pug-3.jpg")
    (file,) = resolve({"source": ["p/{race}-{n}.jpg"]}, tmp_path)["source"]
    (notice,) = read(file, tmp_path / "scratch").notices
    assert notice.id == "data.two-ways"
    assert notice.values == {
        "column": "race", "count": 1, "file": "golden-retriever-12.jpg", "taken": "golden", "other": "golden-retriever",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("names", "source", "problem"),
    [
        (["p/.DS_Store"], "p/", "data.empty-folder"),
        (["p/1.jpg", "p/2.jpg"], "p/", "data.flat-folder"),
        (["p/train/a/1.jpg", "p/train/b/2.jpg"], "p/", "data.deep-folder"),
        (["p/a.csv"], "p/", "data.source-folder"),
        (["p/x/a.csv", "p/x/b.csv"], "p/", "data.source-folder"),
        (["p/a.csv"], "p/{month}.csv", "data.pattern-of-tables"),
        (["p/1.jpg"], "p/{file}.jpg", "data.pattern-name"),
        (["p/1.jpg"], "p/{1}.jpg", "data.pattern-name"),
        (["p/1.jpg"], "p/{}.jpg", "data.pattern-name"),
        (["p/1.jpg"], "p/{a:x}.jpg", "data.pattern-name"),
        (["p/1.jpg"], "p/{a}.png", "data.no-match"),
        (["p/1.jpg"], "q/{a}.png", "data.missing-file"),
        (["p/1.jpg", "q/1.png"], "p/{a}.jpg,q", "data.no-match"),
    ],
)
def test_what_is_no_set_of_files(tmp_path: Path, names: list[str], source: str, problem: str) -> None:
    make(tmp_path, *names)
    assert refusal(tmp_path, source).id == problem


def test_alternatives_with_other_names_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "p/1.jpg")
    with pytest.raises(DataError):
        resolve({"source": ["p/{{a}_x,{b}_y}.jpg"]}, tmp_path)


def test_a_pattern_of_tables_stays_one(tmp_path: Path) -> None:
    (tmp_path / "jan.csv").write_text("a\n1\n")
    (tmp_path / "feb.csv").write_text("a\n1\n")
    assert [one.files for one in resolve({"source": ["{jan,feb}.csv"]}, tmp_path)["source"]] == [None, None]
    assert len(resolve({"source": ["*.csv"]}, tmp_path)["source"]) == 2


def test_two_patterns_may_share_a_folder_but_no_file(tmp_path: Path) -> None:
    make(tmp_path, "r/1_0.wav", "r/1_1.wav")
    named = {"train": ["r/{d}_0.wav"], "test": ["r/{d}_1.wav"]}
    assert len(external_files(named, tmp_path)) == 2
    with pytest.raises(DataError, match=r"1_1\.wav"):
        resolve({"train": ["r/{d}_*.wav"], "test": ["r/{d}_1.wav"]}, tmp_path)


def test_a_folder_elsewhere_names_no_path_of_this_machine(tmp_path: Path) -> None:
    make(tmp_path, "far/cat/1.jpg")
    project = tmp_path / "project"
    project.mkdir()
    for source in ("../far/", str(tmp_path / "far")):
        assert rows(the_set(project, source)) == {"cat/1.jpg": {"folder": "cat"}}


def test_more_and_less_files_are_watched(tmp_path: Path) -> None:
    make(tmp_path, "p/cat/1.jpg")
    before = resolved({"source": ["p/*/*.jpg"]}, tmp_path).patterns
    make(tmp_path, "p/cat/2.jpg")
    assert resolved({"source": ["p/*/*.jpg"]}, tmp_path).patterns != before


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    make(tmp_path, "p/cat/1.jpg")
    (tmp_path / "p" / "cat" / "2.jpg").symlink_to("gone.jpg")
    assert refusal(tmp_path, "p/").id == "data.dangling-link"
