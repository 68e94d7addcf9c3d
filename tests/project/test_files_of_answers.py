"""A file of rows whose inputs are files themselves: paths beside it, base64, bytes; and what a path may not lead to."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
from pathlib import Path

import polars as pl
import pytest
from file_bodies import LEVELS, picture, picture_body
from tiny_serving import sealed

from modelwright.core.messages import RequestError
from modelwright.project import file_answers, file_rows
from modelwright.project.declaration import project_file
from modelwright.project.results.live_results import RowAnswer
from modelwright.runtime.function import Function, load


@pytest.fixture(scope="module")
def measure(tmp_path_factory: pytest.TempPathFactory) -> Function:
    return load(sealed(picture_body(), tmp_path_factory.mktemp("pictures") / "package"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder `in` with pictures in `in/pics`, beside a secret one, in the project's folder."""
    (pics := tmp_path / "in" / "pics").mkdir(parents=True)
    for name, level in LEVELS.items():
        (pics / f"{name}.png").write_bytes(picture(level))
    (tmp_path.parent / "secret.png").write_bytes(picture(20))
    (tmp_path / "of-project.png").write_bytes(picture(240))
    (pics / "link.png").symlink_to(tmp_path.parent / "secret.png")
    (pics / "text.png").write_text("no picture")
    return tmp_path / "in"


def answered(measure: Function, path: Path, batch: int = 256, **data: object) -> list[RowAnswer]:
    opened = project_file.from_mapping(
        {
            "function": "measure(photo: image, height: number?, marks: tags?) -> size: category",
            "data": {"columns": {"photo": "path"}, **data},
        },
        folder=path.parents[1],
    )
    rows = file_rows.read(path, opened.file.data)
    return list(
        file_answers.answers(
            rows, measure, 1, opened, folder=path.parent, keep=None, probabilities=False, batch=batch
        )
    )


def table(folder: Path, cells: list[object], ending: str = ".csv") -> Path:
    path = folder / f"rows{ending}"
    if ending == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["path", "height", "marks"], *([cell, "", ""] for cell in cells)])
    elif ending == ".jsonl":
        path.write_text("".join(json.dumps({"path": cell}) + "\n" for cell in cells))
    else:
        pl.DataFrame(
            {"path": cells, "height": [None] * len(cells), "marks": [None] * len(cells)}
        ).write_parquet(path)
    return path


def sizes(found: list[RowAnswer]) -> list[object]:
    return [one.outputs["size"]["value"] if one.outputs else [p.id for p in one.problems] for one in found]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("batch", [1, 256])
def test_paths_are_those_beside_the_file(
    measure: Function, folder: Path, ending: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    cells = [f"pics/{name}.png" for name in LEVELS]
    found = answered(measure, table(folder, [*cells, "of-project.png"], ending), batch)
    assert sizes(found) == [*LEVELS, "large"]
    assert [one.given["path"] for one in found] == [*cells, "of-project.png"]


def test_bytes_of_parquet_are_taken_as_they_are(measure: Function, folder: Path) -> None:
    contents = [picture(level) for level in LEVELS.values()]
    found = answered(measure, table(folder, contents, ".parquet"))
    assert sizes(found) == list(LEVELS)
    kept = [{"sha256": hashlib.sha256(one).hexdigest(), "bytes": len(one)} for one in contents]
    assert [one.given["path"] for one in found] == kept, "the answers do not hold the files"
    hubs = [{"bytes": contents[0], "path": "x.png"}, {"bytes": None, "path": "pics/large.png"}]
    assert sizes(answered(measure, table(folder, hubs, ".parquet"))) == ["small", "large"]


def test_texts_of_bytes_are_taken_too(measure: Function, folder: Path) -> None:
    text = base64.b64encode(picture(240)).decode()
    found = answered(measure, table(folder, [f"data:image/png;base64,{text}", text], ".jsonl"))
    assert sizes(found) == ["large", "large"]


WRONG = {
    "nothing": ("", "request.missing-input"),
    "no such file": ("pics/none.png", "request.wrong-value"),
    "upwards": ("../../secret.png", "request.wrong-value"),
    "elsewhere": ("/etc/hostname", "request.wrong-value"),
    "a link that leads out": ("pics/link.png", "request.wrong-value"),
    "a folder": ("pics", "request.wrong-value"),
    "an address": ("https://example.org/cat.png", "request.wrong-value"),
    "no picture": ("pics/text.png", "request.wrong-value"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_row_whose_file_cannot_be_read_says_why_and_the_others_are_answered(
    measure: Function, folder: Path, name: str
) -> None:
    cell, wanted = WRONG[name]
    found = answered(measure, table(folder, ["pics/small.png", cell, "pics/large.png"]))
    assert sizes(found) == ["small", [wanted], "large"]
    (problem,) = found[1].problems
    assert "row 2" in str(problem.where)


def test_a_file_larger_than_the_data_may_hold_is_refused(measure: Function, folder: Path) -> None:
    (folder / "pics" / "big.bmp").write_bytes(picture(20, "BMP", (300, 300)))
    found = answered(measure, table(folder, ["pics/big.bmp", "pics/small.png"]), files={"largest": 50_000})
    assert sizes(found) == [["request.wrong-value"], "small"]


def test_only_some_files_are_held_at_a_time(
    measure: Function, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    original = measure.answer
    monkeypatch.setattr(
        measure,
        "answer",
        lambda columns, **more: asked.append(len(columns["photo"])) or original(columns, **more),
    )
    one = len(picture(20))
    monkeypatch.setattr(file_answers, "CHUNK_BYTES", 2 * one + 10)
    found = answered(measure, table(folder, ["pics/small.png"] * 5))
    assert sizes(found) == ["small"] * 5
    assert asked == [2, 2, 1]


def test_a_frame_of_paths_reads_those_of_the_current_folder(
    measure: Function, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    frame = pl.DataFrame({"photo": [f"pics/{name}.png" for name in LEVELS]})
    assert [one.size for one in measure.predict(frame)] == list(LEVELS)
    for cell in ("../of-project.png", "pics/link.png", "/etc/hostname"):
        with pytest.raises(RequestError):
            measure.predict(pl.DataFrame({"photo": [cell]}))
