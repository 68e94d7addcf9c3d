"""What a learner learns from: the stage gives what its specification says, and refuses what there is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict

from modelwright import learners
from modelwright.core.messages import DataError, ProjectError
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.learn import Learn
from modelwright.learners.contract.source import Rows, Source
from modelwright.learners.contract.spec import Spec
from modelwright.learners.weights.resolving import InputWeights
from modelwright.stages.learn import stage
from modelwright.stages.plan import ranking
from modelwright.stages.plan.config import ModelConfig, PlanConfig
from modelwright.storage.formats.plan import Choice, Machine

MACHINE = Machine(cores=1, memory_bytes=8 * 10**9, instruction_set="avx2")


class _Keys(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Comparing(Spec):
    """A learner that learns from preferences, and from rows where there are none."""

    name: ClassVar[str] = "comparing"
    summary: ClassVar[str] = "learns which of two answers is better"
    inputs: ClassVar[frozenset[Form]] = frozenset({Form.SCALAR, Form.CODE})
    outputs: ClassVar[frozenset[Form]] = frozenset({Form.CODE})
    sources: ClassVar[tuple[Source, ...]] = (Source.PREFERENCES,)
    Options: ClassVar[type[BaseModel]] = _Keys
    Training: ClassVar[type[BaseModel]] = _Keys


class _Either(_Comparing):
    """The same learner, which takes rows where there are no preferences."""

    sources: ClassVar[tuple[Source, ...]] = (Source.PREFERENCES, Source.ROWS)


class _Recording(Learn[object]):
    """Writes down what it was given."""

    def __init__(self) -> None:
        self.given: object = None

    def forecast(self, *arguments: object) -> Any:
        raise AssertionError("nothing is forecast here")

    def learn(self, signature: Any, data: object, setup: Any, out: Path, *others: Any) -> dict[str, Any]:
        self.given = data
        (out / "learned.json").write_text("{}")
        return {}

    def predict(self, learned: Path, inputs: Any) -> Any:
        raise AssertionError("nothing is answered here")


def _learn(flowers: Any, as_part: Any, place: Path) -> dict[str, Any]:
    Choice("comparing", 1, 1, 1, "float32", "avx2", 0, {}, {}, {}, {}).write(place / "choice")
    (place / "scratch").mkdir()
    return stage.learn(
        train=flowers.part("train"),
        validation=flowers.part("validation"),
        choice=as_part(place / "choice"),
        signature=flowers.signature,
        machine=MACHINE,
        pretrained={},
        out=place / "out",
        scratch=place / "scratch",
        progress=None,  # type: ignore[arg-type]
    )


def test_the_first_source_that_the_project_has_is_given(
    flowers: Any, as_part: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = _Recording()
    monkeypatch.setattr(learners, "spec", lambda name: _Either())
    monkeypatch.setattr(learners, "learn", lambda name: recording)
    _learn(flowers, as_part, tmp_path)
    assert isinstance(recording.given, Rows)
    assert len(recording.given.train) > len(recording.given.held) > 0


def test_a_source_that_the_project_does_not_have_is_refused(
    flowers: Any, as_part: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learners, "spec", lambda name: _Comparing())
    with pytest.raises(DataError) as caught:
        _learn(flowers, as_part, tmp_path)
    assert [problem.id for problem in caught.value.problems] == ["learn.no-source"]
    assert "learns from preferences, and this project has rows" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_plan_takes_no_learner_whose_source_there_is_not(
    flowers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = learners.spec
    monkeypatch.setattr(learners, "names", lambda: ("comparing", "trees"))
    monkeypatch.setattr(learners, "spec", lambda name: _Comparing() if name == "comparing" else known(name))
    able, refused = ranking.sift(flowers.signature, PlanConfig(), ModelConfig(), InputWeights(), Path())
    assert [one.spec.name for one in able] == ["trees"]
    assert "it learns from preferences" in str(refused["comparing"])
    with pytest.raises(ProjectError, match="it learns from preferences"):
        ranking.sift(
            flowers.signature, PlanConfig(), ModelConfig(learner="comparing"), InputWeights(), Path()
        )
