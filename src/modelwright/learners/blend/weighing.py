"""Which members answer an output, with which weights: greedy selection on validation (Caruana et al. 2004).

The best member alone is where it begins; in each round the member is added, again or anew, whose addition makes the
loss of the mean least. A weight is how often a member was taken. So a blend is on validation never worse than its best
member, and few rounds leave it little room to fit noise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.kinds.contract.common import Array, Form
from modelwright.kinds.shared.confidence import fit_temperature
from modelwright.learners.contract.aim import Aim
from modelwright.learners.known_truths import known
from modelwright.runtime.drivers.ensemble import blending
from modelwright.runtime.drivers.ensemble.blending import Share

ROUNDS = 25
_GAIN = 1e-6  # of the loss, that another round must bring
Allowed = Callable[[frozenset[str]], bool]


@dataclass(frozen=True)
class ValidationAnswers:
    """What members answered to the n validation rows of an output, and the truths (n, …)."""

    form: Form
    truth: Array
    answers: Mapping[str, Array]


@dataclass(frozen=True)
class MemberShares:
    """The shares of the members that answer, and the mean loss of each alone and of the blend; None: no truth."""

    shares: Mapping[str, Share]
    alone: Mapping[str, float | None]
    loss: float | None


def weigh(
    found: ValidationAnswers, aim: Aim, allowed: Allowed, used: frozenset[str] = frozenset()
) -> MemberShares:
    """Return the shares with the least loss on validation.

    allowed: whether so many members may serve together; used: those that other outputs take. Without a known truth
    every member that may has the same weight.
    """
    names = [name for name in found.answers if allowed(used | {name})]
    assert names, "a blend has a member that it may use"
    temperatures = {name: _temperature(found, name) for name in found.answers}

    def shares_of(counts: Counter[str]) -> dict[str, Share]:
        total = sum(counts.values())
        return {name: Share(count / total, temperatures[name]) for name, count in counts.items()}

    def loss_of(counts: Counter[str]) -> float | None:
        shares = shares_of(counts)
        answers = [found.answers[name] for name in shares]
        return loss(found.form, answers, list(shares.values()), found.truth, aim)

    alone = {name: loss_of(Counter({name: 1})) for name in found.answers}
    if any(value is None for value in alone.values()):
        every: list[str] = []
        for name in names:
            every += [name] if allowed(used | {*every, name}) else []
        return MemberShares(shares_of(Counter(every)), alone, None)
    best = Counter({min(names, key=lambda name: (alone[name], names.index(name))): 1})
    least, counts = loss_of(best), best
    assert least is not None
    for _ in range(ROUNDS):
        tried = {
            name: loss_of(counts + Counter({name: 1})) for name in names if allowed(used | {*counts, name})
        }
        name = min(tried, key=lambda one: (tried[one], names.index(one)))
        counts = counts + Counter({name: 1})
        found_loss = tried[name]
        assert found_loss is not None
        if found_loss < least * (1 - _GAIN):
            best, least = counts, found_loss
    return MemberShares(shares_of(Counter({name: best[name] for name in names if best[name]})), alone, least)


def loss(
    form: Form, answers: Sequence[Array], shares: Sequence[Share], truth: Array, aim: Aim
) -> float | None:
    """Return the mean loss of the blended answers: log loss of probabilities, squared or absolute error of numbers."""
    if form in (Form.CODE, Form.FLAG, Form.SET):
        chances = blending.mixed_chances(form, answers, shares)
        rows = known(truth)
        if not rows.any():
            return None
        if form is Form.CODE:
            of_truth = chances[rows, truth[rows]]
        else:
            of_truth = np.where(truth[rows] > 0.5, chances[rows], 1 - chances[rows])
        return float(-np.log(of_truth).mean())
    blended = blending.mixed(form, answers, shares).astype(np.float64)
    if form is Form.SERIES:  # (n, h, q) → the median of each step (n, h)
        blended = blended[:, :, blended.shape[2] // 2]
    there = known(truth)
    if not there.any():
        return None
    gaps: NDArray[np.float64] = np.abs(blended[there] - truth[there])
    return float(gaps.mean() if form is Form.SERIES or aim == "median" else (gaps**2).mean())


def _temperature(found: ValidationAnswers, name: str) -> float:
    """Return what makes a member's probabilities those of validation, 1 of numbers."""
    logits, truth = found.answers[name], found.truth
    match found.form:
        case Form.CODE:
            return fit_temperature(logits, np.asarray(truth, np.int64))
        case Form.FLAG | Form.SET:
            flat, wanted = logits.reshape(-1), truth.reshape(-1)
            there = known(wanted)
            index = np.where(there, np.nan_to_num(wanted) > 0.5, -1).astype(np.int64)
            return fit_temperature(np.stack([np.zeros_like(flat), flat], axis=1), index)
        case _:
            return 1.0
