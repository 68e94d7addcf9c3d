"""Patterns: which files they name, through links and loops, and which texts stand for several."""

import os

import pytest

from modelwright.storage import file_patterns, filestat


@pytest.fixture
def folder(tmp_path):
    """Return a folder of files, a folder outside that a link leads to, and links back."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for name in (
        "a.csv",
        "b.txt",
        ".hidden.csv",
        "one/a.csv",
        "one/two/b.csv",
        "part [1]/c.csv",
        "part 1/d.csv",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "e.csv").touch()
    (root / "linked").symlink_to(outside)
    (root / "one" / "loop").symlink_to(root)
    (root / "dangling.csv").symlink_to("nowhere")
    return root


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.csv", [".hidden.csv", "a.csv", "dangling.csv"]),
        ("./a.*", ["a.csv"]),
        ("?.csv", ["a.csv"]),
        ("[!b].*", ["a.csv"]),
        ("one/*/*.csv", ["one/loop/.hidden.csv", "one/loop/a.csv", "one/loop/dangling.csv", "one/two/b.csv"]),
        ("linked/**/*.csv", ["linked/deep/e.csv"]),
        ("*/deep/*", ["linked/deep/e.csv"]),
        ("one/../a.*", ["one/../a.csv"]),
        ("part [1]/*.csv", ["part [1]/c.csv"]),
        ("part [12]/*.csv", ["part 1/d.csv"]),
        ("nowhere/*.csv", []),
        ("a.csv/*", []),
        ("**/*.txt", ["b.txt"]),
        ("one/two/**", ["one/two/b.csv"]),
    ],
)
def test_a_pattern_names(folder, pattern, names):
    assert file_patterns.matches(str(folder), pattern) == [f"{folder}/{name}" for name in names]


def test_any_folders_are_entered_once_by_links_too(folder):
    found = [os.path.relpath(path, folder) for path in file_patterns.matches(str(folder), "**/[ab].csv")]
    assert found == ["a.csv", "one/a.csv", "one/two/b.csv"]
    assert file_patterns.matches(str(folder), "**/e.csv") == [f"{folder}/linked/deep/e.csv"]


def test_files_below_a_folder_are_those_of_linked_folders_too(folder):
    found = set(filestat.below(folder))
    assert {"linked/deep/e.csv", "one/two/b.csv", ".hidden.csv"} <= found
    assert not any("loop" in name for name in found)
    (folder.parent / "outside" / "back").symlink_to(folder.parent / "outside" / "deep")
    assert "linked/back/e.csv" in filestat.below(folder)
    (folder.parent / "outside" / "self").symlink_to(folder.parent / "outside")
    assert not any("self" in name for name in filestat.below(folder))


def test_a_folder_that_may_not_be_listed_is_an_error(folder, monkeypatch):
    def refused(place):
        raise PermissionError(13, "Permission denied", place)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(PermissionError):
        file_patterns.matches(str(folder), "*.csv")


@pytest.mark.parametrize(
    ("text", "stands_for"),
    [
        ("a.csv", ["a.csv"]),
        ("{a,b}.csv", ["a.csv", "b.csv"]),
        ("{a,b}/{c,d}", ["a/c", "a/d", "b/c", "b/d"]),
        ("{a,{b,c}}", ["a", "b", "c"]),
        ("{a}.csv", ["{a}.csv"]),
        ("x{,s}", ["x", "xs"]),
        ("{a,a}", ["a"]),
    ],
)
def test_braces_stand_for_several(text, stands_for):
    assert sorted(file_patterns.choices(text)) == sorted(stands_for)
