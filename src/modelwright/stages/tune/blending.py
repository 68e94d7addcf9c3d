"""The best trials of a search as the members of a blend: a learner that takes others, each with its own settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from modelwright.core.evidence.measurement import Phase
from modelwright.stages.tune.axes import LEARNER, Axis
from modelwright.storage.formats.search import SearchTrial

BUDGET = "learn.budget"
MOST_OF_BEST = 3  # forms of the learner whose trial is the best; of the others one each
MOST = 5


def members(order: Sequence[SearchTrial]) -> tuple[SearchTrial, ...]:
    """Return the trials to blend, those first that would be taken first: the best of each learner, in its best forms.

    A form is what a trial chose among names, and not how much of it: another one errs on other rows, another rate
    hardly does. Of one form, the second best is one beside other learners alone.
    """
    best, found = order[0].learner, list[SearchTrial]()
    for one in order:
        same = [other for other in found if other.learner == one.learner]
        if len(same) < (MOST_OF_BEST if one.learner == best else 1) and not any(
            _alike(one, other) for other in same
        ):
            found.append(one)
    if sum(one.learner == best for one in found) == 1 < len(found):
        found += [one for one in order[1:] if one.learner == best][:1]
        found.sort(key=order.index)
    return tuple(found[:MOST]) if len(found) > 1 else ()


def within(trials: Sequence[SearchTrial], seconds_left: float) -> tuple[SearchTrial, ...]:
    """Return the trials to blend in so many seconds: without those that would be taken last, down to two."""
    found = tuple(trials)
    while len(found) > 2 and seconds(found) > seconds_left:
        found = found[:-1]
    return found


def forms(
    axis: Axis, ended: Sequence[SearchTrial], default: Mapping[str, JsonValue]
) -> tuple[JsonValue, ...]:
    """Return the names of an axis beside the default's, which stands open until data decide: it is one of the names.

    default: the settings of the trial that leaves them open. Where all names but one are known to answer otherwise,
    that one is the default's.
    """
    names = tuple(one for one in axis.values or () if not is_amount(one))

    def answers(values: Mapping[str, JsonValue]) -> list[float | None]:
        return next((_answers(one) for one in ended if one.values == values), [])

    known = answers(default)
    others = [answers({**default, axis.key: one}) for one in names]
    if not known or known in others:  # found already, and tried
        return names
    left = [one for one, found in zip(names, others, strict=True) if not found]
    return tuple(one for one in names if left != [one])


def _alike(one: SearchTrial, other: SearchTrial) -> bool:
    """Tell whether two trials of a learner are of one form, or answer alike: a form may be that of the default."""
    answers = _answers(one)
    return _form(one) == _form(other) or (bool(answers) and answers == _answers(other))


def _form(trial: SearchTrial) -> dict[str, JsonValue]:
    """Return the values of a trial that are no amounts; what it learns with in the end is none of its form."""
    return {key: value for key, value in trial.values.items() if key != BUDGET and not is_amount(value)}


def is_amount(value: JsonValue) -> bool:
    """Tell whether a value of a setting is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _answers(trial: SearchTrial) -> list[float | None]:
    """Return what a trial's answers are worth on validation: of two that learned the same, all of it is the same."""
    return [one.value for one in trial.measurements if one.phase is Phase.TEST]


def seconds(trials: Sequence[SearchTrial]) -> float:
    """Return what a blend is likely to take: the learning of each, and once what else a trial takes."""
    learns = [one.learn_seconds or 0.0 for one in trials]
    return sum(learns) + max(one.seconds - learn for one, learn in zip(trials, learns, strict=True))


def settings(blend: str, trials: Sequence[SearchTrial]) -> dict[str, JsonValue]:
    """Return the settings under which trials are blended: each member with its keys of `model:` and `learn:`."""
    return {LEARNER: blend, "model.of": [_member(one) for one in trials]}


def _member(trial: SearchTrial) -> dict[str, JsonValue]:
    member: dict[str, Any] = {"learner": trial.learner}
    learn: dict[str, Any] = {}
    for key, value in trial.values.items():
        section, _, rest = key.partition(".")
        if key in (LEARNER, BUDGET) or section not in ("model", "learn"):
            continue
        *path, name = rest.split(".")
        here = member if section == "model" else learn
        for part in path:
            here = here.setdefault(part, {})
        here[name] = value
    return {**member, **({"learn": learn} if learn else {})}
