"""Small files that would cost much are refused early, each with its own message; memory is that of a child process."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from modelwright.core.messages import DataError
from modelwright.tables import bounds, delimited, objects, unpacked
from modelwright.tables.readers import read
from modelwright.tables.sources import SourceFile
from modelwright.tables.spool import Limits

CHILD = """
import resource, sys
from pathlib import Path
from modelwright.core.messages import DataError
from modelwright.tables.readers import read
from modelwright.tables.sources import SourceFile

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
path = Path(sys.argv[1])
try:
    read(SourceFile(path.name, path), path.parent / "scratch")
except DataError as error:
    print(error.problems[0].id, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
MEGABYTE = 1 << 10  # in the unit of ru_maxrss


def other_keys(path: Path) -> None:
    path.write_text("".join(f'{{"k{n}": 1}}\n' for n in range(60_000)))


def million_keys(path: Path) -> None:
    path.write_text(json.dumps([{f"k{n}": 1 for n in range(1_000_000)}]))


def million_columns(path: Path) -> None:
    path.write_text(",".join(f"c{n}" for n in range(1_000_000)) + "\n")


def bomb(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(300):
            file.write(b"0" * (1 << 20))


def rows_without_end(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(300):
            file.write(b"0,a\n" * (1 << 18))


def open_quote(path: Path) -> None:
    path.write_text('x,y\n1,a\n"2,b\n' + "3,c\n" * 8_000_000)


def one_line(path: Path) -> None:
    path.write_text("x" * 80_000_000)


@pytest.mark.parametrize(
    ("name", "write", "problem", "megabytes"),
    [
        ("a.jsonl", other_keys, "data.too-many-columns", 250),
        # a second form of a rule, of which the first is read above: seconds each
        pytest.param("a.json", million_keys, "data.too-many-columns", 450, marks=pytest.mark.proof),
        ("a.csv", million_columns, "data.too-many-columns", 250),
        ("a.csv.gz", bomb, "data.unpacks-too-far", 50),
        ("a.jsonl.gz", rows_without_end, "data.unpacks-too-far", 50),
        ("a.csv", open_quote, "data.long-cell", 350),
        ("a.csv", one_line, "data.long-line", 350),
        pytest.param("a.jsonl", one_line, "data.long-line", 350, marks=pytest.mark.proof),
    ],
)
def test_a_small_file_takes_little_memory(
    tmp_path: Path, name: str, write: Callable[[Path], None], problem: str, megabytes: int
) -> None:
    path = tmp_path / name
    write(path)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    found, memory = done.stdout.split()
    assert found == problem
    assert int(memory) < megabytes * MEGABYTE


def refused(path: Path, **limits: int) -> str:
    with pytest.raises(DataError) as caught:
        read(SourceFile(path.name, path), path.parent / "scratch", limits=Limits(**limits))
    assert caught.value.problems[0].found
    return caught.value.problems[0].id


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".json", ".parquet"])
def test_columns_are_bounded_in_every_form(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    frame = pl.DataFrame({f"c{n}": [1] for n in range(7)})
    {
        ".csv": frame.write_csv,
        ".jsonl": frame.write_ndjson,
        ".json": frame.write_json,
        ".parquet": frame.write_parquet,
    }[ending](path)
    assert refused(path, columns=6) == "data.too-many-columns"
    assert len(read(SourceFile("a", path), tmp_path / "scratch", limits=Limits(columns=7)).columns) == 7


@pytest.mark.parametrize("nested", ["[" * 400 + "]" * 400, '{"a":' * 80 + "1" + "}" * 80, "[" * 100_000])
def test_deep_nesting_is_refused(tmp_path: Path, nested: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"x": {nested}}}\n')
    assert refused(path) == "data.json"


def test_an_integer_without_end_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"x": {"9" * 100_000}}}\n')
    with pytest.raises(DataError, match="thousands of digits"):
        read(SourceFile(path.name, path), tmp_path)


@contextmanager
def smaller(monkeypatch: pytest.MonkeyPatch, name: str, value: int) -> Iterator[None]:
    for module in (bounds, delimited, objects, unpacked):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, value)
    yield


def test_a_json_file_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"x": n} for n in range(99)]))
    with smaller(monkeypatch, "MOST_JSON_CHARACTERS", 500):
        assert refused(path) == "data.long-json"


def test_rows_are_batched_by_their_cells(tmp_path: Path) -> None:
    """Objects with many names are made columns of in smaller parts, and give the same table."""
    path = tmp_path / "a.jsonl"
    rows = [{f"k{n // 40}": n, "y": n} for n in range(8_000)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = read(SourceFile(path.name, path), tmp_path / "scratch")
    found = [row for chunk in table.chunks() for row in chunk.iter_rows(named=True)]
    assert [{k: v for k, v in row.items() if v is not None} for row in found] == rows


def test_honest_repetition_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"x,y\n" + b"0,a\n" * 3_000_000)
    assert read(SourceFile(path.name, path), tmp_path / "scratch").rows == 3_000_000
