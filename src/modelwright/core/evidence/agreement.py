"""How far two judges of the same rows agree: the share of equal verdicts, and Cohen's kappa, which takes chance off."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from modelwright.core.evidence import clusters
from modelwright.core.evidence.intervals import normal_quantile, proportion


@dataclass(frozen=True)
class Agreement:
    """The share of n rows of which two judges said the same, and kappa; each with the ends of its interval.

    kappa is 1 where they always agree and 0 where they do as often as chance has it; None where one of them said one
    thing only: it would be 0 whatever the other said.
    """

    n: int
    share: float
    low: float
    high: float
    kappa: float | None
    kappa_low: float | None
    kappa_high: float | None


def agreement(
    one: Sequence[Hashable],
    other: Sequence[Hashable],
    confidence: float,
    groups: clusters.Groups | None = None,
) -> Agreement | None:
    """Return how far what two judges said of the same n rows agrees, None of no rows.

    Kappa as Cohen 1960 (Educ. Psychol. Meas. 20:37), its interval by the large-sample variance of Fleiss, Cohen &
    Everitt 1969 (Psychol. Bull. 72:323, equation 13). Where they always agree that is 0, which few rows do not show:
    then the lower end is that of the share. groups: (n,), which rows belong together; the share is then one of groups,
    and kappa's interval as much wider as their design effect has it.
    """
    assert len(one) == len(other), "the same rows"
    n = len(one)
    if n == 0:
        return None
    names = list(dict.fromkeys([*one, *other]))
    table = np.zeros((len(names), len(names)))  # (k, k) shares of rows: what one said by what the other did
    for mine, theirs in zip(one, other, strict=True):
        table[names.index(mine), names.index(theirs)] += 1 / n
    same = sum(mine == theirs for mine, theirs in zip(one, other, strict=True))
    low, high = proportion(same, n, confidence)
    wider = 1.0
    if groups is not None:
        hits = np.array([mine == theirs for mine, theirs in zip(one, other, strict=True)])
        low, high = clusters.share_bounds(hits, groups, confidence)
        effect, count = clusters.design_effect(hits - hits.mean(), groups)
        wider = math.sqrt(effect) if count >= clusters.LEAST_GROUPS else math.inf
    kappa, error = _kappa(table, n)
    if kappa is None:
        return Agreement(n, same / n, low, high, None, None, None)
    half = normal_quantile(confidence) * error * wider if error else 0.0
    if same == n:
        chance = float(table.sum(axis=1) @ table.sum(axis=0))
        half = 1 - (low - chance) / (1 - chance)
    return Agreement(n, same / n, low, high, kappa, max(kappa - half, -1.0), min(kappa + half, 1.0))


def _kappa(table: np.ndarray[tuple[int, int], np.dtype[np.float64]], n: int) -> tuple[float | None, float]:
    """Return kappa of a table (k, k) of shares and its standard error; None where one of both said one thing only."""
    rows, columns = table.sum(axis=1), table.sum(axis=0)  # (k,) each
    seen, chance = float(np.trace(table)), float(rows @ columns)
    if (rows > 0).sum() < 2 or (columns > 0).sum() < 2:
        return None, 0.0
    kappa = (seen - chance) / (1 - chance)
    # (k, k): for cell i, j the share of column i and that of row j, which the variance sums
    crossed = columns[:, None] + rows[None, :]
    diagonal = np.diag(table) * (1 - np.diag(crossed) * (1 - kappa)) ** 2
    rest = table * (1 - kappa) ** 2 * crossed**2
    apart = float(rest.sum() - np.trace(rest))
    # what is left where all but rounding cancels is no variance below 0
    spread = float(diagonal.sum()) + apart - (kappa - chance * (1 - kappa)) ** 2
    return kappa, math.sqrt(max(spread, 0.0) / n) / (1 - chance)
