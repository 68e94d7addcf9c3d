"""Which of the requests that wait share the next pass: those of like length, while it pays and the latency bar holds.

A pass over n rows, padded to the longest of them, costs about a·w + b seconds: w = n · longest is its work, a and b are
learned from the passes themselves. A request joins a pass where that costs less than a pass of its own, and where the
one that waits longest still gets its answer in time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelwright.runtime.batching import MOST_PADDED, ROW_SIZE
from modelwright.runtime.worker.inbox import Waiting

WAIT_SHARE = 0.25  # of the last pass's time: what waiting costs stays small beside what it can save
_IN_TIME = 0.8  # of the latency bar: the rest is the gateway's, and the error of a forecast
_MEMORY = 0.95  # what an older pass counts beside the one after it
_FIRST = 4  # passes until what was learned is used: the first are slow for other reasons
_LOOKED_AT = (
    8  # times the rows of a pass, of those that wait longest: a long queue costs no time to look through
)


class PassTimes:
    """Learns a and b of a·w + b, by least squares in which a pass counts _MEMORY times what the next one does."""

    def __init__(self) -> None:
        self.passes = 0
        self._n = self._w = self._t = self._ww = self._wt = 0.0  # sums of 1, w, t, w², w·t

    def observe(self, work: float, seconds: float) -> None:
        """Learn from a pass. One that took far longer than its forecast is counted as if it took twice as long as that:
        the machine did something else meanwhile."""
        if self.passes >= _FIRST:
            seconds = min(seconds, 2 * self.seconds(work))
        self.passes += 1
        kept = _MEMORY
        self._n = kept * self._n + 1
        self._w = kept * self._w + work
        self._t = kept * self._t + seconds
        self._ww = kept * self._ww + work * work
        self._wt = kept * self._wt + work * seconds

    @property
    def line(self) -> tuple[float, float]:
        """Return (a, b), both at least 0: seconds a unit of work, and seconds a pass."""
        if not self._n:
            return 0.0, 0.0
        mean_w, mean_t = self._w / self._n, self._t / self._n
        spread = self._ww / self._n - mean_w * mean_w  # the variance of w
        if spread <= 1e-3 * mean_w * mean_w:  # passes that are all alike tell nothing of a slope
            return mean_t / mean_w, 0.0
        slope = (self._wt / self._n - mean_w * mean_t) / spread
        slope = min(max(slope, 0.0), mean_t / mean_w)  # so that b = t̄ - a·w̄ is not negative
        return slope, mean_t - slope * mean_w

    def seconds(self, work: float) -> float:
        """Return what a pass of some work is expected to take."""
        a, b = self.line
        return a * work + b


@dataclass(frozen=True)
class Sized:
    """A request that waits, with its rows and the size of its longest one."""

    rows: int
    longest: int

    @property
    def work(self) -> int:
        """Return what a pass of its own would cost, in units of size."""
        return self.rows * self.longest


class Batcher:
    """Chooses the requests of the next pass, and how long it waits for more."""

    def __init__(
        self,
        sizes: Callable[[Sequence[Sequence[object]]], Sequence[int]],
        most_rows: int,
        most_wait_s: float,
        bar_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the sizes of rows as a function; a pass has at most `most_rows`, but one request at least.

        bar_s: the time that an answer may take (None: any); clock: that of `Waiting.sent`.
        """
        self.times = PassTimes()
        self._sizes = sizes
        self._most_rows = most_rows
        self._most_wait_s = most_wait_s
        self._in_time_s = None if bar_s is None else _IN_TIME * bar_s
        self._clock = clock
        self._last_rows, self._last_s = 1, 0.0
        self._sized: dict[int, Sized] = {}  # by the id of a request, until it is taken or dropped

    @property
    def wanted_rows(self) -> int:
        """Return how many rows are worth waiting for: who shared the last pass is likely to ask again at once."""
        return min(self._last_rows, self._most_rows)

    def wait_s(self, waiting: Sequence[Waiting]) -> float:
        """Return how long to wait for more than these: a moment, and never so long that the bar would be missed."""
        longest = min(self._most_wait_s, WAIT_SHARE * self._last_s)
        if self._in_time_s is None:
            return longest
        taken = self._clock() - waiting[0].sent + self._last_s  # a pass like the last one is to come
        return max(0.0, min(longest, self._in_time_s - taken))

    def pick(self, waiting: Sequence[Waiting]) -> list[int]:
        """Return the places of those that share the next pass, in order; the one that waits longest is among them."""
        looked_at = waiting[: _LOOKED_AT * self._most_rows]
        self._sized = {one.id: self._sized.get(one.id) or self._size(one) for one in looked_at}
        sized = [self._sized[one.id] for one in looked_at]
        first = sized[0]
        rows, longest, own = first.rows, first.longest, first.work
        a, b = self.times.line
        learned = self.times.passes >= _FIRST
        left_s = self._left_s(waiting[0])
        taken = [0]
        # The nearest in length first, and of those the one that waits longest.
        for place in sorted(range(1, len(sized)), key=lambda n: abs(sized[n].longest - first.longest)):
            one = sized[place]
            if rows + one.rows > self._most_rows:
                continue
            joined = (rows + one.rows) * max(longest, one.longest)
            if learned:
                costs_s = a * (joined - rows * longest)
                # A little padding is always right: on a busy machine b is learned badly, and seems to be nothing.
                if costs_s > a * one.work + b and joined > MOST_PADDED * (own + one.work):
                    continue
                if left_s is not None and a * joined + b > left_s:
                    continue
            taken.append(place)
            rows, longest, own = rows + one.rows, max(longest, one.longest), own + one.work
        return sorted(taken)

    def observe(self, batch: Sequence[Waiting], seconds: float) -> None:
        """Learn from a pass over what `pick` chose."""
        sized = [self._sized.get(one.id) or self._size(one) for one in batch]
        rows = sum(one.rows for one in sized)
        self.times.observe(rows * max(one.longest for one in sized), seconds)
        self._last_rows, self._last_s = rows, seconds

    def _left_s(self, oldest: Waiting) -> float | None:
        """Return what a pass may take, so that the oldest is in time; None where there is no bar, or it is missed."""
        if self._in_time_s is None:
            return None
        left_s = self._in_time_s - (self._clock() - oldest.sent)
        return left_s if left_s > 0 else None  # too late already: now all that counts is to catch up

    def _size(self, request: Waiting) -> Sized:
        return Sized(len(request.rows), max(self._sizes(request.rows), default=0) + ROW_SIZE)
