"""Truths that clients report of answers: which rows they show to be right, and whose word that rests on.

Whoever reports truths could talk a version up or down: it sees which version answered. So no key decides alone: a
verdict on labels must stay the same when any one key's labels are left out (`LabelledRows.without`). If one key lies
and the others do not, the rows without it are honest, and the verdict on them errs as seldom as it states.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Rows = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""When the truth of each row became known, in that order (k,), and whether the row was answered with it (k,)."""


@dataclass(frozen=True)
class Label:
    """What one key reported of one output of one row: when (Unix time), and whether that is what was answered."""

    row: int
    output: str
    key: str
    time_s: float
    right: bool


@dataclass(frozen=True)
class LabelPolicy:
    """Whose labels count, and of which outputs; None: all.

    outputs: those whose truth an answer can be equal to (a class; not a number). known: the names of keys; one that was
    taken out of the project file takes its labels with it. alone: names of keys that may decide by themselves.
    """

    outputs: Collection[str] | None = None
    known: Collection[str] | None = None
    alone: Collection[str] = ()

    def counts(self, label: Label) -> bool:
        """Return whether a label counts at all."""
        return (self.outputs is None or label.output in self.outputs) and (
            self.known is None or label.key in self.known
        )


EVERY_LABEL = LabelPolicy()


@dataclass(frozen=True)
class LabelledRows:
    """The rows of a version whose truth is known.

    rows: all of them; disputed: how many more there are on which keys contradict each other, which count for nobody;
    without: by the name of each key that may not decide alone, the rows that are known without its labels.
    """

    rows: Rows
    disputed: int = 0
    without: Mapping[str, Rows] = field(default_factory=dict)

    @classmethod
    def of(cls, labels: Iterable[Label], policy: LabelPolicy = EVERY_LABEL) -> LabelledRows:
        """Return the rows that labels show; where a key that may decide alone has spoken, such keys alone count."""
        counted = [one for one in labels if policy.counts(one)]
        trusted = [one for one in counted if one.key in policy.alone]
        if trusted:
            return cls(*_settled(trusted))
        rows, disputed = _settled(counted)
        keys = sorted({one.key for one in counted})
        return cls(
            rows, disputed, {key: _settled(one for one in counted if one.key != key)[0] for key in keys}
        )

    @property
    def right(self) -> int:
        """Return how many rows were answered with their truth."""
        return int(self.rows[1].sum())

    def __len__(self) -> int:
        return len(self.rows[0])


def _settled(labels: Iterable[Label]) -> tuple[Rows, int]:
    """Return the rows on which labels agree, by the time when the last of them came, and how many are disputed.

    A row is right where every output of which a truth is known was answered with it.
    """
    found: dict[int, dict[str, set[bool]]] = {}
    known_s: dict[int, float] = {}
    for one in labels:
        found.setdefault(one.row, {}).setdefault(one.output, set()).add(one.right)
        known_s[one.row] = max(known_s.get(one.row, one.time_s), one.time_s)
    # {True, False}: one key says that the answer is right, another one that it is not
    agreed = {row: all(map(all, outputs.values())) for row, outputs in found.items() if _agree(outputs)}
    order = sorted(agreed, key=lambda row: (known_s[row], row))
    times = np.array([known_s[row] for row in order], np.float64)
    return (times, np.array([agreed[row] for row in order], np.bool_)), len(found) - len(agreed)


def _agree(outputs: Mapping[str, set[bool]]) -> bool:
    return all(len(found) == 1 for found in outputs.values())
