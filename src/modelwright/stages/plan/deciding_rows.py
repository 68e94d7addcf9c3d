"""Validation rows that alone decide how learners compare: one truth of 1e12 among truths near 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from modelwright import outcomes
from modelwright.core.evidence.metric import Influence
from modelwright.core.messages import Notice
from modelwright.storage.formats.plan import ValidationScore

FEW = 30  # rows of which a few easily decide
_MOST = 3  # that can be looked at one by one
# of what errors lie above their mean: of 30 normal errors, the three largest squares hold 0.8 in 1 of 100 draws
_NEARLY_ALL = 0.8


def notices(
    scores: Sequence[ValidationScore], influences: Sequence[Influence | None], ids: Sequence[str]
) -> Iterator[Notice]:
    """Yield the few rows on which a score rests; influences: (n,) of each score, ids: of the n rows."""
    for score, influence in zip(scores, influences, strict=True):
        # where one row can add little (`flip`), none decides alone
        lower = outcomes.metrics().any(score.metric).better == "lower"
        if influence is None or influence.flip or not lower or score.n < FEW:
            continue
        above = np.maximum(influence.rows, 0.0)  # (n,): what each row adds
        order = np.argsort(-above, kind="stable")[:_MOST]
        reached = np.cumsum(above[order]) >= _NEARLY_ALL * float(above.sum())
        if not reached.any() or not above.any():
            continue
        named = order[: int(np.argmax(reached)) + 1]
        yield Notice(
            "choice.rows-decide",
            column=score.output,
            metric=score.metric,
            count=len(named),
            n=score.n,
            rows=[ids[row] for row in named.tolist()],
        )
