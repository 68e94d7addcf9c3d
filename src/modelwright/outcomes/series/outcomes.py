"""Outcomes of an output that is a forecast."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.outcomes import Outcomes, RowChoice

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class SeriesOutcomes(Outcomes):
    """Outcomes of forecasts of h steps, in the output's own unit.

    truth: (n, h), NaN where it is not known; predicted: (n, h), the median; quantiles: (n, h, q), rising, at `levels`;
    naive: (n, h), what was measured `season` steps before, NaN where nothing was; scale: the mean absolute error of
    that on the training rows, None where there is none.
    """

    truth: Floats
    predicted: Floats
    quantiles: Floats
    naive: Floats
    levels: tuple[float, ...]
    season: int | None = None
    scale: float | None = None

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: RowChoice) -> Self:
        """Return the outcomes of some rows: a mask or an array of positions."""
        return replace(
            self,
            truth=self.truth[rows],
            predicted=self.predicted[rows],
            quantiles=self.quantiles[rows],
            naive=self.naive[rows],
        )

    @property
    def there(self) -> NDArray[np.bool_]:
        """Return which steps (n, h) have a truth."""
        return np.asarray(~np.isnan(self.truth), dtype=np.bool_)

    @property
    def low(self) -> Floats:
        """Return the lower ends of the interval: (n, h)."""
        return self.quantiles[:, :, 0]

    @property
    def high(self) -> Floats:
        """Return the upper ends of the interval: (n, h)."""
        return self.quantiles[:, :, -1]

    def of_rows(self, steps: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the mean of a figure of each step (n, h) over the known steps of each row, and which rows have any.

        The means are those of the rows that have any: (known,).
        """
        there = self.there & ~np.isnan(steps)
        count = there.sum(axis=1)
        known = np.asarray(count > 0, dtype=np.bool_)
        # (n, h) → (n,): a step that is not known adds nothing
        sums = np.where(there, steps, 0.0).sum(axis=1)
        found: Floats = sums[known] / count[known]
        return found, known

    def aligned(self, to: Outcomes) -> Self:
        """Return these answers beside the truths of `to`; raises ValueError where those have other steps."""
        if not isinstance(to, SeriesOutcomes) or to.truth.shape != self.truth.shape:
            raise ValueError("outcomes of another family, or of forecasts of other steps")
        return replace(self, truth=to.truth, naive=to.naive, season=to.season, scale=to.scale)

    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return the medians, and both ends of the interval, as JSON lists."""
        return {
            "answer": [json.dumps(row) for row in self.predicted.tolist()],
            "low": [json.dumps(row) for row in self.low.tolist()],
            "high": [json.dumps(row) for row in self.high.tolist()],
        }
