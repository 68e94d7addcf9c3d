"""Measures a function that writes: how soon an answer begins, how fast it is written, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

from modelwright.runtime.function import Answers, Function

Rows = Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class WrittenRequests:
    """What requests took: seconds to the whole answer, seconds to its first token, and tokens a second after it.

    A request that leaves with its first token has that alone; an answer of one token has no speed.
    """

    latency_s: list[float]
    first_s: list[float] = field(default_factory=list)
    tokens_per_second: list[float] = field(default_factory=list)


class _Request:
    """A request under way; arrived: time.perf_counter."""

    def __init__(
        self, function: Function, row: Mapping[str, object], arrived: float, found: WrittenRequests
    ) -> None:
        self.arrived = arrived
        self.has_token = self.has_speed = False
        self.done = False
        self._found = found
        self._parts: Generator[dict[int, Answers], None, None] = function.parts(
            function.rows.columns([function.rows.read(row)])
        )

    def advance(self) -> None:
        """Bring the answer one part further, and note what that shows."""
        part = next(self._parts, None)
        if part is None:
            self.done = True
            self._found.latency_s.append(time.perf_counter() - self.arrived)
            return
        for answer in (one for answers in part.values() for one in answers.values()):
            if not self.has_token and (answer.details or {}).get("tokens"):
                self.has_token = True
                self._found.first_s.append(time.perf_counter() - self.arrived)
        speeds = [one.times.tokens_per_second for row in part.values() for one in row.values() if one.times]
        # the last part repeats the answer that the one before may have ended
        if speeds and speeds[0] is not None and not self.has_speed:
            self.has_speed = True
            self._found.tokens_per_second.append(speeds[0])

    def leave(self) -> None:
        """End the work, as for a client that is gone."""
        self._parts.close()


def one_by_one(function: Function, rows: Rows, requests: int, seconds: float) -> WrittenRequests:
    """Return what requests took, each sent when the last one was answered, for so many seconds.

    Whole answers take long: for as long again, the first tokens of further requests are awaited, which then leave.
    """
    found = WrittenRequests([])
    for is_whole in (True, False):
        begun = time.perf_counter()
        for number in range(len(found.first_s), requests):
            request = _Request(function, rows[number % len(rows)], time.perf_counter(), found)
            while not request.done and (is_whole or not request.has_token):
                request.advance()
            request.leave()
            if time.perf_counter() - begun > seconds:
                break
    return found


def at_load(function: Function, rows: Rows, arrivals: Sequence[float], seconds: float) -> WrittenRequests:
    """Return what requests took that arrive at these seconds: each begins beside those under way, as a worker has it.

    One that has no token, or no end, after twice `seconds` counts with the time that it has waited.
    """
    found = WrittenRequests([])
    under_way: list[_Request] = []
    begun, come = time.perf_counter(), 0
    while come < len(arrivals) or under_way:
        now = time.perf_counter() - begun
        if now > 2 * seconds:
            break
        if not under_way and arrivals[come] > now:
            time.sleep(arrivals[come] - now)
            now = time.perf_counter() - begun
        while come < len(arrivals) and arrivals[come] <= now and len(under_way) < function.at_once:
            under_way.append(_Request(function, rows[come % len(rows)], begun + arrivals[come], found))
            come += 1
        for request in under_way:
            request.advance()
        under_way = [request for request in under_way if not request.done]
    late = time.perf_counter()
    waiting = [begun + one for one in arrivals[come:] if begun + one < late]
    found.latency_s.extend(late - one for one in (*(request.arrived for request in under_way), *waiting))
    no_token = [request.arrived for request in under_way if not request.has_token]
    found.first_s.extend(late - one for one in (*no_token, *waiting))
    for request in under_way:
        request.leave()
    return found
