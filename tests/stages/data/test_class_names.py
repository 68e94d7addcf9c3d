"""Numbers of classes in Parquet files of Hugging Face, which state their names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from test_row_forms import of_file

from modelwright.core.messages import Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.split import SPLITS
from modelwright.stages.data.stage import data

NAMES = ["sport", "world", "business"]
ROWS = 60


def features(**columns: Any) -> str:
    return json.dumps({"info": {"features": columns}})


def label(names: object = None) -> dict[str, Any]:
    return {"names": NAMES if names is None else names, "_type": "ClassLabel"}


def write(path: Path, stated: str | None, labels: list[Any], begin: int = 0) -> None:
    texts = [f"text {n} of many" for n in range(begin, begin + len(labels))]
    frame = pl.DataFrame({"text": texts, "label": labels})
    frame.write_parquet(path, metadata=None if stated is None else {"huggingface": stated})


def read(folder: Path, function: str, **config: Any) -> tuple[list[dict[str, Any]], dict[str, Notice]]:
    return of_file(folder, "rows.parquet", function, **config)


def test_a_category_is_read_by_the_names_of_its_file_and_said(tmp_path: Path) -> None:
    write(tmp_path / "rows.parquet", features(label=label()), [n % 3 for n in range(ROWS)])
    rows, notices = read(tmp_path, "sort(text: text) -> label: category")
    assert {row["label"] for row in rows} == set(NAMES)
    assert all(NAMES[int(row["text"].split()[1]) % 3] == row["label"] for row in rows)
    assert notices["data.class-names"].values["names"] == NAMES


def test_a_number_stays_a_number(tmp_path: Path) -> None:
    write(tmp_path / "rows.parquet", features(label=label()), [n % 3 for n in range(ROWS)])
    rows, notices = read(tmp_path, "sort(text: text) -> label: number")
    assert {row["label"] for row in rows} == {0.0, 1.0, 2.0}
    assert "data.class-names" not in notices


def test_lists_of_numbers_are_tags_by_their_names(tmp_path: Path) -> None:
    stated = features(label={"feature": label(), "_type": "List"})
    write(tmp_path / "rows.parquet", stated, [[n % 3, (n + 1) % 3] if n % 5 else [] for n in range(ROWS)])
    rows, _ = read(tmp_path, "sort(text: text) -> label: tags")
    assert {one for row in rows for one in row["label"] or ()} == set(NAMES)


def test_tags_of_tokens_take_the_names_of_their_file(tmp_path: Path) -> None:
    tags = label(["O", "B-PER", "I-PER"])
    stated = features(tags={"feature": tags, "length": -1, "_type": "Sequence"})
    frame = pl.DataFrame(
        {"tokens": [["Ann", "Lee", f"n{n}"] for n in range(ROWS)], "tags": [[1, 2, 0]] * ROWS}
    )
    frame.write_parquet(tmp_path / "rows.parquet", metadata={"huggingface": stated})
    rows, notices = read(tmp_path, "entities(text: text) -> places: spans")
    assert [(one["start"], one["end"], one["label"]) for one in rows[0]["places"]] == [(0, 7, "PER")]
    assert notices["data.class-names"].values["count"] == 3


def test_a_missing_class_is_missing_and_one_without_a_name_stays_a_number(tmp_path: Path) -> None:
    write(tmp_path / "rows.parquet", features(label=label()), [(-1, 0, 1, 2, 7)[n % 5] for n in range(ROWS)])
    rows, _ = read(tmp_path, "sort(text: text) -> label: category", invalid="drop")
    assert len(rows) == ROWS * 4 / 5
    assert {row["label"] for row in rows} == {*NAMES, "7"}


def test_where_files_state_different_names_numbers_stay_numbers(tmp_path: Path) -> None:
    numbers = [n % 3 for n in range(ROWS)]
    signature = Signature.parse("sort(text: text) -> label: category")
    for split in SPLITS:
        write(tmp_path / f"{split}.parquet", features(label=label()), numbers, begin=len(split) * ROWS)
    config = DataConfig.model_validate({split: f"{split}.parquet" for split in SPLITS})
    for out, names in enumerate((NAMES, NAMES[::-1], None)):
        write(tmp_path / "test.parquet", None if names is None else features(label=label(names)), numbers)
        data(signature, config, tmp_path, tmp_path / str(out), Silent())
        found = pl.read_parquet(tmp_path / f"{out}/train/rows.parquet")["label"]
        assert set(found) == (set(NAMES) if names == NAMES else {"0", "1", "2"})


@pytest.mark.parametrize(
    "stated",
    [
        "{",
        "[" * 100_000,
        "3",
        '{"info": []}',
        '{"info": {"features": [1]}}',
        *(
            features(label=one)
            for one in (3, [], [3, 4], label([]), label(["a", 3]), label(["a", "a"]), label("ab"))
        ),
    ],
    ids=range(12),
)
def test_what_is_no_description_is_passed_over(tmp_path: Path, stated: str) -> None:
    write(tmp_path / "rows.parquet", stated, [n % 3 for n in range(ROWS)])
    rows, notices = read(tmp_path, "sort(text: text) -> label: category")
    assert {row["label"] for row in rows} == {"0", "1", "2"}
    assert "data.class-names" not in notices
