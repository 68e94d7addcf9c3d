"""Preferences: what a decoder gave to both answers before it learned, for every step; and what it gives afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from modelwright.core.messages import Notice
from modelwright.learners.causal.preference_objective import Floats, PairRows, PreferenceObjective
from modelwright.learners.training import checkpoint

_MEASURED = 128  # pairs, evenly spaced
_FELL_NATS = 1.0  # of a chosen answer: more than that is said


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


def with_reference(objective: PreferenceObjective, rows: PairRows, kept: Path | None = None) -> PairRows:
    """Return pairs with what the decoder gives to their answers now; kept: a file in which that stands afterwards."""
    before = None if kept is None else checkpoint.read(kept)
    if before is not None:
        return replace(rows, reference=before[0]["reference"].numpy())
    found = _likelihoods(objective, rows)
    if kept is not None:
        checkpoint.write(kept, {"reference": torch.from_numpy(found)}, {})
    return replace(rows, reference=found)


def measured(objective: PreferenceObjective, rows: PairRows, beta: float) -> Preferred | None:
    """Return what learning made of at most 128 of the pairs; None of none."""
    if not len(rows):
        return None
    some = np.unique(np.linspace(0, len(rows) - 1, _MEASURED).round().astype(np.int64))
    change = _likelihoods(objective, rows, some) - rows.reference[some]  # (k, 2)
    margin = beta * (change[:, 0] - change[:, 1])
    return Preferred(len(some), float(margin.mean()), float(change[:, 0].mean()), float((margin > 0).mean()))


def notices(trained: Preferred | None, held: Preferred | None) -> Iterator[Notice]:
    """Yield what learning made of the pairs, and that chosen answers became much less likely."""
    for name, found in (("train", trained), ("validation", held)):
        if found is not None:
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


def _likelihoods(
    objective: PreferenceObjective,
    rows: PairRows,
    some: np.ndarray[tuple[int], np.dtype[np.int64]] | None = None,
) -> Floats:
    """Return ln p of both answers of some pairs, (n, 2), read as in learning."""
    order = np.arange(len(rows)) if some is None else some
    found = np.zeros((len(rows), 2))
    objective.module.eval()
    with torch.no_grad():
        for part, _ in objective.parts(rows, order[np.argsort(rows.lengths[order], kind="stable")]):
            for side, answers in enumerate((rows.chosen, rows.rejected)):
                found[part, side] = objective.likelihood(answers, part).double().cpu().numpy()
    return found[order]
