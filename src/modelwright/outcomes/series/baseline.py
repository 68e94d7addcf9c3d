"""The baseline of forecasts: the same time a season ago."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.messages import Phrase
from modelwright.outcomes.contract.baseline import BaselineModels, Truths
from modelwright.outcomes.series.outcomes import SeriesOutcomes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]


@final
class SeriesBaselines(BaselineModels[SeriesOutcomes]):
    """What was measured at the same time a season ago."""

    def constant(self, truths: Truths, reference: SeriesOutcomes) -> tuple[SeriesOutcomes, Phrase]:
        """Return the outcomes of the seasonal naive forecast; without a series before, the mean of each step."""
        means = _step_means(truths, reference.truth.shape[1])
        known = ~np.isnan(reference.naive)  # (n, h)
        answers = np.where(known, reference.naive, means)
        if reference.season is None or not known.any():
            return _answering(reference, answers), Phrase("baseline.step-means")
        return _answering(reference, answers), Phrase("baseline.season", season=reference.season)

    def linear(
        self, truths: Truths, train: csr_matrix, test: csr_matrix, reference: SeriesOutcomes
    ) -> SeriesOutcomes | None:
        """Return None: a line through the steps on one level would be judged on another."""
        return None

    def linear_name(self) -> Phrase:
        """Return `ridge regression`."""
        return Phrase("baseline.ridge-regression")


def _answering(reference: SeriesOutcomes, answers: Floats) -> SeriesOutcomes:
    """Return outcomes that answer so, with an interval of no width: a simple rule knows none."""
    count = len(reference.levels)
    return replace(reference, predicted=answers, quantiles=np.repeat(answers[:, :, None], count, axis=2))


def _table(truths: Truths, steps: int) -> Floats:
    """Return the truths of rows: (rows, h), NaN where a step is not known."""
    found = np.full((len(truths.values), steps), np.nan)
    value: Any
    for row, value in enumerate(truths.values):
        numbers = np.asarray(value.flat, dtype=np.float64)[:steps]
        found[row, : len(numbers)] = numbers
    return found


def _step_means(truths: Truths, steps: int) -> Floats:
    """Return the mean of each step (h,), 0 where nothing is known."""
    table = _table(truths, steps)  # (rows, h)
    count = (~np.isnan(table)).sum(axis=0)
    found: Floats = np.nansum(table, axis=0) / np.maximum(count, 1)
    return found
