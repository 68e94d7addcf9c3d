"""Preferences and verdicts: what a decoder gave to answers before it learned, and what it gives to them afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from modelwright.core.messages import Notice
from modelwright.learners.causal.preference_objective import PairRows, PreferenceObjective
from modelwright.learners.causal.token_rows import Floats
from modelwright.learners.causal.verdict_objective import VerdictObjective, VerdictRows
from modelwright.learners.training import checkpoint

_MEASURED = 128  # pairs, evenly spaced
_FELL_NATS = 1.0  # of a chosen answer: more than that is said

Places = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Preferred:
    """What learning made of pairs, their means.

    pairs: how many; margin: β · how much more likely the chosen answer became than the rejected one, in nats; chosen:
    by how much ln p of the chosen answer changed; right: the share of pairs whose margin is above 0.
    """

    pairs: int
    margin: float
    chosen: float
    right: float


@dataclass(frozen=True)
class PreferredByVerdict:
    """What learning made of answers with a verdict.

    liked, disliked: how many answers; rose: the share of those liked that became likelier, and fell: of the others that
    became less likely, NaN of none; margin: β · how much more ln p changed of the liked than of the others, by their
    means, in nats; chosen: by how much ln p of a liked answer changed.
    """

    liked: int
    disliked: int
    rose: float
    fell: float
    margin: float
    chosen: float


Objective = PreferenceObjective | VerdictObjective
Referred = TypeVar("Referred", bound=PairRows | VerdictRows)


def with_reference(objective: Objective, rows: Referred, kept: Path | None = None) -> Referred:
    """Return rows with what the decoder gives to their answers now; kept: a file in which that stands afterwards."""
    before = None if kept is None else checkpoint.read(kept)
    if before is not None:
        return replace(rows, reference=before[0]["reference"].numpy())
    found = _likelihoods(objective, rows, np.arange(len(rows)))
    if kept is not None:
        checkpoint.write(kept, {"reference": torch.from_numpy(found)}, {})
    return replace(rows, reference=found)


def measured(
    objective: Objective, rows: PairRows | VerdictRows, beta: float
) -> Preferred | PreferredByVerdict | None:
    """Return what learning made of at most 128 of the rows; None of none."""
    if not len(rows):
        return None
    some = np.unique(np.linspace(0, len(rows) - 1, _MEASURED).round().astype(np.int64))
    if isinstance(rows, VerdictRows):
        return _judged(objective, rows, some, beta)
    change = _likelihoods(objective, rows, some) - rows.reference[some]  # (k, 2)
    margin = beta * (change[:, 0] - change[:, 1])
    return Preferred(len(some), float(margin.mean()), float(change[:, 0].mean()), float((margin > 0).mean()))


def _judged(objective: Objective, rows: VerdictRows, some: Places, beta: float) -> PreferredByVerdict:
    # (k,): of ln p of a row's own answer; what stands astray is nobody's
    change = _likelihoods(objective, rows, some)[:, 0] - rows.reference[some, 0]
    good, bad = change[rows.liked[some]], change[~rows.liked[some]]
    return PreferredByVerdict(
        len(good),
        len(bad),
        _mean(good > 0),
        _mean(bad < 0),
        beta * (_mean(good) - _mean(bad)),
        _mean(good),
    )


def _mean(values: np.ndarray[Any, Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def notices(
    trained: Preferred | PreferredByVerdict | None, held: Preferred | PreferredByVerdict | None
) -> Iterator[Notice]:
    """Yield what learning made of the rows, and that chosen answers became much less likely."""
    for name, found in (("train", trained), ("validation", held)):
        if isinstance(found, PreferredByVerdict):
            yield Notice("generate.judged", split=name, **asdict(found))
        elif found is not None:
            yield Notice(
                "generate.preferred",
                split=name,
                pairs=found.pairs,
                right=found.right,
                margin=found.margin,
                chosen=found.chosen,
            )
    if held is not None and held.chosen < -_FELL_NATS:
        yield Notice("generate.chosen-fell", nats=-held.chosen)


def _likelihoods(objective: Any, rows: PairRows | VerdictRows, order: Places) -> Floats:
    """Return ln p of both answers of some rows, (n, 2), read as in learning."""
    found = np.zeros((len(rows), 2))
    objective.module.eval()
    with torch.no_grad():
        for part, _ in objective.parts(rows, order[np.argsort(rows.lengths[order], kind="stable")]):
            for side, answers in enumerate(rows.sides):
                found[part, side] = objective.likelihood(answers, part).double().cpu().numpy()
    return found[order]
