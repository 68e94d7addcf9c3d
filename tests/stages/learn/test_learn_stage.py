"""The stage `learn`: it learns what was sealed, where it was sealed for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelwright import learners
from modelwright.core import digests
from modelwright.core.messages import MachineError
from modelwright.core.progress import Silent
from modelwright.learners.weights.resolving import InputWeights
from modelwright.stages.learn import stage
from modelwright.stages.learn.stage import learn
from modelwright.stages.plan.config import LearnConfig, ModelConfig, PlanConfig
from modelwright.stages.plan.stage import plan
from modelwright.storage.formats.examples import read_examples
from modelwright.storage.formats.plan import Machine

MACHINE = Machine(cores=1, memory_bytes=8 * 10**9, instruction_set="avx2")


@pytest.fixture
def choice(flowers: Any, tmp_path: Path) -> Path:
    """Return the folder of a choice that was really planned."""
    plan(
        train=flowers.part("train"),
        validation=flowers.part("validation"),
        profile=flowers.part("profile"),
        signature=flowers.signature,
        config=PlanConfig(),
        model=ModelConfig(learner="trees"),
        learn=LearnConfig(epochs=40, learning_rate=0.2),
        machine=MACHINE,
        pretrained=InputWeights(),
        out=tmp_path / "plan",
        progress=Silent(),
    )
    return tmp_path / "plan" / "choice"


def learned(flowers: Any, choice: Path, as_part: Any, out: Path, **changes: Any) -> dict[str, Any]:
    scratch = out.with_name(f"{out.name}-scratch")
    scratch.mkdir(parents=True, exist_ok=True)
    given = {
        "train": flowers.part("train"),
        "validation": flowers.part("validation"),
        "choice": as_part(choice),
        "signature": flowers.signature,
        "machine": MACHINE,
        "pretrained": {},
        "out": out,
        "scratch": scratch,
        "progress": Silent(),
    }
    return learn(**(given | changes))


def test_learns_what_the_plan_sealed(flowers: Any, choice: Path, as_part: Any, tmp_path: Path) -> None:
    summary = learned(flowers, choice, as_part, tmp_path / "out")
    assert summary["learner"] == "trees"
    assert summary["seconds"] > 0
    assert summary["memory_bytes"] > 10**7
    assert summary["history"].keys() == {f"species ({bag})" for bag in range(1, 6)}
    assert all(len(losses) <= 40 for losses in summary["history"].values())
    json.dumps(summary, allow_nan=False)
    validation = read_examples(flowers.folder / "validation", flowers.signature)
    answers = learners.learn("trees").predict(tmp_path / "out" / "learned", validation.columns)
    classes = sorted(set(validation.columns["species"]))
    right = [
        classes[place] == truth
        for place, truth in zip(
            answers["species"]["logits"].argmax(axis=1), validation.columns["species"], strict=True
        )
    ]
    assert sum(right) / len(right) > 0.8


def test_the_same_choice_gives_the_same_bytes_and_another_gives_others(
    flowers: Any, choice: Path, as_part: Any, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        learned(flowers, choice, as_part, tmp_path / name)
    sealed = json.loads((choice / "choice.json").read_text("utf-8"))
    (choice / "choice.json").write_text(json.dumps({**sealed, "steps": 3}))
    learned(flowers, choice, as_part, tmp_path / "three")
    one, two, three = (digests.of_folder(tmp_path / name / "learned") for name in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_another_machine_and_other_weights_are_refused_together(
    flowers: Any, choice: Path, as_part: Any, tmp_path: Path
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "config.json").write_text("{}")
    sealed = json.loads((choice / "choice.json").read_text("utf-8"))
    other = {"pretrained": {"a": "0" * 64}, "execution": {"device": "cuda", "gpu": "A100"}}
    (choice / "choice.json").write_text(json.dumps({**sealed, **other}))
    with pytest.raises(MachineError) as caught:
        learned(
            flowers,
            choice,
            as_part,
            tmp_path / "out",
            machine=replace(MACHINE, instruction_set="neon"),
            pretrained={"a": weights},
        )
    assert [problem.id for problem in caught.value.problems] == [
        "learn.other-instruction-set",
        "learn.other-device",
        "learn.other-weights",
    ]
    assert all("plan again" in problem.next_step for problem in caught.value.problems)
    assert not (tmp_path / "out").exists()


def test_a_resumed_run_does_not_claim_the_seconds_of_a_whole_one(
    flowers: Any, choice: Path, as_part: Any, tmp_path: Path
) -> None:
    first = learned(flowers, choice, as_part, tmp_path / "out")
    again = learned(flowers, choice, as_part, tmp_path / "again", scratch=tmp_path / "out-scratch")
    assert first["resumed"] is False
    assert again["resumed"] is True
    assert "seconds" not in again
    assert first["history"] == again["history"]
    assert digests.of_folder(tmp_path / "out" / "learned") == digests.of_folder(
        tmp_path / "again" / "learned"
    )


def test_loading_the_libraries_of_a_learner_is_no_part_of_learning(
    flowers: Any, choice: Path, as_part: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that takes up a plan loads them, one that planned has done so: both show the same seconds."""
    clock, load = [0.0], learners.learn
    monkeypatch.setattr(stage, "time", SimpleNamespace(perf_counter=lambda: clock[0]))

    def loading(name: str) -> Any:
        clock[0] += 5.0
        return load(name)

    monkeypatch.setattr(learners, "learn", loading)
    assert learned(flowers, choice, as_part, tmp_path / "out")["seconds"] == 0.0
