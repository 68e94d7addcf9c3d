"""Truth values as 0 and 1, and a logit as a truth value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelwright.kinds.contract.arrays import Arrays, Columns
from modelwright.kinds.contract.common import Answer, Array, ArraySpec, Dumped, Form
from modelwright.kinds.shared.confidence import fit_temperature, softmax
from modelwright.outcomes.classes.outcomes import ClassOutcomes

CLASSES = ("false", "true")


@dataclass(frozen=True)
class BooleanState:
    """How confident the answers are; an input needs nothing remembered."""

    temperature: float = 1.0


class BooleanArrays(Arrays[BooleanState, bool]):
    """In: `value` and `missing` float32 (batch,). Out: `logit` of true, float32 (batch,)."""

    input_form: ClassVar[Form | None] = Form.SCALAR
    output_form: ClassVar[Form | None] = Form.FLAG

    def fit(self, values: Sequence[bool | None], **options: Any) -> BooleanState:
        """Return the state before calibration; it depends on no value."""
        return BooleanState()

    def dump(self, state: BooleanState) -> Dumped:
        """Return the state as JSON."""
        return Dumped({"temperature": state.temperature}, {})

    def load(self, dumped: Dumped) -> BooleanState:
        """Read what `dump` returned."""
        return BooleanState(float(dumped.data["temperature"]))

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
        """Return `logit`: float32 (batch,), above 0 for true."""
        return {"logit": ArraySpec("float32", ("batch",))}

    def encode_truth(
        self, values: Sequence[bool | None], inputs: Columns, state: BooleanState
    ) -> dict[str, Array]:
        """Return `index`: 0 for false, 1 for true, −1 for a missing truth: int64 (n,)."""
        return {"index": _truth(values)}

    def calibrate(
        self, arrays: Mapping[str, Array], values: Sequence[bool | None], state: BooleanState
    ) -> BooleanState:
        """Return the state with the temperature that minimises the log loss on validation."""
        logits = _two_columns(arrays["logit"])
        return replace(state, temperature=fit_temperature(logits, _truth(values)))

    def decode(self, arrays: Mapping[str, Array], state: BooleanState, inputs: Columns) -> list[Answer]:
        """Return the likelier value with its probability; a tie is true."""
        confidences = softmax(_two_columns(arrays["logit"]), state.temperature).max(axis=1)
        likelier = arrays["logit"] >= 0.0
        return [Answer(*pair) for pair in zip(likelier.tolist(), confidences.tolist(), strict=True)]

    def outcomes(
        self, values: Sequence[bool | None], arrays: Mapping[str, Array], state: BooleanState, inputs: Columns
    ) -> ClassOutcomes:
        """Return truths and answers as classes ("false", "true")."""
        probabilities = softmax(_two_columns(arrays["logit"]), state.temperature)
        predicted = (arrays["logit"] >= 0.0).astype(np.int64)
        return ClassOutcomes(CLASSES, _truth(values), predicted, probabilities, positive="true")


def _truth(values: Sequence[bool | None]) -> NDArray[np.int64]:
    return np.array([-1 if value is None else int(value) for value in values], dtype=np.int64)


def _two_columns(logit: Array) -> NDArray[np.float64]:
    """Return (n, 2) logits of false and true, so that a truth value is calibrated as any two classes are."""
    of_true = logit.astype(np.float64)
    return np.stack([np.zeros_like(of_true), of_true], axis=1)
