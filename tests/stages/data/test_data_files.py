"""Values that are files: the same rows wherever the bytes lie, in bounded chunks, and each bad file named."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from modelwright.core import digests
from modelwright.core.messages import DataError, Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.stages.data import writing
from modelwright.stages.data.checking import some
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data, make
from modelwright.tables.spool import Limits

SORT = Signature("sort", (Field("photo", "image"),), (Field("label", "category"),))
COUNT = 80


def picture(number: int) -> bytes:
    """Return a PNG of noise, another one for each number."""
    out = io.BytesIO()
    Image.frombytes("L", (8, 8), digests.of_bytes(str(number).encode()).encode()).save(out, "PNG")
    return out.getvalue()


def label(number: int) -> str:
    return "ab"[number % 2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with pictures by class, and a table of their paths."""
    lines = ["photo,label,who"]
    for number in range(COUNT):
        place = tmp_path / "set" / "pictures" / label(number) / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(picture(number))
        lines.append(f"pictures/{label(number)}/{number}.png,{label(number)},w{number % 7}")
    (tmp_path / "set" / "rows.csv").write_text("\n".join(lines))
    return tmp_path


def run(folder: Path, name: str = "out", signature: Signature = SORT, **section: Any) -> Mapping[str, Any]:
    return data(signature, DataConfig(**section), folder, folder / name, Silent())


def problems(folder: Path, signature: Signature = SORT, **section: Any) -> list[Any]:
    with pytest.raises(DataError) as error:
        run(folder, signature=signature, **section)
    return list(error.value.problems)


def rows(folder: Path, name: str = "out") -> dict[str, tuple[str, bytes, str]]:
    """Return split, picture and label by the row's id."""
    return {
        row["id"]: (split, row["photo"], row["label"])
        for split in ("train", "validation", "test")
        for row in pl.read_parquet(folder / name / split / "rows.parquet").iter_rows(named=True)
    }


def frame(paths: bool) -> pl.DataFrame:
    numbers = range(COUNT)
    return pl.DataFrame(
        {
            "photo": [
                {"bytes": picture(n), "path": f"elsewhere/{n}.png" if paths else None} for n in numbers
            ],
            "label": list(map(label, numbers)),
        }
    )


def as_bytes(folder: Path) -> None:
    plain = frame(paths=False)
    plain.with_columns(photo=plain["photo"].struct.field("bytes")).write_parquet(folder / "rows.parquet")


def as_uris(folder: Path) -> None:
    import base64

    lines = [
        {"photo": f"data:image/png;base64,{base64.b64encode(picture(n)).decode()}", "label": label(n)}
        for n in range(COUNT)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)))


FORMS: Mapping[str, tuple[Callable[[Path], object], dict[str, Any]]] = {
    "a folder by class": (
        lambda folder: None,
        {"source": "set/pictures/", "columns": {"photo": "file", "label": "folder"}},
    ),
    "a pattern with names": (
        lambda folder: None,
        {"source": "set/pictures/{label}/{n}.png", "columns": {"photo": "file"}},
    ),
    "paths, with the folder stated": (
        lambda folder: (folder / "rows.csv").write_bytes((folder / "set" / "rows.csv").read_bytes()),
        {"source": "rows.csv", "files": {"folder": "set"}},
    ),
    "bytes in Parquet": (as_bytes, {"source": "rows.parquet"}),
    "bytes and path in Parquet": (
        lambda folder: frame(paths=True).write_parquet(folder / "rows.parquet"),
        {"source": "rows.parquet"},
    ),
    "data URIs": (as_uris, {"source": "rows.jsonl"}),
}


@pytest.mark.parametrize("form", FORMS)
def test_rows_and_splits_follow_from_the_bytes(project: Path, form: str) -> None:
    run(project, "first", source="set/rows.csv")
    prepare, section = FORMS[form]
    prepare(project)
    run(project, **section)
    assert rows(project) == rows(project, "first")
    assert len(rows(project)) == COUNT
    assert {number[1] for number in rows(project).values()} == set(map(picture, range(COUNT)))


def test_chunks_are_as_large_as_their_files_allow(project: Path) -> None:
    """The same bits, whatever the chunks; and none holds more files than it may."""
    held: list[int] = []
    made = {}
    for name, limits in {
        "one": Limits(file_bytes=1),
        "some": Limits(file_bytes=1_000, rows=7, memory_bytes=500),
        "all": Limits(),
    }.items():
        config = DataConfig(source="set/rows.csv", keep=["who"])
        folder = project / f"scratch-{name}"
        make(SORT, config, project, project / name, Silent(), scratch=folder, limits=limits)
        made[name] = digests.of_folder(project / name)
        held.append(len(list(folder.rglob("*.arrow"))))
    assert len(set(made.values())) == 1
    assert held[1] > held[2] == 0, "what is beyond the memory of a spool lies in files"


