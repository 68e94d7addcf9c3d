"""When a session says that it has found nothing: learned from validation messages to which there is no reply."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from modelwright.core.messages import Notice
from modelwright.kinds.shared.confidence import fit_shares, shares

UNLEARNED = 0.3
"""The confidence from which a passage answers where nobody says it and no messages show it."""
FEWEST = 5  # messages of either sort that show something
_DIGITS = 6  # of a threshold: rounded down, so that the message which it is of is answered


class Refusal(BaseModel):
    """The confidence from which a passage answers, and how evidence becomes one (`SessionSettings.sureness`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer_from: float = UNLEARNED
    sureness: list[float] | None = None


def settled(
    evidence: NDArray[np.float64],
    replies: Sequence[object],
    answer_from: float | None,
    refused_at_most: float,
) -> tuple[Refusal, list[Notice]]:
    """Return what validation shows, and what is to be said of it.

    evidence: (n, 3), NaN of a message that asks nothing; replies: n, None where there is none; answer_from: as the
    project states it. Where it does not, it is the highest confidence that leaves at most a share `refused_at_most` of
    the messages with a reply unanswered.
    """
    stated = Refusal(answer_from=UNLEARNED if answer_from is None else answer_from)
    asks = np.isfinite(evidence).all(axis=1)
    has_reply = np.array([one is not None for one in replies], dtype=np.bool_)
    known, empty = has_reply & asks, ~has_reply & asks
    if not empty.any():
        return stated, []
    if min(int(known.sum()), int(empty.sum())) < FEWEST:
        few = Notice(
            "session.few-unanswered", count=int(empty.sum()), answered=int(known.sum()), least=FEWEST
        )
        return stated, [few]
    weights = fit_shares(evidence[asks], has_reply[asks])
    assert weights is not None, "finite rows of both sorts"
    sure = np.zeros(len(evidence))
    sure[asks] = shares(evidence[asks], weights)
    # (m,): of those with a reply; the first `left` of them may stay without one
    rising = np.sort(sure[known])
    left = min(int(refused_at_most * len(rising)), len(rising) - 1)
    learned = math.floor(float(rising[left]) * 10**_DIGITS) / 10**_DIGITS
    least = learned if answer_from is None else answer_from
    note = Notice(
        "session.refusal-learned",
        least=least,
        count=int((sure[empty] < least).sum()),
        of=int(empty.sum()),
        wrongly=int((sure[known] < least).sum()),
        answered=int(known.sum()),
        is_stated=answer_from is not None,
    )
    return Refusal(answer_from=least, sureness=[float(one) for one in weights]), [note]
