"""A truth value, as an input or an output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelwright.core.outcomes import ClassOutcomes
from modelwright.kinds._confidence import fit_temperature, softmax
from modelwright.kinds._strings import shown
from modelwright.kinds.base import Answer, Array, ArraySpec, Dumped, Kind, Role, ValueProblem

CLASSES = ("false", "true")
WORDS = {
    **dict.fromkeys(("yes", "y", "true", "t", "1"), True),
    **dict.fromkeys(("no", "n", "false", "f", "0"), False),
}


@dataclass(frozen=True)
class BooleanState:
    """How confident the answers are; an input needs nothing remembered."""

    temperature: float = 1.0


class Boolean(Kind[BooleanState]):
    """True or false. In: `value` and `missing` float32 (batch,). Out: `logit` of true, float32 (batch,)."""

    name: ClassVar[str] = "boolean"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT, Role.OUTPUT})

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a truth value."""
        return {"type": "boolean"}

    def parse(self, raw: object, *, lenient: bool = False) -> bool | None:
        """Return True or False. Lenient also reads yes/no, y/n, true/false, t/f, 1/0, in any case."""
        if raw is None or isinstance(raw, bool):
            return raw
        if lenient:
            if isinstance(raw, str):
                word = raw.strip().lower()
                if not word:
                    return None
                if word in WORDS:
                    return WORDS[word]
            elif isinstance(raw, int | float) and raw in {0, 1}:
                return bool(raw)
            raise ValueProblem(f"must be yes or no, true or false, 1 or 0; found {shown(raw)}")
        raise ValueProblem(f"must be true or false; found {shown(raw)}")

    def fit(self, values: Sequence[Any], **options: Any) -> BooleanState:
        """Return the state before calibration; the values teach nothing."""
        assert not options, f"boolean knows no option {sorted(options)}"
        return BooleanState()

    def dump(self, state: BooleanState) -> Dumped:
        """Return the state as JSON."""
        return Dumped({"temperature": state.temperature}, {})

    def load(self, dumped: Dumped) -> BooleanState:
        """Read what `dump` returned."""
        return BooleanState(float(dumped.data["temperature"]))

    def arrays(self, state: BooleanState) -> dict[str, ArraySpec]:
        """Return `value` (0 or 1, 0 where missing) and `missing` (0 or 1): float32 (batch,)."""
        spec = ArraySpec("float32", ("batch",))
        return {"value": spec, "missing": spec}

    def encode(self, values: Sequence[Any], state: BooleanState) -> dict[str, Array]:
        """Return the values and which are missing."""
        return {
            "value": np.array([bool(value) for value in values], dtype=np.float32),
            "missing": np.array([value is None for value in values], dtype=np.float32),
        }

    def answers(self, state: BooleanState) -> dict[str, ArraySpec]:
        """Return `logit`: float32 (batch,), above 0 for true."""
        return {"logit": ArraySpec("float32", ("batch",))}

    def targets(self, values: Sequence[Any], state: BooleanState) -> Array:
        """Return 0 for false, 1 for true, −1 for a missing truth: int64 (n,)."""
        return np.array([-1 if value is None else int(value) for value in values], dtype=np.int64)

    def calibrate(
        self, arrays: Mapping[str, Array], values: Sequence[Any], state: BooleanState
    ) -> BooleanState:
        """Return the state with the temperature that minimises the log loss on validation."""
        logits = _two_columns(arrays["logit"])
        return replace(state, temperature=fit_temperature(logits, self.targets(values, state)))

    def decode(self, arrays: Mapping[str, Array], state: BooleanState) -> list[Answer]:
        """Return the likelier value with its probability; a tie is true."""
        confidences = softmax(_two_columns(arrays["logit"]), state.temperature).max(axis=1)
        likelier = arrays["logit"] >= 0.0
        return [Answer(*pair) for pair in zip(likelier.tolist(), confidences.tolist(), strict=True)]

    def outcomes(
        self, values: Sequence[Any], arrays: Mapping[str, Array], state: BooleanState
    ) -> ClassOutcomes:
        """Return truths and answers as classes ("false", "true")."""
        probabilities = softmax(_two_columns(arrays["logit"]), state.temperature)
        predicted = (arrays["logit"] >= 0.0).astype(np.int64)
        return ClassOutcomes(CLASSES, self.targets(values, state), predicted, probabilities)


def _two_columns(logit: Array) -> NDArray[np.float64]:
    """Return (n, 2) logits of false and true, so that a truth value is calibrated as any two classes are."""
    of_true = logit.astype(np.float64)
    return np.stack([np.zeros_like(of_true), of_true], axis=1)
