"""Outcomes of a numeric output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.outcomes import Outcomes, RowChoice


@final
@dataclass(frozen=True)
class NumberOutcomes(Outcomes):
    """Outcomes of a numeric output; truth (NaN: missing) and predicted: (n,) float64, in the output's own unit.

    range: within which all truths and answers lie, as the signature declares it; None: nobody knows.
    beyond: (n,), which answers were brought back into the range, the body's being beyond it; None: there is no range.
    """

    truth: NDArray[np.float64]
    predicted: NDArray[np.float64]
    range: tuple[float, float] | None = None
    beyond: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: RowChoice) -> Self:
        """Return the outcomes of some rows: a mask or an array of positions."""
        beyond = None if self.beyond is None else self.beyond[rows]
        return replace(self, truth=self.truth[rows], predicted=self.predicted[rows], beyond=beyond)

    @property
    def largest_error(self) -> float | None:
        """Return by how much an answer can be wrong at most, None where nobody knows."""
        return None if self.range is None else self.range[1] - self.range[0]

    def aligned(self, to: Outcomes) -> Self:
        """Return these answers beside the truths of `to`."""
        if not isinstance(to, NumberOutcomes):
            raise ValueError("outcomes of another family")
        return replace(self, truth=to.truth)

    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return the answers."""
        return {"answer": self.predicted}
