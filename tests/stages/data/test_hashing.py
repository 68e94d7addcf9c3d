"""Rows are hashed alike at once and in a process of its own, whatever becomes of the process."""

from __future__ import annotations

import sys

import polars as pl
import pytest

from modelwright.core.digests import of_folder
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.stages.data import identify
from modelwright.stages.data.canonical import ROW_ID, hexadecimal, position_hash, positions, row_texts
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.hashing import hasher as hashing
from modelwright.stages.data.hashing.hasher import Hash, Hasher
from modelwright.stages.data.split import position, row_id
from modelwright.stages.data.stage import data

FRAMES = [
    pl.DataFrame({"a": ["x", None, "é部", ""], "b": ["1", "2", "3", "4"]}),
    pl.DataFrame({"a": [], "b": []}, schema={"a": pl.String, "b": pl.String}),
    pl.DataFrame({"a": ['say "hi"', "back\\slash", "\n"], "b": ["1", "2", None]}),
    pl.DataFrame({"a": ["y" * 100_000] * 20, "b": [str(row) for row in range(20)]}),  # more than a pipe holds
    pl.DataFrame({"a": ["z"] * 30_000, "b": [str(row) for row in range(30_000)]}),
]


def expected(frame: pl.DataFrame) -> tuple[list[str], list[float]]:
    rows = [row.decode() for row in row_texts(frame).rows]
    return [row_id(row) for row in rows], [position(row, "key") for row in rows]


@pytest.mark.parametrize("beside", [True, False])
def test_hashes_are_those_of_the_definition_in_the_order_that_they_were_asked_for(beside):
    with Hasher(beside=beside) as hasher:
        assert (hasher._process is not None) == beside
        asked = [hasher.digests(row_texts(frame), ROW_ID, position_hash("key")) for frame in FRAMES]
        for frame, of_frame in zip(FRAMES, asked, strict=True):
            ids, where = of_frame.result()
            assert (hexadecimal(ids), positions(where).tolist()) == expected(frame)


def test_one_hash_or_none():
    with Hasher(beside=True) as hasher:
        texts = row_texts(FRAMES[0])
        (alone,) = hasher.digests(texts, Hash()).result()
        assert alone.tolist() == Hash().of(texts.rows).tolist()
        assert alone.tolist() != Hash(person=b"p").of(texts.rows).tolist()
        assert hasher.digests(texts).result() == ()


def test_a_process_that_dies_is_done_without():
    with Hasher(beside=True) as hasher:
        hasher._process.kill()
        hasher._process.wait()
        for frame in FRAMES:
            assert hexadecimal(hasher.digests(row_texts(frame), ROW_ID).result()[0]) == expected(frame)[0]


def test_a_process_that_cannot_start_is_done_without(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with Hasher(beside=True) as hasher:
        assert hasher._process is None
        assert hexadecimal(hasher.digests(row_texts(FRAMES[0]), ROW_ID).result()[0]) == expected(FRAMES[0])[0]


def test_nothing_is_left_running_whatever_happens():
    with pytest.raises(ZeroDivisionError), Hasher(beside=True) as hasher:
        hasher.digests(row_texts(FRAMES[-1]), ROW_ID)
        raise ZeroDivisionError
    assert hasher._process.poll() is not None


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"group": "g", "split": {"by": "group"}},
        {"time": "d", "split": {"by": "time"}},
        {"split": {"by": "s"}},
    ],
)
def test_the_stage_writes_the_same_bytes(tmp_path, monkeypatch, section):
    rows = 300
    pl.DataFrame(
        {
            "x": [f"text {row % 250}" for row in range(rows)],
            "g": [f"g{row % 40}" for row in range(rows)],
            "d": [f"2024-{1 + row % 12:02}-{1 + row % 28:02}" for row in range(rows)],
            "s": ["test" if row % 5 == 0 else "dev" if row % 5 == 1 else "train" for row in range(rows)],
            "y": ["a" if row % 7 else "b" for row in range(rows)],
        }
    ).write_csv(tmp_path / "rows.csv")
    started = []
    popen = hashing.subprocess.Popen
    monkeypatch.setattr(hashing.subprocess, "Popen", lambda *a, **k: started.append(1) or popen(*a, **k))
    config = DataConfig(source="rows.csv", repeated="keep", **section)
    signature = Signature.parse("f(x: text) -> y: category")
    written = []
    for many in (1, 10**9):
        monkeypatch.setattr(identify, "MANY_ROWS", many)
        monkeypatch.setattr(identify, "cores", lambda: 2)
        data(signature, config, tmp_path, tmp_path / f"out{many}", Silent())
        written.append(of_folder(tmp_path / f"out{many}"))
    assert written[0] == written[1]
    assert started == [1]
