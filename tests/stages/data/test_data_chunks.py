"""The same rows become the same bytes whatever the chunks, and become what the definition row by row says."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rowwise_data import by_rows

from modelwright.core import digests
from modelwright.core.messages import DataError
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.stages.data.config import SPLIT_OF_TRAIN, DataConfig, Split
from modelwright.stages.data.stage import make
from modelwright.tables.spool import Limits

SIGNATURE = Signature(
    "f",
    (Field("t", "text"), Field("n", "number", optional=True), Field("c", "category"), Field("b", "boolean")),
    (Field("y", "category"),),
)
ONE, SEVEN = Limits(rows=1, characters=1, memory_bytes=0), Limits(rows=7, characters=50, memory_bytes=300)
THOUSAND, ALL = (
    Limits(rows=1_000, characters=1_000),
    Limits(rows=10**9, characters=10**9, memory_bytes=10**12),
)
FEW = Limits(rows=20, characters=400, memory_bytes=300)  # several chunks of these files, without hundreds
KEYS = ("t", "n", "c", "b", "y", "k")
TEXT = st.sampled_from(["", " ", "a", "b ", "a  b", "é", "e\u0301", 'say "hi"', "x,y", "two\nlines", "問"])
NUMBER = st.sampled_from(["", "1", "1.0", " 2 ", "-0.0", "0", "1e400", "abc", "1_0", "٣"])
TRUTH = st.sampled_from(["yes", "no", "TRUE", "0", "", "maybe"])
ROW = st.tuples(TEXT, NUMBER, TEXT, TRUTH, st.sampled_from("abc"), TEXT)


def made(folder: Path, limits: Limits, name: str, signature: Signature = SIGNATURE, **section: Any) -> Any:
    """Return the summary and the digest of what is written, or the problems."""
    out = folder / name
    try:
        summary = make(
            signature,
            DataConfig(**section),
            folder,
            out,
            Silent(),
            scratch=folder / f"scratch-{name}",
            limits=limits,
        )
    except DataError as error:
        return [str(problem) for problem in error.problems]
    return summary, digests.of_folder(out)


def same_for_all(
    folder: Path, signature: Signature = SIGNATURE, limits: tuple[Limits, ...] = (FEW, ALL), **section: Any
) -> Any:
    first, *others = [made(folder, one, f"out-{at}", signature, **section) for at, one in enumerate(limits)]
    for other in others:
        assert other == first
    return first


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, KEYS)
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def plenty(first: int = 0) -> list[dict[str, Any]]:
    """Return good rows of every class, so that no split and no class is empty."""
    return [
        {
            "t": f"text {at}",
            "n": str(at % 9),
            "c": "uvw"[at % 3],
            "b": "yes",
            "y": "abc"[at % 3],
            "k": str(at),
        }
        for at in range(first, first + 36)
    ]


@given(st.lists(ROW, max_size=12), st.sampled_from([".csv", ".jsonl"]), st.randoms(use_true_random=False))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_rows_as_the_definition_says(
    tmp_path_factory: pytest.TempPathFactory, extra: list[tuple[str, ...]], ending: str, random: Any
) -> None:
    folder = tmp_path_factory.mktemp("chunks")
    odd = [dict(zip(KEYS, row, strict=True)) for row in extra]
    train, test = plenty() + odd, plenty(100) + odd[::3]
    random.shuffle(train)
    write(folder / f"train{ending}", train)
    write(folder / f"test{ending}", test)
    summary, _ = same_for_all(
        folder, train=f"train{ending}", test=f"test{ending}", invalid="drop", keep=["k"], repeated="drop"
    )
    expected = by_rows(SIGNATURE, {"test": test, "train": train}, {"test": None, "train": SPLIT_OF_TRAIN})
    for split, rows in expected.rows.items():
        frame = pl.read_parquet(folder / "out-0" / split / "rows.parquet")
        assert repr(frame.drop("k").rows()) == repr(rows)
        assert summary["splits"][split]["duplicates"] == expected.duplicates[split]
        assert summary["splits"][split]["conflicts"] == {"y": expected.conflicts[split]}
    rejected = pl.read_parquet(folder / "out-0" / "rejected" / "rows.parquet")
    assert rejected.select("id", "split", "row", "reason").rows() == expected.rejected
    assert (summary["also_in_test"], summary["also_in_validation"]) == (
        expected.also_in["test"],
        expected.also_in["validation"],
    )


@given(st.lists(ROW, max_size=6))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_refusals_are_told_alike(
    tmp_path_factory: pytest.TempPathFactory, extra: list[tuple[str, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("refused")
    write(folder / "a.csv", plenty() + [dict(zip(KEYS, row, strict=True)) for row in extra])
    same_for_all(folder, source="a.csv", untested=["a", "b", "c"])


CELL = st.none() | st.sampled_from([1, 2, 1.5, 2.0, True, "1", "a", "", 2**70, ["x"], {"z": 1}])


@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=8))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_mixed_cells_of_json_in_every_place(
    tmp_path_factory: pytest.TempPathFactory, extra: list[tuple[Any, ...]]
) -> None:
    """As an input whose kind the data decides, as one that is declared, and as a kept column."""
    folder = tmp_path_factory.mktemp("mixed")
    odd = [{"t": "more", "c": a, "y": "a", "k": b, "late": c} for a, b, c in extra]
    write(folder / "a.jsonl", [*plenty(), *odd])
    same_for_all(folder, source="a.jsonl", invalid="drop", keep=["k"], untested=["a", "b", "c"])
    open_inputs = Signature("f", (), SIGNATURE.outputs)
    same_for_all(folder, open_inputs, source="a.jsonl", invalid="drop", keep=["k"], untested=["a", "b", "c"])


def test_every_size_of_a_chunk_gives_the_same_bytes(tmp_path: Path) -> None:
    odd = [
        dict(zip(KEYS, row, strict=True))
        for row in [
            ("a  b", "1e400", " ", "maybe", "a", "07"),
            ('say "hi"', "-0.0", "x,y", "no", "b", ""),
            ("two\nlines", "0", "e\u0301", "yes", "", "1"),
            ("two\nlines", "", "\u00e9", "TRUE", "c", "2.5"),
            ("two lines", "", "e\u0301", "yes", "a", "x"),
        ]
    ]
    write(tmp_path / "train.csv", [*plenty(), *odd])
    write(tmp_path / "test.csv", [*plenty(100), *odd[3:], *odd[1:]])
    sizes = (ONE, SEVEN, THOUSAND, ALL)
    summary, _ = same_for_all(
        tmp_path, limits=sizes, train="train.csv", test="test.csv", invalid="drop", keep=["k"]
    )
    assert summary["also_in_test"] > 0
    assert summary["splits"]["test"]["duplicates"] == 3
    assert sum(one["rejected"] for one in summary["splits"].values()) > 3


def test_kinds_are_inferred_alike_and_shares_by_class_hold(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", [*plenty(), *plenty(200), *plenty(400)])
    signature = Signature("f", (), SIGNATURE.outputs)
    classes = {"a": {"train": 30, "validation": 20, "test": 50}}
    summary, _ = same_for_all(tmp_path, signature, source="a.csv", split={"classes": classes}, keep=["b"])
    assert "t: text, n: number, c: category, k: number" in summary["signature"]


def test_the_rows_of_parquet_and_a_source_that_is_split(tmp_path: Path) -> None:
    rows = plenty() + plenty(30)
    typed = [{**row, "n": int(row["n"]), "b": True, "k": [row["k"]]} for row in rows]
    pl.DataFrame(typed).write_parquet(tmp_path / "a.parquet", row_group_size=17)
    _, first = same_for_all(tmp_path, source="a.parquet", keep=["k"])
    expected = by_rows(SIGNATURE, {"source": typed}, {"source": Split()})
    for split, of_split in expected.rows.items():
        frame = pl.read_parquet(tmp_path / "out-0" / split / "rows.parquet")
        assert frame.drop("k").rows() == of_split
        assert frame["k"].dtype == pl.String
    assert first


def test_sets_of_a_cell_are_counted_by_member(tmp_path: Path) -> None:
    """Values that are lists to Polars go the whole way, and `data.tag_separator` splits them."""
    signature = Signature("f", (Field("t", "text"),), (Field("y", "tags"),))
    rows = [{"t": f"text {at}", "y": ["u|v", "v", "[]", "w | u"][at % 4]} for at in range(80)]
    write(tmp_path / "a.csv", [{name: row.get(name, "") for name in KEYS} for row in [*rows, rows[0]]])
    summary, _ = same_for_all(tmp_path, signature, source="a.csv", tag_separator="|")
    counted = {name: sum(of.values()) for name, of in summary["classes"]["y"].items()}
    assert counted == {"u": 41, "v": 41, "w": 20}
    assert sum(one["duplicates"] for one in summary["splits"].values()) == 1
    assert sum(one["conflicts"]["y"] for one in summary["splits"].values()) == 0
