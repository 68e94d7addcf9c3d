"""Which trial is taken: a pure function of what was sealed and the requirements of today, so that no trial runs again.

Of the trials that keep every bar by ENOUGH half-widths of its interval, as many as test rows ask for (see
`stages.package.operating`), the cheapest or the best is taken, by the aim. Where none keeps them so surely, the one
that keeps its tightest bar by most (where rows are too few for an interval, by its value); where none keeps all, the
nearest: whose furthest miss is least.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from modelwright.core.evidence.margins import margin
from modelwright.core.evidence.measurement import Measurement, Phase
from modelwright.core.requirements.requirement import Bar, Requirement
from modelwright.stages.tune.config import Aim
from modelwright.storage.formats.search import Search, SearchTrial

ENOUGH = 2.0
LATENCY, SIZE = "latency_p50", "size"
_ALIKE = 1.1  # times the quickest, and _NOISE_S more: requests are timed no closer than that
_NOISE_S = 0.0002
_ALIKE_SIZE = 1.02
_ALIKE_LEARNING, _LEARNING_NOISE_S = 1.5, 1.0  # trials beside each other take turns
_NO_VALUE = 2.0  # how wrong a trial without a value is; the worst with one is 1

Standing = Literal["kept", "close", "nearest"]


@dataclass(frozen=True)
class Judged:
    """What a search came to.

    taken: the trial; standing: whether it keeps every bar surely (`kept`), by its values alone (`close`), or not
    (`nearest`); order: all trials with a package, as the leaderboard has them; missed: the bars that it misses;
    binding: what loosening a bar would buy, of those for which it would.
    """

    taken: SearchTrial
    standing: Standing
    order: tuple[SearchTrial, ...]
    missed: tuple[Requirement, ...]
    binding: tuple[Binding, ...]


@dataclass(frozen=True)
class Binding:
    """A bar that decides which trial is taken.

    instead: the trial that would be taken at the bar `loosened`; or the one that is taken, where it is the nearest, and
    `loosened` is the bar that its values keep; met: whether all other bars would then be kept.
    """

    requirement: Requirement
    instead: SearchTrial
    loosened: Requirement
    met: bool


def judge_trials(search: Search, requirements: Sequence[Requirement], aim: Aim | None) -> Judged | None:
    """Return which trial is taken and why; None where none came to a package."""
    done = [one for one in search.trials if one.state == "done"]
    if not done:
        return None
    bars = bars_of(requirements)
    order = _ordered(done, search, bars, aim)
    taken = order[0]
    return Judged(
        taken,
        _standing(taken, bars),
        tuple(order),
        missed(taken, bars),
        tuple(_binding(order, search, bars, aim)),
    )


def bars_of(requirements: Sequence[Requirement]) -> tuple[Requirement, ...]:
    """Return the requirements that a trial can show: on validation rows, and of its package."""
    return tuple(
        one
        for one in requirements
        if not one.bar.champion and {Phase.TEST, Phase.PACKAGE} & set(one.metric.phases)
    )


def aim_of(search: Search, requirements: Sequence[Requirement], aim: Aim | None) -> Aim:
    """Return what is looked for among those that keep every bar: the cheapest, where bars say what is good enough."""
    if aim is not None:
        return aim
    answered = {one.subject.output for one in bars_of(requirements) if Phase.TEST in one.metric.phases}
    return "cheapest" if set(search.main) <= answered else "best"


def measured(trial: SearchTrial, requirement: Requirement) -> Measurement | None:
    """Return what a trial showed of a requirement."""
    return next((one for one in trial.measurements if one.subject == requirement.subject), None)


def missed(trial: SearchTrial, bars: Sequence[Requirement]) -> tuple[Requirement, ...]:
    """Return the bars that a trial's values do not keep."""
    return tuple(one for one in bars if miss(trial, one) > 0)