def test_bad_files_are_refused_and_named(project: Path) -> None:
    pictures = project / "set" / "pictures"
    (pictures / "a" / "0.png").write_bytes(b"no picture")
    (pictures / "a" / "2.png").write_bytes(b"")
    (pictures / "a" / "4.png").unlink()
    (pictures / "a" / "6.png").write_bytes(picture(6)[:60])
    (pictures / "a" / "8.png").unlink()
    (pictures / "a" / "8.png").symlink_to(__file__)
    (pictures / "a" / "10.png").write_bytes(b"x" * 2_000)
    section: dict[str, Any] = {"source": "set/rows.csv", "files": {"largest": "1 kB"}}
    found = problems(project, **section)
    said = "\n".join(map(str, found))
    for name in ("0.png", "2.png", "4.png", "6.png", "8.png", "10.png"):
        assert f"pictures/a/{name}" in said, name
    summary = run(project, invalid="drop", **section)
    assert sum(one["rejected"] for one in summary["splits"].values()) == 6
    aside = pl.read_parquet(project / "out" / "rejected" / "rows.parquet")
    assert sorted(json.loads(one)["photo"] for one in aside["raw"]) == sorted(
        f"pictures/a/{n}.png" for n in (0, 2, 4, 6, 8, 10)
    )
    assert all("photo: " in one for one in aside["reason"])
    assert len(rows(project)) == COUNT - 6


def test_a_blank_cell_is_a_missing_picture(project: Path) -> None:
    table = project / "set" / "rows.csv"
    table.write_text(table.read_text().replace("pictures/a/0.png", "").replace("pictures/a/2.png", "NA"))
    assert [one.id for one in problems(project, source="set/rows.csv")] == ["data.missing-value"]
    optional = Signature("sort", (Field("photo", "image", optional=True),), SORT.outputs)
    run(project, signature=optional, source="set/rows.csv")
    assert sum(photo is None for _, photo, _ in rows(project).values()) == 2
    profile = json.loads((project / "out" / "profile" / "profile.json").read_text())["inputs"]["photo"]
    assert profile["rows"] - profile["missing"] == sum(
        photo is not None and split != "test" for split, photo, _ in rows(project).values()
    )


def test_splits_and_kept_columns_come_from_the_names(project: Path) -> None:
    """A speaker's files stay together; and a kept path is the path."""
    section: dict[str, Any] = {
        "source": "set/pictures/{label}/{n:d}.png",
        "columns": {"photo": "file"},
        "keep": {"n": "n", "where": "file"},
        "untested": "*",
    }
    run(project, **section, group="n", split={"by": "group"})
    assert len(rows(project)) == COUNT
    kept = pl.read_parquet(project / "out" / "train" / "rows.parquet")
    assert set(kept["where"]) <= {f"set/pictures/{label(n)}/{n}.png" for n in range(COUNT)}
    run(project, "time", **section, time="n", split={"by": "time"})
    newest = pl.read_parquet(project / "time" / "test" / "rows.parquet")["n"]
    assert sorted(newest) == list(range(COUNT - len(newest), COUNT))


def test_a_group_is_on_one_side(project: Path) -> None:
    run(project, source="set/rows.csv", keep=["who"], group="who", split={"by": "group"}, untested="*")
    places: dict[str, set[str]] = {}
    for split in ("train", "validation", "test"):
        for who in pl.read_parquet(project / "out" / split / "rows.parquet")["who"]:
            places.setdefault(who, set()).add(split)
    assert len(places) == 7
    assert all(len(one) == 1 for one in places.values())


def test_a_split_that_the_names_state(project: Path) -> None:
    for split in ("train", "val", "test"):
        for number in range(10):
            place = project / "by" / split / label(number) / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(picture(len(split) * 100 + number))
    run(project, source="by/{split}/{label}/*.png", columns={"photo": "file"}, split={"by": "split"})
    assert sorted(split for split, _, _ in rows(project).values()) == sorted(
        ["train", "validation", "test"] * 10
    )


def test_text_files_are_read_as_text(tmp_path: Path) -> None:
    for number in range(60):
        place = tmp_path / "mail" / ("ham", "spam")[number % 2] / f"{number}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(f"Größe {number} of a letter".encode("utf-16" if number % 3 else "utf-8"))
    signature = Signature("f", (Field("photo", "text"),), (Field("label", "category"),))
    section: dict[str, Any] = {"source": "mail/", "columns": {"photo": "file", "label": "folder"}}
    run(tmp_path, signature=signature, **section)
    texts = {text for _, text, _ in rows(tmp_path).values()}
    assert texts == {f"Größe {number} of a letter" for number in range(60)}
    (tmp_path / "mail" / "ham" / "0.txt").write_bytes("Größe".encode("cp1252"))
    (found,) = problems(tmp_path, signature=signature, **section)
    assert "0.txt" in str(found)


