"""Outcomes of an output that is labelled spans of a text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.json_types import JsonObject
from modelwright.core.outcomes import Outcomes, RowChoice

Entity = tuple[int, int, str]  # start, end, label
Entities = tuple[Entity, ...]
Counts = NDArray[np.int64]


@final
@dataclass(frozen=True)
class EntityOutcomes(Outcomes):
    """Outcomes of n texts with spans of C labels. A span is right where start, end and label are those of a true one.

    names: the C labels; truth: (n,) tuples of spans, None where the truth is missing; predicted: (n,) tuples of spans;
    true, answered, right: (n, C) how many spans there are, are answered, and are both, of each label; unseen: (n,) true
    spans of a label that training never showed; probabilities: (n,) that all of a text is right; shown: (n,) the
    answers as JSON.
    """

    names: tuple[str, ...]
    truth: NDArray[np.object_]
    predicted: NDArray[np.object_]
    true: Counts
    answered: Counts
    right: Counts
    unseen: Counts
    probabilities: NDArray[np.float64]
    shown: NDArray[np.object_]

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        truth: Sequence[Entities | None],
        predicted: Sequence[Entities],
        probabilities: NDArray[np.float64],
        shown: Sequence[Sequence[JsonObject]],
    ) -> Self:
        """Count the spans of n rows."""
        places = {name: place for place, name in enumerate(names)}
        true, answered, right = (np.zeros((len(truth), len(names)), dtype=np.int64) for _ in range(3))
        unseen = np.zeros(len(truth), dtype=np.int64)
        for row, (wanted, given) in enumerate(zip(truth, predicted, strict=True)):
            for *_, label in given:
                answered[row, places[label]] += 1
            for *_, label in wanted or ():
                if label in places:
                    true[row, places[label]] += 1
                else:
                    unseen[row] += 1
            # both are sets: no two spans of a text are equal
            for *_, label in set(wanted or ()) & set(given):
                right[row, places[label]] += 1
        texts = [json.dumps(list(one), ensure_ascii=False) for one in shown]
        return cls(
            tuple(names), _objects(truth), _objects(predicted), true, answered, right, unseen, probabilities,
            _objects(texts),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: RowChoice) -> Self:
        """Return the outcomes of some rows: a mask or an array of positions."""
        return replace(self, **{name: values[rows] for name, values in vars(self).items() if name != "names"})

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels."""
        return self.names

    @property
    def known(self) -> NDArray[np.bool_]:
        """Return which rows (n,) have a truth."""
        return np.array([one is not None for one in self.truth.tolist()], dtype=np.bool_)

    def aligned(self, to: Outcomes) -> Self:
        """Return these answers in the labels of `to`; a span of a label that is none of them is dropped."""
        if not isinstance(to, EntityOutcomes):
            raise ValueError("outcomes of another family")
        # a label that only this body knows is right nowhere in the truths of the other
        known = set(to.names)
        predicted = [tuple(one for one in row if one[2] in known) for row in self.predicted.tolist()]
        shown = [json.loads(one) for one in self.shown.tolist()]
        return type(self).of(to.names, to.truth.tolist(), predicted, self.probabilities, shown)

    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return the answers as JSON, how sure they are, and how many spans are true, answered and right."""
        return {
            "answer": self.shown.tolist(),
            "confidence": self.probabilities,
            "true": (self.true.sum(axis=1) + self.unseen).astype(np.float64),
            "answered": self.answered.sum(axis=1).astype(np.float64),
            "right": self.right.sum(axis=1).astype(np.float64),
        }


def _objects(values: Sequence[object]) -> NDArray[np.object_]:
    """Return values as an array (n,) of objects, whatever they are."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found
