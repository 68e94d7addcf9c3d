"""The best trials of a search as the members of a blend: a learner that takes others, each with its own settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import JsonValue

from modelwright.stages.tune.axes import LEARNER
from modelwright.storage.formats.search import SearchTrial

MOST_OF_BEST = 2  # settings of the learner whose trial is the best; of the others one each
MOST = 5


def members(order: Sequence[SearchTrial]) -> tuple[SearchTrial, ...]:
    """Return the trials to blend, those first that would be taken first: the best of each learner."""
    found: list[SearchTrial] = []
    for one in order:
        most = MOST_OF_BEST if one.learner == order[0].learner else 1
        if sum(other.learner == one.learner for other in found) < most:
            found.append(one)
    learners = {one.learner for one in found}
    return tuple(found[:MOST]) if len(learners) > 1 else ()


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
        if key in (LEARNER, "learn.budget") or section not in ("model", "learn"):
            continue
        *path, name = rest.split(".")
        here = member if section == "model" else learn
        for part in path:
            here = here.setdefault(part, {})
        here[name] = value
    return {**member, **({"learn": learn} if learn else {})}
