"""Several processes that compute the gradients of one training, as a learner sees them.

Rank 0 learns: it takes the steps, evaluates, and writes. The others replay the same learning up to its first step, from
what lies in the scratch folder, and from then on compute gradients of parts of each step's rows:

    ranks.meet()        # rank 0: the others are started, and have come as far; another: says that it has
    …
    ranks.ended()       # why another is no longer there, None while all are
    ranks.leave()       # rank 0: the others end
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelwright.core.messages import Problem


class RankEnded(Exception):  # noqa: N818 - a signal: this process was there to compute gradients, and they are all computed
    """The training whose gradients a rank above 0 computed is over."""


@dataclass(frozen=True)
class Ranks:
    """Which of several processes this one is. The default is one alone.

    size: how many there are; folder: in which they meet.
    """

    rank: int = 0
    size: int = 1
    folder: Path | None = None
    meet: Callable[[], None] = lambda: None
    ended: Callable[[], Problem | None] = lambda: None
    leave: Callable[[], None] = lambda: None