def room(trial: SearchTrial, requirement: Requirement) -> float:
    """Return by how many half-widths a trial keeps a bar, infinite where there is nothing uncertain about it."""
    found = measured(trial, requirement)
    if found is None or found.value is None:
        return -math.inf
    kept = margin(requirement, found)
    exact = found.low is not None and found.low == found.high
    return math.inf if exact and kept >= 0 else kept


def miss(trial: SearchTrial, requirement: Requirement) -> float:
    """Return how far a bar is missed, 0 where it is kept, infinite where nothing was measured.

    As a share of the bar; of a share that is to be high as a share of the errors that it allows, so that 0.85 misses
    0.9 by half.
    """
    found = measured(trial, requirement)
    if found is None or found.value is None:
        return math.inf
    if margin(requirement, found) >= 0:
        return 0.0
    return max(_distance(requirement, found.value), 1e-9)


def _distance(requirement: Requirement, value: float) -> float:
    """Return how far a value is from its bar, as a share of what the bar allows."""
    bar = requirement.bar.value
    allowed = abs(bar)
    if requirement.metric.as_share is not None and requirement.metric.better == "higher" and bar < 1:
        allowed = 1 - bar
    return abs(value - bar) / allowed if allowed > 0 else abs(value - bar)


def _spare(trial: SearchTrial, requirement: Requirement) -> float:
    """Return by which share of what a bar allows a value without an interval keeps it, to a tenth; else infinite.

    To a tenth, so that of values about as far from it the cheaper trial is taken.
    """
    found = measured(trial, requirement)
    if found is None or found.value is None or margin(requirement, found) != 0:
        return math.inf
    return round(_distance(requirement, found.value), 1)


def errors(trials: Sequence[SearchTrial], search: Search) -> list[float]:
    """Return how wrong each trial is, summed over the outputs: of each, as a share of the worst trial's error."""
    wrong = [0.0] * len(trials)
    for output, (metric, higher) in search.main.items():
        values = [one.value(metric, output) for one in trials]
        found = [None if value is None else 1.0 - value if higher else value for value in values]
        worst = max((abs(one) for one in found if one is not None), default=0.0)
        for at, error in enumerate(found):
            wrong[at] += _NO_VALUE if error is None else error / worst if worst > 0 else 0.0
    return wrong


def cost(trial: SearchTrial) -> tuple[float, float, float]:
    """Return latency, size and learning time of a trial; infinite what was not measured."""
    latency, size = trial.value(LATENCY), trial.value(SIZE)
    return (
        math.inf if latency is None else latency,
        math.inf if size is None else size,
        trial.learn_seconds if trial.learn_seconds is not None else math.inf,
    )


def _standing(trial: SearchTrial, bars: Sequence[Requirement]) -> Standing:
    if missed(trial, bars):
        return "nearest"
    return "kept" if all(room(trial, one) >= ENOUGH for one in bars) else "close"


def _ordered(
    done: Sequence[SearchTrial], search: Search, bars: Sequence[Requirement], aim: Aim | None
) -> list[SearchTrial]:
    """Return the trials, the one to take first: those that keep all surely, then by value, then the others."""
    wrong = dict(zip((one.number for one in done), errors(done, search), strict=True))
    by_aim = (
        _cheapest_first(done, wrong)
        if aim_of(search, bars, aim) == "cheapest"
        else sorted(_cheapest_first(done, wrong), key=lambda one: wrong[one.number])
    )
    place = {one.number: at for at, one in enumerate(by_aim)}

    def key(one: SearchTrial) -> tuple[int, float, float, int]:
        standing = _standing(one, bars)
        if standing == "kept":
            return 0, 0.0, 0.0, place[one.number]
        if standing == "close":
            tightest, spare = (min(of(one, bar) for bar in bars) for of in (room, _spare))
            return 1, -tightest, -spare, place[one.number]
        return 2, max(miss(one, bar) for bar in bars), 0.0, place[one.number]

    return sorted(done, key=key)


