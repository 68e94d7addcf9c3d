"""Learners compared on validation before one is taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from modelwright import learners, outcomes
from modelwright.core.messages import Phrase
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Estimate
from modelwright.learners.contract.source import Rows
from modelwright.learners.weights.resolving import InputWeights
from modelwright.stages.plan import learner_scores
from modelwright.stages.plan.config import LearnConfig, ModelConfig, PlanConfig
from modelwright.stages.plan.learner_scores import compare, ordered, reserved_s, without
from modelwright.stages.plan.ranking import Able, forecast, sift, weigh
from modelwright.stages.plan.stage import plan
from modelwright.storage.formats.data import ColumnProfile, DataProfile
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import (
    Choice,
    Comparison,
    Forecast,
    LearnerScores,
    Machine,
)

MACHINE = Machine(cores=1, memory_bytes=8 * 10**9, instruction_set="avx2")
NUMBER = Signature.parse("f(a: number, b: number) -> y: number")
TEXT = Signature.parse("f(a: text) -> y: category")


def table(rows: int, shape: str, seed: int = 0) -> dict[str, list[Any]]:
    draw = np.random.default_rng(seed)
    a, b = draw.uniform(-1, 1, size=(2, rows))
    y = 3 * a - b if shape == "line" else np.sign(a * b)
    columns = {"a": a, "b": b, "y": y + 0.1 * draw.normal(size=rows)}
    return {"id": [str(row) for row in range(rows)], **{name: v.tolist() for name, v in columns.items()}}


def sealed(folder: Path, shape: str, rows: int = 600) -> Path:
    for name, count, seed in (("train", rows, 0), ("validation", rows // 3, 1)):
        (folder / name).mkdir(parents=True)
        polars.DataFrame(table(count, shape, seed)).write_parquet(folder / name / "rows.parquet")
    numbers = {name: ColumnProfile("number", rows, 0, rows) for name in ("a", "b")}
    DataProfile({"train": rows}, numbers, {}, {}, {}).write(folder / "profile")
    return folder


def planned(folder: Path, as_part: Any, **given: Any) -> tuple[Choice, Forecast]:
    plan(
        train=as_part(folder / "train"),
        validation=as_part(folder / "validation"),
        profile=as_part(folder / "profile"),
        signature=NUMBER,
        config=given.get("config", PlanConfig()),
        model=given.get("model", ModelConfig()),
        learn=given.get("learn", LearnConfig(budget="10 s")),
        machine=MACHINE,
        pretrained=InputWeights(),
        out=folder / "out",
        progress=Silent(),
        required=given.get("required"),
    )
    return Choice.read(folder / "out" / "choice"), Forecast.read(folder / "out" / "forecast")


@pytest.mark.parametrize(("shape", "best"), [("line", "linear"), ("xor", "trees")])
def test_the_learner_is_taken_that_answers_validation_best(
    tmp_path: Path, as_part: Any, shape: str, best: str
) -> None:
    choice, forecast = planned(sealed(tmp_path, shape), as_part)
    assert choice.learner == forecast.chosen.learner == best
    compared = forecast.comparison
    assert compared is not None
    assert compared.learners[0].learner == best
    assert {one.learner for one in compared.learners} == {"linear", "trees"}
    assert compared.validation_rows == 200
    assert compared.train_rows <= 600
    assert all(score.n == 200 and score.metric == "rmse" for one in compared.learners for score in one.scores)
    assert 0 < compared.seconds < 10
    assert choice.reason is not None
    assert choice.reason.id == "choice.compared"
    assert best in choice.reason.found


def test_they_are_compared_by_the_metric_that_is_required(tmp_path: Path, as_part: Any) -> None:
    required = {"y": outcomes.metrics().of("r2", "numbers")}
    choice, forecast = planned(sealed(tmp_path, "line"), as_part, required=required)
    assert choice.learner == "linear"
    compared = forecast.comparison
    assert compared is not None
    assert {score.metric for one in compared.learners for score in one.scores} == {"r2"}
    assert compared.learners[0].standard_error is None
    assert compared.learners[1].standard_error is not None


def test_the_cost_comes_out_of_the_budget(tmp_path: Path, as_part: Any) -> None:
    _, forecast = planned(sealed(tmp_path, "line"), as_part, learn=LearnConfig(budget="2 s"))
    for one in forecast.ranking:
        assert one.seconds <= 2 * (1 - learner_scores.SHARE) * 1.01


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"model": ModelConfig(learner="trees")}, "choice.named"),
        ({"config": PlanConfig(learners=("trees",))}, "choice.alone"),
        ({"learn": LearnConfig(budget="1 ms", epochs=5)}, "choice.quickest"),
    ],
)
def test_where_there_is_no_choice_nothing_is_compared(
    tmp_path: Path, as_part: Any, given: dict[str, Any], why: str
) -> None:
    choice, forecast = planned(sealed(tmp_path, "line", 150), as_part, **given)
    assert forecast.comparison is None
    assert choice.reason is not None
    assert choice.reason.id == why


@pytest.mark.parametrize(("wrong", "named"), [((), None), ((7,), ["7"]), ((7, 90), ["7", "90"])])
def test_rows_that_alone_decide_between_learners_are_named(
    tmp_path: Path, as_part: Any, wrong: tuple[int, ...], named: list[str] | None
) -> None:
    """One truth of 1e12 in validation decided which learner was taken, and nothing said so."""
    folder = sealed(tmp_path, "line", 300)
    path = folder / "validation" / "rows.parquet"
    rows = polars.read_parquet(path).to_dict(as_series=False)
    for row in wrong:
        rows["y"][row] = 1e12
    polars.DataFrame(rows).write_parquet(path)
    _, forecast = planned(folder, as_part)
    found = [one for one in forecast.warnings if one.id == "choice.rows-decide"]
    assert [sorted(one.values["rows"]) for one in found] == ([named] if named else [])


def test_what_goes_on_from_another_learner_shares_its_score() -> None:
    assert learner_scores._groups(["finetune", "probe", "linear"]) == {"probe": ("finetune",), "linear": ()}
    assert learner_scores._groups(["finetune", "linear"]) == {"finetune": (), "linear": ()}
    whole = Comparison(
        1, 1, 0.1, (LearnerScores("linear", (), (), 0.1), LearnerScores("probe", ("finetune",), (), 0.1))
    )
    why = Phrase("plan.earlier-text", text="as the test says")
    found = [
        weigh(
            Able(learners.spec(name), learners.spec(name).Options()),
            Estimate(9, 9, 9.0, 1.0, 10**6, 10**6, 0.01, why),
            LearnConfig(),
            MACHINE,
        )
        for name in ("finetune", "probe", "linear")
    ]
    assert [one.spec.name for one in ordered(found, whole)] == ["linear", "finetune", "probe"]
    assert [one.spec.name for one in ordered(found, None)] == ["finetune", "probe", "linear"]
    assert without(found, ModelConfig()) is None
    assert reserved_s([Able(one.spec, one.options) for one in found[:2]], LearnConfig()) == 0.0
    assert 0 < reserved_s([Able(one.spec, one.options) for one in found], LearnConfig()) <= 30


@pytest.mark.parametrize(("held", "rows", "seconds", "why"), [
    (0, 300, 5.0, "choice.no-validation"),
    (50, 300, 1e-6, "choice.budget-too-small"),
])  # fmt: skip
def test_what_cannot_be_compared_says_why(held: int, rows: int, seconds: float, why: str) -> None:
    def some(count: int, seed: int) -> Examples:
        columns = table(count, "line", seed)
        return Examples(columns.pop("id"), columns)

    able, _ = sift(NUMBER, PlanConfig(), ModelConfig(), InputWeights(), Path())
    learn, train = LearnConfig(budget="5 s"), some(rows, 0)
    found = forecast(able, NUMBER, Rows(train), learn, MACHINE, InputWeights(), 5.0, Silent())
    compared, reason, _ = compare(
        found, NUMBER, Rows(train, some(held, 1)), learn, MACHINE, InputWeights(), seconds, Silent()
    )
    assert compared is None
    assert reason.id == why
    assert reason.found


def test_what_an_earlier_version_sealed_is_read(tmp_path: Path, as_part: Any) -> None:
    planned(sealed(tmp_path, "line", 150), as_part)
    for part, key in (("choice", "reason"), ("forecast", "comparison")):
        path = tmp_path / "out" / part / f"{part}.json"
        content = json.loads(path.read_text("utf-8"))
        del content[key]
        path.write_text(json.dumps(content), "utf-8")
    assert Choice.read(tmp_path / "out" / "choice").reason is None
    assert Forecast.read(tmp_path / "out" / "forecast").comparison is None
