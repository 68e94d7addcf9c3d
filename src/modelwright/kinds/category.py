"""A category: one of a closed set of names, as an input or an output."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from modelwright.core.outcomes import ClassOutcomes
from modelwright.kinds._confidence import fit_temperature, softmax
from modelwright.kinds._strings import canonical, shown
from modelwright.kinds.base import Answer, Array, ArraySpec, Dumped, Kind, Role, ValueProblem


@dataclass(frozen=True)
class CategoryState:
    """The classes, sorted by code point; how confident the answers are; below which confidence none is given.

    `threshold` None: an answer is always given.
    """

    classes: tuple[str, ...]
    temperature: float = 1.0
    threshold: float | None = None

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Return the place of each class in `classes`."""
        return {name: place for place, name in enumerate(self.classes)}


class Category(Kind[CategoryState]):
    """One of a closed set. In: `index` int64 (batch,), class i is i + 1. Out: `logits` float32 (batch, C)."""

    name: ClassVar[str] = "category"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT, Role.OUTPUT})
    most_characters: ClassVar[int] = 1_000

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a category; its classes are learned, and stand in the package."""
        return {
            "type": "string",
            "maxLength": self.most_characters,
            "description": "The name of a class. Runs of white space count as one space; Unicode is NFC.",
        }

    def parse(self, raw: object, *, lenient: bool = False) -> str | None:
        """Return the class's name in its canonical form (`_strings.canonical`).

        Strict takes a string only, so that 1 and "1" cannot both mean a class. Lenient also takes the codes
        of a typed table as text (1 → "1", 1.0 → "1", true → "true"), so that a column means the same in CSV,
        JSON and Parquet; a blank is missing.
        """
        if raw is None:
            return None
        if lenient:
            raw = _code(raw)
        if not isinstance(raw, str):
            raise ValueProblem(f"must be the name of a class, a text; found {shown(raw)}")
        name = canonical(raw, most_characters=self.most_characters)
        return None if lenient and not name else name

    def fit(
        self,
        values: Sequence[Any],
        *,
        role: Role = Role.INPUT,
        threshold: float | None = None,
        **options: Any,
    ) -> CategoryState:
        """Return the classes that the training split shows.

        Raises ValueProblem for an output (`role`) with fewer than two. `threshold`: the confidence below
        which an optional output abstains.
        """
        assert not options, f"category knows no option {sorted(options)}"
        state = CategoryState(tuple(sorted({value for value in values if value is not None})), 1.0, threshold)
        if role is Role.OUTPUT:
            _require_two(state)
        if threshold is not None and not 0.0 <= threshold <= 1.0:
            raise ValueProblem(f"threshold must lie in [0, 1]; found {threshold}")
        return state

    def dump(self, state: CategoryState) -> Dumped:
        """Return the state as JSON."""
        return Dumped(
            {"classes": list(state.classes), "temperature": state.temperature, "threshold": state.threshold},
            {},
        )

    def load(self, dumped: Dumped) -> CategoryState:
        """Read what `dump` returned."""
        data = dumped.data
        return CategoryState(tuple(data["classes"]), float(data["temperature"]), data["threshold"])

    def arrays(self, state: CategoryState) -> dict[str, ArraySpec]:
        """Return `index`: int64 (batch,), 0 for a missing or unseen class, i + 1 for class i."""
        return {"index": ArraySpec("int64", ("batch",))}

    def encode(self, values: Sequence[Any], state: CategoryState) -> dict[str, Array]:
        """Return the index of each value."""
        places = state.positions
        return {"index": np.array([places.get(value, -1) + 1 for value in values], dtype=np.int64)}

    def answers(self, state: CategoryState) -> dict[str, ArraySpec]:
        """Return `logits`: float32 (batch, C), one column a class."""
        return {"logits": ArraySpec("float32", ("batch", len(state.classes)))}

    def targets(self, values: Sequence[Any], state: CategoryState) -> Array:
        """Return class indices, int64 (n,); −1 for a missing truth or a class that training never showed."""
        _require_two(state)
        places = state.positions
        return np.array([places.get(value, -1) for value in values], dtype=np.int64)

    def calibrate(
        self, arrays: Mapping[str, Array], values: Sequence[Any], state: CategoryState
    ) -> CategoryState:
        """Return the state with the temperature that minimises the log loss on validation."""
        return replace(state, temperature=fit_temperature(arrays["logits"], self.targets(values, state)))

    def decode(self, arrays: Mapping[str, Array], state: CategoryState) -> list[Answer]:
        """Return the likeliest class with its probability; None where that lies below the threshold."""
        probabilities = softmax(arrays["logits"], state.temperature)
        best = arrays["logits"].argmax(axis=1)  # of the logits: no temperature turns rounding into an answer
        confidences = np.take_along_axis(probabilities, best[:, None], axis=1)[:, 0]
        least = -math.inf if state.threshold is None else state.threshold
        return [
            Answer(state.classes[place] if confidence >= least else None, confidence)
            for place, confidence in zip(best.tolist(), confidences.tolist(), strict=True)
        ]

    def outcomes(
        self, values: Sequence[Any], arrays: Mapping[str, Array], state: CategoryState
    ) -> ClassOutcomes:
        """Return truths, answers (−1: abstained) and probabilities."""
        probabilities = softmax(arrays["logits"], state.temperature)
        predicted = arrays["logits"].argmax(axis=1).astype(np.int64)
        if state.threshold is not None:
            predicted[probabilities.max(axis=1) < state.threshold] = -1
        return ClassOutcomes(state.classes, self.targets(values, state), predicted, probabilities)


def _code(raw: object) -> object:
    match raw:
        case bool():
            return str(raw).lower()
        case int() if raw.bit_length() <= 200:
            return str(raw)
        case float() if math.isfinite(raw):
            return str(int(raw)) if raw.is_integer() and abs(raw) < 2**53 else repr(raw)
        case _:
            return raw


def _require_two(state: CategoryState) -> None:
    if len(state.classes) < 2:
        raise ValueProblem(f"an output needs at least two classes in training; found {list(state.classes)}")
