"""Which learner is taken, by what each forecasts."""

from __future__ import annotations

from typing import Any

import pytest

from modelwright import learners
from modelwright.core.messages import Phrase
from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Estimate
from modelwright.stages.plan.config import LearnConfig
from modelwright.stages.plan.ranking import Able, Weighed, preferred, weigh
from modelwright.storage.formats.plan import Machine

TEXT = Signature.parse("route(message: text) -> team: category")
ROWS, BATCH = 1000, 10
PASS = ROWS // BATCH  # steps
MACHINE = Machine(cores=2, memory_bytes=10**9, instruction_set="avx2")


def forecast(name: str, steps: int, seconds: float = 100.0, memory: int = 10**8, **learn: Any) -> Weighed:
    spec = learners.spec(name)
    why = Phrase("plan.earlier-text", text="as the test says")
    estimate = Estimate(steps, BATCH, steps * BATCH / ROWS, seconds, memory, 10**7, 0.01, why)
    return weigh(Able(spec, spec.Options()), estimate, LearnConfig(**learn), MACHINE)


def first(*found: Weighed) -> str:
    ranked = preferred(TEXT, found)
    assert ranked == preferred(TEXT, found[::-1]), "the order in which they are asked does not matter"
    return ranked[0].spec.name


def test_finetune_is_taken_when_two_passes_fit() -> None:
    assert first(forecast("probe", 20), forecast("finetune", 2 * PASS)) == "finetune"
    assert first(forecast("probe", 20), forecast("finetune", 2 * PASS - 1)) == "probe"


def test_passes_that_the_user_asked_for_are_enough() -> None:
    assert first(forecast("probe", 20, epochs=1), forecast("finetune", PASS, epochs=1)) == "finetune"


@pytest.mark.parametrize("beyond", [{"seconds": 130.0}, {"memory": 2 * 10**9}])
def test_what_does_not_fit_is_passed_over(beyond: dict[str, Any]) -> None:
    assert first(forecast("probe", 20), forecast("finetune", 5 * PASS, **beyond)) == "probe"


def test_where_nothing_fits_the_quickest_is_taken_and_says_so() -> None:
    slow, quick = forecast("finetune", 5 * PASS, 500.0), forecast("probe", 20, 200.0)
    assert first(slow, quick) == "probe"
    assert quick.lack is not None
    assert "200 s" in str(quick.lack) or "3.33 min" in str(quick.lack)


@pytest.mark.parametrize("name", ["network", "finetune", "trees"])
def test_a_budget_too_short_for_one_step_is_said_as_that(name: str) -> None:
    lack = forecast(name, 1, 4.0, budget="2 s").lack
    assert lack is not None
    assert "2 s is too short for a single step, which would take 4 s" in str(lack)
    # passes that were asked for are taken, however long they are
    longer = forecast(name, 1, 4.0, budget="2 s", epochs=1).lack
    assert longer is not None
    assert longer.id == "plan.lacks-time"