def _cheapest_first(done: Sequence[SearchTrial], wrong: Mapping[int, float]) -> list[SearchTrial]:
    """Return trials by cost: the quickest, of about equally quick ones the smallest, of about as small ones the sooner
    learned; what costs about the same in all is told apart by how wrong it is, and not by what a clock says.
    """
    left, found = list(done), []
    while left:
        quickest = min(cost(one)[0] for one in left)
        quick = [one for one in left if cost(one)[0] <= quickest * _ALIKE + _NOISE_S]
        smallest = min(cost(one)[1] for one in quick)
        small = [one for one in quick if cost(one)[1] <= smallest * _ALIKE_SIZE]
        least_s = min(cost(one)[2] for one in small)
        soon = [one for one in small if cost(one)[2] <= least_s * _ALIKE_LEARNING + _LEARNING_NOISE_S]
        first = min(soon, key=lambda one: (wrong[one.number], one.number))
        found.append(first)
        left.remove(first)
    return found


def _binding(
    order: Sequence[SearchTrial], search: Search, bars: Sequence[Requirement], aim: Aim | None
) -> list[Binding]:
    """Return what each bar keeps from being taken: without it another trial would be, at a bar that it keeps surely."""
    found, taken = [], order[0]
    kept_aim = aim_of(search, bars, aim)  # that a bar is gone is no reason to look for something else
    wrong = dict(zip((one.number for one in order), errors(order, search), strict=True))
    for bar in bars:
        others = [one for one in bars if one is not bar]
        first = _ordered(order, search, others, kept_aim)[0]
        if first is not taken and miss(first, bar) and _pays(first, taken, others, wrong, kept_aim):
            # at its very value it would keep the bar so hardly that a surer trial would be taken
            new = _loosened(bar, first, ENOUGH)
        elif missed(taken, bars) == (bar,):
            first, new = taken, _loosened(bar, taken, 0.0)
        else:
            continue
        if new is not None:
            found.append(Binding(bar, first, new, met=not missed(first, others)))
    return found


def _pays(
    one: SearchTrial, taken: SearchTrial, others: Sequence[Requirement], wrong: dict[int, float], aim: Aim
) -> bool:
    """Tell whether a trial has something that the taken one has not: bars that it keeps, or what is aimed at."""
    misses, now = (max((miss(it, bar) for bar in others), default=0.0) for it in (one, taken))
    if misses != now or aim == "best":
        return misses < now or (misses == now and wrong[one.number] < wrong[taken.number])
    (latency_s, size, _), (now_s, now_size, _) = cost(one), cost(taken)
    return latency_s * _ALIKE + _NOISE_S < now_s or size * _ALIKE_SIZE < now_size


def _loosened(requirement: Requirement, trial: SearchTrial, widths: float) -> Requirement | None:
    """Return a requirement with the bar that a trial keeps by so many half-widths, in few digits on the looser side."""
    shown = measured(trial, requirement)
    if shown is None or shown.value is None:
        return None
    higher = requirement.metric.better == "higher"
    end = shown.low if higher else shown.high
    room = widths * (0.0 if end is None else abs(shown.value - end))
    bar = shown.value - room if higher else shown.value + room
    return replace(requirement, bar=Bar(_rounded(bar, down=higher, strict=requirement.op in ("<", ">"))))


def _rounded(value: float, *, down: bool, strict: bool) -> float:
    """Return a number of two digits that is not above (`down`) or not below another; strict: nor equal to it."""
    if value == 0:
        return value
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)  # of the second digit
    for digits in (2, 3, 4):
        places = math.floor(value / step) if down else math.ceil(value / step)
        rounded = float(f"{places * step:.{digits}g}")
        if strict and rounded == value:
            rounded = float(f"{(places - 1 if down else places + 1) * step:.{digits}g}")
        # as near as a twentieth: 0.78 stands for 0.795, and 0.1 would not for 0.19
        if abs(rounded - value) <= abs(value) / 20:
            break
        step /= 10
    return rounded