def test_what_lies_beside_is_said(project: Path) -> None:
    (project / "set" / "pictures" / ".DS_Store").touch()
    (project / "set" / "pictures" / "readme.txt").touch()
    summary = run(project, source="set/pictures/", columns={"photo": "file", "label": "folder"})
    said = {one["id"]: Notice.from_wire(one) for one in summary["warnings"]}
    assert said["data.files-beside"].values["names"] == ["readme.txt"]
    assert said["data.hidden-files"].values["count"] == 1


def test_a_path_is_no_input_of_a_wildcard(project: Path) -> None:
    open_inputs = Signature("sort", (), (Field("label", "category"),))
    section: dict[str, Any] = {"source": "set/pictures/", "columns": {"label": "folder"}}
    with pytest.raises(DataError) as error:
        data(open_inputs, DataConfig(**section), project, project / "out", Silent(), open_inputs=True)
    assert [one.id for one in error.value.problems] == ["data.file-kind"]
    summary = data(
        open_inputs, DataConfig(**section, kinds={"file": "image"}), project, project / "out", Silent(),
        open_inputs=True,
    )  # fmt: skip
    assert summary["signature"] == "sort(file: image) -> label: category"


def test_a_folder_of_one_class_is_refused(tmp_path: Path) -> None:
    for number in range(30):
        place = tmp_path / "p" / "a" / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(picture(number))
    (found,) = problems(tmp_path, source="p/", columns={"photo": "file", "label": "folder"})
    assert found.id == "data.single-class"


def test_few_groups_of_which_none_is_tested_say_how_to_draw_others(project: Path) -> None:
    section: dict[str, Any] = {"source": "set/rows.csv", "group": "label", "untested": "*"}
    found = problems(project, split={"by": "group"}, **section)
    assert {one.id for one in found} == {"data.no-rows-left"}
    assert "data.split.key" in str(found[0])


@pytest.mark.parametrize("count", [0, 7, 30])
def test_large_rows_are_written_as_small_ones_are(tmp_path: Path, count: int) -> None:
    """They lie in pieces on the disk meanwhile: the bytes are the same, and nothing is left."""
    schema = {"id": pl.String(), "photo": pl.Binary(), "note": pl.String()}

    def frames() -> Iterator[pl.DataFrame]:
        for begin in range(0, count, 7):
            ids = [str(number) for number in range(begin, min(begin + 7, count))]
            photos = [None if one == "3" else one.encode() * 50 for one in ids]
            yield pl.DataFrame({"id": ids, "photo": photos, "note": [None] * len(ids)})

    writing.write_rows(frames(), schema, tmp_path / "pieces", 10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "ROW_GROUP", 10)
        writing.write_rows(frames(), schema, tmp_path / "whole", 10)
    assert [one.name for one in (tmp_path / "pieces").iterdir()] == ["rows.parquet"]
    pieces, whole = (tmp_path / name / "rows.parquet" for name in ("pieces", "whole"))
    assert pl.read_parquet(pieces).equals(pl.read_parquet(whole))
    assert pieces.read_bytes() == whole.read_bytes()


# -- memory ------------------------------------------------------------------------------------------------------

_FEW_OF_MANY = """
import os, sys
import numpy as np, polars as pl
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.stages.data.checking import some

FILES, BYTES, CHUNKS, EVERY = 64, 500_000, 12, 16
kept, before = [], 0
few = np.arange(FILES) % EVERY == 0
for number in range(CHUNKS):
    chunk = pl.DataFrame({"photo": [os.urandom(BYTES) for _ in range(FILES)], "row": range(FILES)})
    found = some(chunk, few, {"photo"})
    assert found.equals(chunk.filter(few))
    kept.append(found)
    before = before or peak_memory_bytes()  # of one chunk
print((peak_memory_bytes() - before) / (FILES * BYTES))
"""


def test_a_few_files_of_many_chunks_do_not_hold_the_chunks() -> None:
    grown = subprocess.run([sys.executable, "-c", _FEW_OF_MANY], capture_output=True, text=True, check=True)
    assert float(grown.stdout) < 5, "chunks held besides the first; without bytes of their own it is 11"


@pytest.mark.parametrize("files", [set(), {"photo"}, {"photo", "sound"}])
@pytest.mark.parametrize("rows", [[True] * 3, [False] * 3, [True, False, True]])
def test_some_rows_are_the_same_rows(files: set[str], rows: list[bool]) -> None:
    chunk = pl.DataFrame(
        {"photo": [b"one", None, b""], "sound": [None, b"a", b"b"], "class": ["a", "b", None]},
        schema_overrides={"photo": pl.Binary, "sound": pl.Binary},
    )
    kept = np.array(rows)
    assert some(chunk, kept, files).equals(chunk.filter(kept))
    assert some(chunk, kept, files).schema == chunk.schema
