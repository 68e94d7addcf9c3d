from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwright.core import digests
from modelwright.core.messages import DataError
from modelwright.storage import filestat
from modelwright.storage.file_digests import FileDigests

LATER_NS = 1 << 62  # a clock so late that every file has settled


def test_digests_are_those_of_core(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "e" / "x").write_text("1")
    (tmp_path / "d" / ".hidden").write_text("2")
    (tmp_path / "d" / "link").symlink_to(tmp_path / "d" / "e" / "x")
    (tmp_path / "d" / "loop").symlink_to(tmp_path / "d")
    files = FileDigests()
    assert files.of(tmp_path / "d" / "e" / "x") == digests.of_bytes(b"1")
    assert files.of(tmp_path / "d") == digests.of_folder(tmp_path / "d")


def test_what_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    path, cache = tmp_path / "x", tmp_path / "cache" / "files.json"
    path.write_text("1")
    first = FileDigests(cache, lambda: LATER_NS).of(path)
    cache.write_text(cache.read_text().replace(first, "0" * 64))
    assert FileDigests(cache, lambda: LATER_NS).of(path) == "0" * 64
    path.write_text("2")
    assert FileDigests(cache, lambda: LATER_NS).of(path) == digests.of_bytes(b"2")


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"format": 1}', '{"format": 1, "files": {"x": [1]}}'])
def test_a_damaged_cache_is_an_empty_one(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "x").write_text("1")
    (tmp_path / "cache.json").write_text(damaged)
    assert FileDigests(tmp_path / "cache.json").of(tmp_path / "x") == digests.of_bytes(b"1")


def test_a_second_change_within_one_tick_is_seen(tmp_path: Path) -> None:
    path, cache = tmp_path / "x", tmp_path / "files.json"
    path.write_text("1")
    times = path.stat()
    assert FileDigests(cache).of(path) == digests.of_bytes(b"1")
    path.write_text("2")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert FileDigests(cache).of(path) == digests.of_bytes(b"2")
    assert not cache.exists()  # what has just changed is not remembered


def test_a_time_set_back_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("1")
    files = FileDigests(None, lambda: LATER_NS)
    files.of(path)
    times = path.stat()
    # The clock of the file system ticks every few ms; the change must come in a later tick than the first.
    while filestat.of(path)[2] == times.st_ctime_ns:
        path.write_text("2")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert files.of(path) == digests.of_bytes(b"2")


def test_an_old_file_is_settled_and_a_new_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("1")
    found = filestat.of(tmp_path / "x")
    assert not filestat.settled(found, time.time_ns())
    assert filestat.settled(found, time.time_ns() + filestat.TICK_NS + 1)
    assert filestat.of(tmp_path / "y") is None
    assert filestat.of(tmp_path) is None


def test_a_missing_file_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        FileDigests().of(tmp_path / "none.csv")
    assert caught.value.problems[0].id == "files.unreadable"
    assert "none.csv" in str(caught.value)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=3) | st.none()), max_size=8))
def test_the_cache_never_answers_for_another_state(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, bytes | None]]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    (folder / "d").mkdir()
    for name, content in changes:
        if content is None:
            (folder / "d" / name).unlink(missing_ok=True)
        else:
            (folder / "d" / name).write_bytes(content)
        assert FileDigests(folder / "cache.json").of(folder / "d") == digests.of_folder(folder / "d")
