"""Whether a request that came now would be answered in time, where nearly all answers must be."""

from __future__ import annotations

IN_TIME = 0.8  # of the bar: the rest is the way from the client and back
MOST_LATE = (
    0.05  # the share of answers that may be late: such a bar is on a 95th percentile, or on a higher one
)
# What one late answer changes. One in time changes 19 times less, so that both are even where one in twenty is late.
_LEARNING = 0.05
_LEAST, _MOST = 0.5, 10.0


class Punctuality:
    """Learns how much more time answers take than is expected of them, so that no more than MOST_LATE are late.

    What is expected, rows under way times the time of a row, is wrong in both directions: rows that share a pass cost
    less, and a machine with other work makes all slower. The factor between follows the answers themselves (a quantile
    that is tracked by steps, Robbins & Monro 1951).
    """

    def __init__(self, bar_s: float) -> None:
        """Keep to `bar_s`, the time that nearly all answers must stay below."""
        self.bar_s = bar_s
        self.factor = 1.0

    def time_s(self, expected_s: float) -> float:
        """Return how long an answer takes that is expected in so many seconds."""
        return self.factor * expected_s

    def admits(self, expected_s: float) -> bool:
        """Tell whether an answer that is expected in so many seconds is in time."""
        return self.time_s(expected_s) <= IN_TIME * self.bar_s

    def learn(self, seconds: float, alone_s: float, *, waited: bool) -> None:
        """Learn from an answer that took so long; alone_s: what its own rows take; waited: others were before it.

        What an idle worker answers too late (a long list, a machine with other work) says nothing of how long one has
        to wait: it refuses nobody.
        """
        if alone_s > IN_TIME * self.bar_s or (not waited and seconds > IN_TIME * self.bar_s):
            return
        late = seconds > IN_TIME * self.bar_s
        step = _LEARNING if late else -_LEARNING * MOST_LATE / (1 - MOST_LATE)
        self.factor = min(max(self.factor * (1 + step), _LEAST), _MOST)
