"""What every kind must hold (`modelwright.testing.kinds`). A kind is tested by existing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modelwright import kinds
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.samples import Samples
from modelwright.testing import kinds as contract
from modelwright.testing.kinds.output_checks import assert_outcomes, some_answers


@pytest.mark.parametrize("name", kinds.names())
@pytest.mark.parametrize("check", contract.CHECKS, ids=contract.title)
def test_a_kind_holds(check: contract.Check, name: str) -> None:
    check(name)


def test_every_check_is_listed() -> None:
    written = {one for name, one in vars(contract).items() if name.startswith("check_")}
    folder = Path(contract.__file__).parent
    defined = sum(path.read_text("utf-8").count("\ndef check_") for path in folder.glob("*_checks.py"))
    assert set(contract.CHECKS) == written
    assert len(contract.CHECKS) == defined


def test_the_first_kinds_are_found_and_the_contract_is_none() -> None:
    assert {"text", "category", "number", "boolean"} <= set(kinds.names())
    assert not {"contract", "shared"} & set(kinds.names())


@pytest.mark.parametrize("name", [name for name in kinds.names() if kinds.value(name).family])
def test_outcomes_that_are_not_what_decode_answers_are_found(name: str) -> None:
    arrays, samples = kinds.arrays(name), kinds.facet(name, Samples)
    values = [value for value in samples.values() if value is not None][:6]
    state = arrays.fit(values, role=Role.OUTPUT, **samples.options())
    answered = some_answers(name, state, len(values), seed=3, scale=1.0)
    answers = arrays.decode(answered, state, {})
    truths = [answer.value for answer in answers]
    outcomes = arrays.outcomes(truths, answered, state, {})
    assert_outcomes(name, truths, answers, outcomes)
    for wrong in (
        {"truth": np.roll(outcomes.truth, 1, axis=0)},
        {"predicted": np.roll(outcomes.predicted, 1, axis=0)},
    ):
        with pytest.raises(AssertionError):
            assert_outcomes(name, truths, answers, replace(outcomes, **wrong))
    if hasattr(outcomes, "probabilities"):
        with pytest.raises(AssertionError):
            assert_outcomes(
                name, truths, answers, replace(outcomes, probabilities=outcomes.probabilities * 0.9)
            )
