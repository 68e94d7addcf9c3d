"""Truth values as 0 and 1, and a logit as a truth value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelwright.core.messages import Phrase
from modelwright.core.requirements.error_costs import ErrorCosts
from modelwright.kinds.contract.arrays import NO_INPUTS, Arrays, Columns
from modelwright.kinds.contract.common import Answer, Array, ArraySpec, Dumped, Form, Move
from modelwright.kinds.shared.confidence import fit_temperature, softmax
from modelwright.kinds.shared.cutting import cuts, log_odds, share_of
from modelwright.kinds.shared.sealed_state import (
    CostRows,
    Cut,
    Price,
    SealedState,
    Share,
    Temperature,
    cost_rows,
)
from modelwright.outcomes.classes.outcomes import ClassOutcomes

CLASSES = ("false", "true")
LEAST_CUT = 1e-6  # where one of the errors costs nothing


@dataclass(frozen=True)
class BooleanState:
    """How confident the answers are, and where they are given; an input needs nothing remembered.

    cut: the probability from which true is answered; threshold: the confidence below which nothing is answered,
    None: something always is; costs: what each answer to each truth costs, of false and of true, then of no answer.
    """

    temperature: float = 1.0
    cut: float = 0.5
    threshold: float | None = None
    costs: CostRows | None = None


class _SealedBoolean(SealedState):
    """A package made before points were chosen has a temperature alone."""

    temperature: Temperature
    cut: Cut = 0.5
    threshold: Share | None = None
    costs: list[list[Price]] | None = None


class BooleanArrays(Arrays[BooleanState, bool]):
    """In: `value` and `missing` float32 (batch,). Out: `logit` of true, float32 (batch,)."""

    input_form: ClassVar[Form | None] = Form.SCALAR
    output_form: ClassVar[Form | None] = Form.FLAG
    abstains: ClassVar[bool] = True

    def fit(self, values: Sequence[bool | None], **options: Any) -> BooleanState:
        """Return the state before calibration; it depends on no value."""
        return BooleanState()

    def dump(self, state: BooleanState) -> Dumped:
        """Return the state as JSON."""
        chosen = {"cut": state.cut} if state.cut != 0.5 else {}
        least = {} if state.threshold is None else {"threshold": state.threshold}
        priced = {} if state.costs is None else {"costs": [list(row) for row in state.costs]}
        return Dumped({"temperature": state.temperature, **chosen, **least, **priced}, {})

    def load(self, dumped: Dumped) -> BooleanState:
        """Read what `dump` returned."""
        sealed = _SealedBoolean.read(dumped.data)
        costs = cost_rows(sealed.costs, CLASSES)
        return BooleanState(sealed.temperature, sealed.cut, sealed.threshold, costs)

    def example(self, state: BooleanState) -> bool:
        """Return a truth value."""
        return True

    def specs(self, state: BooleanState) -> dict[str, ArraySpec]:
        """Return `value` (0 or 1, 0 where missing) and `missing` (0 or 1): float32 (batch,)."""
        spec = ArraySpec("float32", ("batch",))
        return {"value": spec, "missing": spec}

    def encode(self, values: Sequence[bool | None], state: BooleanState) -> dict[str, Array]:
        """Return the values and which are missing."""
        return {
            "value": np.array([bool(value) for value in values], dtype=np.float32),
            "missing": np.array([value is None for value in values], dtype=np.float32),
        }

    def answers(self, state: BooleanState) -> dict[str, ArraySpec]:
        """Return `logit`: float32 (batch,), above 0 where true is likelier."""
        return {"logit": ArraySpec("float32", ("batch",))}

    def encode_truth(
        self, values: Sequence[bool | None], inputs: Columns, state: BooleanState
    ) -> dict[str, Array]:
        """Return `index`: 0 for false, 1 for true, −1 for a missing truth: int64 (n,)."""
        return {"index": _truth(values)}

    def calibrate(
        self,
        arrays: Mapping[str, Array],
        values: Sequence[bool | None],
        state: BooleanState,
        inputs: Columns = NO_INPUTS,
    ) -> BooleanState:
        """Return the state with the temperature that minimises the log loss on validation."""
        logits = _two_columns(arrays["logit"])
        return replace(state, temperature=fit_temperature(logits, _truth(values)))

    def moves(
        self, arrays: Mapping[str, Array], state: BooleanState, *, labels: Sequence[str], optional: bool
    ) -> Sequence[Move[BooleanState]]:
        """Return the direction from false to true, and that of abstaining."""
        found = [Move[BooleanState](partial(_by_cut, arrays["logit"]))]
        if optional:
            found.append(Move(partial(_by_confidence, arrays["logit"]), abstains=True))
        return found

    def priced(self, state: BooleanState, costs: ErrorCosts) -> BooleanState:
        """Return the state with what errors cost."""
        return replace(state, costs=costs.matrix(CLASSES))

    def by_costs(self, state: BooleanState) -> BooleanState:
        """Return the state that answers true from p on where p times the cost of missing it passes that of an alarm.

        That is p = alarm/(alarm + missed) (Elkan 2001, section 2).
        """
        assert state.costs is not None, "the state is priced"
        alarm, missed = state.costs[0][1], state.costs[1][0]
        return replace(state, cut=min(max(alarm / (alarm + missed), LEAST_CUT), 1 - LEAST_CUT))

    def operating_point(self, state: BooleanState) -> tuple[Phrase, ...]:
        """Say from which probability true is answered, and below which confidence nothing is."""
        says = [] if state.cut == 0.5 else [Phrase("operating.from", label=CLASSES[1], cut=state.cut)]
        if state.threshold is not None:
            says.append(Phrase("operating.abstains", least=state.threshold))
        return tuple(says)

    def decode(self, arrays: Mapping[str, Array], state: BooleanState, inputs: Columns) -> list[Answer]:
        """Return true from its cut on, else false, with the probability of the answer; None: not sure enough."""
        given, confidences, _ = _chosen(arrays["logit"], state)
        least = -1.0 if state.threshold is None else state.threshold
        return [
            Answer(bool(place) if confidence >= least else None, confidence)
            for place, confidence in zip(given.tolist(), confidences.tolist(), strict=True)
        ]

    def probabilities(
        self, arrays: Mapping[str, Array], state: BooleanState
    ) -> Sequence[Mapping[str, float]] | None:
        """Return the probability of `false` and of `true`."""
        rows = softmax(_two_columns(arrays["logit"]), state.temperature).tolist()
        return [dict(zip(CLASSES, row, strict=True)) for row in rows]

    def outcomes(
        self, values: Sequence[bool | None], arrays: Mapping[str, Array], state: BooleanState, inputs: Columns
    ) -> ClassOutcomes:
        """Return truths and answers as classes ("false", "true"); an answer of −1: abstained."""
        chosen, confidences, probabilities = _chosen(arrays["logit"], state)
        given = chosen if state.threshold is None else np.where(confidences < state.threshold, -1, chosen)
        return ClassOutcomes(
            CLASSES,
            _truth(values),
            given,
            probabilities,
            positive="true",
            considered=chosen,
            costs=None if state.costs is None else np.array(state.costs),
        )


def _chosen(
    logit: Array, state: BooleanState
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the chosen class (n,), its probability (n,), and the probabilities (n, 2)."""
    probabilities = softmax(_two_columns(logit), state.temperature)
    # of the logit: at a cut of 0.5 a tie is true, whatever the temperature rounds
    chosen = (logit.astype(np.float64) >= state.temperature * log_odds(state.cut)).astype(np.int64)
    return chosen, probabilities[np.arange(len(chosen)), chosen], probabilities


def _by_cut(logit: Array, state: BooleanState) -> list[BooleanState]:
    """Return states that answer true earlier or later."""
    odds = logit.astype(np.float64) / state.temperature
    shares = [share_of(cut) for cut in cuts(odds[np.abs(odds) < MOST_ODDS])]
    return [replace(state, cut=share) for share in shares if 0.0 < share < 1.0]


MOST_ODDS = 20.0  # beyond them a probability is 0 or 1 to nine digits


def _by_confidence(logit: Array, state: BooleanState) -> list[BooleanState]:
    """Return states that answer surer rows alone, and the one that answers all."""
    _, confidences, _ = _chosen(logit, state)
    return [replace(state, threshold=cut) for cut in (None, *cuts(confidences))]


def _truth(values: Sequence[bool | None]) -> NDArray[np.int64]:
    return np.array([-1 if value is None else int(value) for value in values], dtype=np.int64)


def _two_columns(logit: Array) -> NDArray[np.float64]:
    """Return (n, 2) logits of false and true, so that a truth value is calibrated as any two classes are."""
    of_true = logit.astype(np.float64)
    return np.stack([np.zeros_like(of_true), of_true], axis=1)
