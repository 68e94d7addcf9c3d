"""A batch that grows while learning: a smaller noise of the gradient, as a lower rate has it (Smith et al. 2018)."""

from __future__ import annotations

import itertools

from modelwright.learners.contract.steps import GrowthKeys


def at_step(keys: GrowthKeys, step: int, steps: int, batch: int) -> tuple[int, int, int]:
    """Return the step at which the batch of a step began to be as large, its rows, and how often it has grown.

    Steps are counted from 0; batch: rows of the first.
    """
    # in steps, not in passes: the schedule is one of steps, too
    begins = [0, *(round(share * steps) for share in keys.at)]
    grown = max(place for place, begin in enumerate(begins) if begin <= step or place == 0)
    return begins[grown], batch * keys.factor**grown, grown


def mean(keys: GrowthKeys, most: float) -> float:
    """Return the rows of a step, on average over all steps, in those of the first; most: all rows, in the same."""
    edges = [0.0, *keys.at, 1.0]
    # Σ share of the steps · factor^k, where no step has more rows than there are
    return sum(
        (right - left) * max(1.0, min(float(keys.factor**grown), most))
        for grown, (left, right) in enumerate(itertools.pairwise(edges))
    )


def epoch(keys: GrowthKeys, steps: int) -> int:
    """Return the steps of a pass over the rows, on average over all steps; steps: as the first batch has them."""
    return max(1, round(steps / mean(keys, steps)))
