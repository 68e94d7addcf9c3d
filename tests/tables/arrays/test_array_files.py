"""IDX and NPZ: the rows that they hold, what is left out of them, and damaged files in our words."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from modelwright.core.messages import DataError
from modelwright.tables.arrays import idx_files, npz_files
from modelwright.tables.arrays.array_cells import png
from modelwright.tables.readers import read
from modelwright.tables.sources import resolve
from modelwright.tables.table import Table

TYPES = {"|u1": 8, "|i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}
PICTURES = np.arange(7 * 4 * 5, dtype=np.uint8).reshape(7, 4, 5)
LABELS = np.arange(7, dtype=np.uint8)


def idx(array: np.ndarray[Any, Any]) -> bytes:
    big = array.astype(array.dtype.newbyteorder(">"))
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes((0, 0, TYPES[big.dtype.str], array.ndim)) + sizes + big.tobytes()


def table(folder: Path, source: str) -> Table:
    (file,) = resolve({"source": [source]}, folder)["source"]
    return read(file, folder / "scratch")


def frame(of: Table) -> pl.DataFrame:
    return pl.concat(list(of.chunks()))


def problem(folder: Path, source: str) -> Any:
    with pytest.raises(DataError) as error:
        table(folder, source)
    (found,) = error.value.problems
    return found


def pixels(cell: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(cell)))


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3), (3, 5, 4), (1, 1), (28, 28, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_picture_reads_back(shape: tuple[int, ...], dtype: type) -> None:
    if dtype is np.uint16 and len(shape) == 3 and shape[2] > 1:
        pytest.skip("Pillow reads colours of 16 bits as 8")
    array = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype)
    assert (pixels(png(array)) == array.reshape(pixels(png(array)).shape)).all()


@pytest.mark.parametrize(
    "name", ["train-{}-idx{}-ubyte", "t10k-{}.idx{}-ubyte", "{}-idx{}-ubyte.gz", "{}.idx{}"]
)
def test_pictures_find_their_labels(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx_files, "BLOCK_BYTES", 41)  # two pictures at once
    for of, array in (("images", PICTURES), ("labels", LABELS)):
        content = idx(array)
        (tmp_path / name.format(of, array.ndim)).write_bytes(
            gzip.compress(content) if name.endswith(".gz") else content
        )
    for source in (name.format("images", 3), "*"):
        found = frame(table(tmp_path, source))
        assert found.columns == ["image", "label"]
        assert found["label"].to_list() == LABELS.tolist()
        assert (np.stack([pixels(cell) for cell in found["image"]]) == PICTURES).all()


@pytest.mark.parametrize("dtype", ["u1", "i1", ">i2", ">i4", ">f4", ">f8"])
def test_other_arrays_are_numbers_and_lists(tmp_path: Path, dtype: str) -> None:
    (tmp_path / "a.idx").write_bytes(idx(np.arange(3).astype(dtype)))
    (tmp_path / "b.idx").write_bytes(idx(np.arange(6).reshape(3, 2).astype(dtype)))
    assert frame(table(tmp_path, "a.idx")).to_dict(as_series=False) == {"label": [0, 1, 2]}
    assert frame(table(tmp_path, "b.idx")).to_dict(as_series=False) == {"values": [[0, 1], [2, 3], [4, 5]]}


WHOLE = idx(PICTURES)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "data.idx-damaged"),
        (b"\0\0\x08", "data.idx-damaged"),
        (b"\1" + WHOLE[1:], "data.idx-damaged"),
        (WHOLE[:2] + b"\x07" + WHOLE[3:], "data.idx-damaged"),
        (WHOLE[:9], "data.idx-damaged"),
        (WHOLE[:-1], "data.idx-damaged"),
        (WHOLE + b"\0", "data.idx-damaged"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "data.idx-shape"),
        (idx(PICTURES[:0]), "data.no-rows"),
    ],
)
def test_a_damaged_idx_file_is_named(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "x-idx3-ubyte").write_bytes(content)
    found = problem(tmp_path, "x-idx3-ubyte")
    assert (found.id, str(found.where)) == (expected, "x-idx3-ubyte")


def test_labels_of_other_pictures_are_refused(tmp_path: Path) -> None:
    (tmp_path / "images-idx3-ubyte").write_bytes(WHOLE)
    (tmp_path / "labels-idx1-ubyte").write_bytes(idx(LABELS[:-1]))
    assert problem(tmp_path, "images-idx3-ubyte").id == "data.idx-lengths"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_splits_are_rows(tmp_path: Path, save: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_files, "BLOCK_BYTES", 41)
    arrays: dict[str, Any] = {}
    for split, n in (("train", 4), ("val", 2), ("test", 1)):
        arrays |= {f"{split}_images": PICTURES[:n], f"{split}_labels": LABELS[:n, None]}
    save(tmp_path / "a.npz", **arrays)
    found = frame(table(tmp_path, "a.npz"))
    assert found["split"].to_list() == ["train"] * 4 + ["val"] * 2 + ["test"]
    assert found["label"].to_list() == [0, 1, 2, 3, 0, 1, 0]
    assert (pixels(found["image"][3]) == PICTURES[3]).all()
    save(tmp_path / "b.npz", x_train=PICTURES, y_train=LABELS, x_test=PICTURES[:2], y_test=LABELS[:2])
    found = frame(table(tmp_path, "b.npz"))
    assert (set(found.columns), found.height) == ({"x", "y", "split"}, 9)


def test_arrays_of_one_length_are_columns(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz",
        images=np.asfortranarray(PICTURES),
        amount=np.linspace(0, 1, 7),
        vector=np.arange(14.0).reshape(7, 2),
        name=np.array(list("abcdefg")),
        good=LABELS > 3,
        classes=np.array(["x", "y"]),
        floats=np.zeros((7, 3, 3)),
    )
    found = table(tmp_path, "a.npz")
    assert found.columns == ("image", "amount", "vector", "name", "good")
    rows = frame(found)
    assert (pixels(rows["image"][6]) == PICTURES[6]).all()
    assert rows["vector"].to_list()[1] == [2.0, 3.0]
    assert rows.row(2)[3:] == ("c", False)
    (notice,) = found.notices
    assert (notice.id, notice.values["count"]) == ("data.npz-left-out", 2)


def test_python_objects_are_never_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", n=np.arange(3), evil=np.array([{}, {}, {}], dtype=object))
    found = table(tmp_path, "a.npz")
    assert found.columns == ("n",)
    assert [one.id for one in found.notices] == ["data.npz-pickled"]


def whole() -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, images=PICTURES.repeat(50, 0), labels=LABELS.repeat(50))
    return out.getvalue()


def with_member(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.npy", content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "data.npz-damaged"),
        (b"PK no archive", "data.npz-damaged"),
        (whole()[:-40], "data.npz-damaged"),
        (whole()[:200] + bytes(50) + whole()[250:], "data.npz-damaged"),
        (with_member(b"\x93NUMPY\1\0 broken"), "data.npz-damaged"),
        (with_member(b"nothing"), "data.npz-damaged"),
        (with_member(b""), "data.npz-damaged"),
    ],
)
def test_a_damaged_npz_file_is_named(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    found = problem(tmp_path, "a.npz")
    assert (found.id, str(found.where)) == (expected, "a.npz")


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"a": np.arange(3), "b": np.arange(4)}, "data.npz-lengths"),
        ({"train_x": np.arange(3), "train_y": np.arange(4)}, "data.npz-lengths"),
        ({"train_x": np.arange(3), "test_y": np.arange(3)}, "data.npz-lengths"),
        ({"a": np.array(3)}, "data.npz-empty"),
        ({"a": np.zeros((2, 3, 4))}, "data.npz-empty"),
        ({"a": np.zeros(0)}, "data.no-rows"),
    ],
)
def test_arrays_that_are_no_table(tmp_path: Path, arrays: dict[str, Any], expected: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    assert problem(tmp_path, "a.npz").id == expected
