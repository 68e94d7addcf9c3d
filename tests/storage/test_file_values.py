"""Columns of the bytes of files that lie on the disk: as a list of them, without their memory."""

import gc
import os
import threading
from pathlib import Path

import polars as pl
import pytest

from modelwright.core.messages import MachineError
from modelwright.core.signature import Field
from modelwright.storage.formats import examples, file_values
from modelwright.storage.formats.file_values import FileValues, taken

VALUES = [b"one", None, b"", b"four" * 1000, b"5"]


def held(tmp_path):
    return FileValues.of([VALUES[:2], [], VALUES[2:]], tmp_path)


def test_it_is_read_as_a_list_is(tmp_path):
    column = held(tmp_path)
    assert list(column) == VALUES
    assert len(column) == 5
    assert (column[-1], column[3]) == (b"5", VALUES[3])
    assert list(column[::2]) == VALUES[::2]
    assert list(column[1:][::-1]) == VALUES[1:][::-1]
    assert b"one" in column
    with pytest.raises(IndexError):
        column[5]
    for rows in ([4, 0, 0], []):
        assert list(taken(column, rows)) == [VALUES[row] for row in rows] == list(taken(VALUES, rows))
    assert isinstance(taken(column, [1]), FileValues)
    assert list(FileValues.of([], tmp_path)) == []


def test_no_file_is_seen_and_none_is_left_open(tmp_path):
    gc.collect()  # what earlier tests left to it
    before = len([*Path("/proc/self/fd").iterdir()])
    column = held(tmp_path)
    view = column[1:]
    assert list(tmp_path.iterdir()) == []
    del column
    assert view[2] == VALUES[3]
    del view
    gc.collect()
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_several_threads_read_at_once(tmp_path):
    values = [bytes([number]) * (1000 + number) for number in range(200)]
    column = FileValues.of([values], tmp_path)
    wrong = []

    def read():
        wrong.extend(at for at in range(200) if column[at] != values[at])

    threads = [threading.Thread(target=read) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert wrong == []


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    class Full:
        def __enter__(self):
            return self

        def __exit__(self, *how):
            return None

        def write(self, content):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(file_values.tempfile, "TemporaryFile", lambda **how: Full())
    with pytest.raises(MachineError, match=str(tmp_path)):
        held(tmp_path)


def test_a_folder_that_can_only_be_read_is_no_obstacle(tmp_path, monkeypatch):
    real = file_values.tempfile.TemporaryFile

    def refused(**how):
        if how:
            raise PermissionError(13, "Permission denied")
        return real()

    monkeypatch.setattr(file_values.tempfile, "TemporaryFile", refused)
    assert list(held(tmp_path)) == VALUES


@pytest.mark.parametrize("part_bytes", [1, 3_000, 1 << 20])
def test_a_large_part_is_read_as_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part_bytes: int
):
    photos = [None if number % 7 == 3 else os.urandom(100 + number) for number in range(60)]
    frame = pl.DataFrame({"id": map(str, range(60)), "photo": photos, "raw": photos, "size": range(60)})
    frame.write_parquet(tmp_path / examples.ROWS_FILE, row_group_size=16)
    fields = (Field("photo", "image"), Field("size", "number"))
    names = ["size", "photo", "raw", "id"]
    small = examples.read_columns(tmp_path, names, fields)
    assert isinstance(small["photo"], list)
    monkeypatch.setattr(examples, "HELD_BYTES", 1_000)
    monkeypatch.setattr(examples, "PART_BYTES", part_bytes)
    large = examples.read_columns(tmp_path, names, fields)
    assert isinstance(large["photo"], FileValues)
    assert [*large] == names
    assert {name: list(column) for name, column in large.items()} == small
