"""The inbox of a worker: how requests become batches."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwright.runtime.batching import ROW_SIZE
from modelwright.runtime.worker.batcher import Batcher, PassTimes
from modelwright.runtime.worker.frames import packed
from modelwright.runtime.worker.inbox import Inbox, Waiting


class Wire:
    """A gateway's end of a socket pair, and the inbox at the other."""

    def __init__(self) -> None:
        self.gateway, self.worker = socket.socketpair()
        self.inbox = Inbox(self.worker)

    def ask(self, number: int, rows: int = 1) -> None:
        """Send a request with some rows."""
        self.gateway.sendall(packed(["ask", number, [[1.0]] * rows, 0.0, {}]))

    def taken(self, max_rows: int = 4, wanted_rows: int = 1, wait_s: float = 0.0) -> list[int]:
        """Take a batch and return its ids."""
        return [one.id for one in self.inbox.take(Turns(max_rows, wanted_rows, wait_s))]


class Turns:
    """Picks in the order of arrival, as the batcher does among rows of one length."""

    def __init__(self, max_rows: int, wanted_rows: int = 1, wait_s: float = 0.0) -> None:
        self.batcher = Batcher(lambda rows: [0] * len(rows), max_rows, wait_s)
        self.wanted_rows = min(wanted_rows, max_rows)
        self.pick = self.batcher.pick
        self.wait_s = lambda _: wait_s


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Return a socket pair that is closed in the end."""
    wire = Wire()
    with wire.gateway, wire.worker:
        yield wire


def test_what_waits_makes_up_a_batch_up_to_its_size(wire: Wire) -> None:
    for number in range(6):
        wire.ask(number)
    assert wire.taken() == [0, 1, 2, 3]
    assert wire.taken() == [4, 5]


def test_a_request_is_never_split_and_the_oldest_goes_first(wire: Wire) -> None:
    for number, rows in enumerate((3, 2, 1, 9, 1)):
        wire.ask(number, rows)
    assert [wire.taken() for _ in range(3)] == [[0, 2], [1, 4], [3]]  # what fits beside it goes along


def test_a_request_that_nobody_waits_for_is_dropped(wire: Wire) -> None:
    for number in range(3):
        wire.ask(number)
    wire.gateway.sendall(packed(["leave", 1]) + packed(["leave", 17]))
    assert wire.taken() == [0, 2]


def test_a_dropped_request_does_not_make_an_empty_batch(wire: Wire) -> None:
    wire.ask(0)
    wire.gateway.sendall(packed(["leave", 0]))
    batches: list[list[int]] = []
    worker = threading.Thread(target=lambda: batches.append(wire.taken()))
    worker.start()
    wire.ask(1)
    worker.join(20)
    assert batches == [[1]]


def test_it_waits_for_as_many_as_are_wanted(wire: Wire) -> None:
    batches: list[list[int]] = []
    worker = threading.Thread(target=lambda: batches.append(wire.taken(8, 3, 30.0)))
    worker.start()
    for number in range(3):
        wire.ask(number)
    worker.join(20)  # far less than the 30 s that it would wait for a third
    assert batches == [[0, 1, 2]]


def test_it_does_not_wait_longer_than_it_was_told(wire: Wire) -> None:
    wire.ask(0)
    assert wire.taken(8, 3, 0.01) == [0]


def test_what_is_dropped_while_it_waits_makes_no_batch(wire: Wire) -> None:
    batches: list[list[int]] = []
    wire.ask(0)
    wire.gateway.sendall(packed(["leave", 0]))
    worker = threading.Thread(target=lambda: batches.append(wire.taken(8, 2, 0.05)))
    worker.start()
    wire.ask(1)
    worker.join(20)
    assert batches == [[1]]


def test_a_large_request_arrives_whole(wire: Wire) -> None:
    sender = threading.Thread(target=wire.ask, args=(7, 100_000))
    sender.start()
    assert len(wire.inbox.take(Turns(4))[0].rows) == 100_000
    sender.join()


def test_the_end_of_the_gateway_is_noticed(wire: Wire) -> None:
    wire.ask(0)
    wire.gateway.close()
    with pytest.raises(EOFError):
        wire.taken()


def waits(number: int, length: int, sent: float = 0.0, rows: int = 1) -> Waiting:
    """Return a request whose rows are of one length."""
    return Waiting(number, [["x" * length]] * rows, sent, {})


def batcher(a: float, b: float, **options: float) -> Batcher:
    """Return one that has learned what passes cost: a seconds a unit of work, and b a pass."""
    made = Batcher(
        lambda rows: [len(row[0]) for row in rows], **{"most_rows": 16, "most_wait_s": 1.0, **options}
    )
    for length, rows in ((10, 1), (40, 4), (90, 2), (10, 8), (200, 1)) * 8:
        batch = [waits(n, length) for n in range(rows)]
        made.observe(batch, a * rows * (length + ROW_SIZE) + b)
    return made


def test_what_a_pass_costs_is_learned():
    a, b = batcher(2e-5, 3e-3).times.line
    assert a == pytest.approx(2e-5, rel=1e-6)
    assert b == pytest.approx(3e-3, rel=1e-6)


def test_passes_that_are_all_alike_tell_no_slope():
    times = PassTimes()
    assert times.seconds(7) == 0
    for _ in range(9):
        times.observe(100, 0.01)
    assert times.seconds(200) == pytest.approx(0.02)
    times.observe(100, 5.0)  # the machine did something else
    assert times.seconds(100) < 0.012


def test_rows_of_like_length_share_a_pass():
    waiting = [waits(0, 20), waits(1, 900), waits(2, 25), waits(3, 880), waits(4, 18)]
    assert batcher(1e-4, 5e-3).pick(waiting) == [0, 2, 4]
    assert batcher(1e-4, 5e-3).pick(waiting[1:]) == [0, 2]
    assert batcher(1e-4, 0.0).pick([waits(0, 20), waits(1, 60), waits(2, 18)]) == [0, 2]  # a little padding
    # where a pass costs much whatever it holds, all of them share one
    assert batcher(1e-7, 1.0).pick(waiting) == [0, 1, 2, 3, 4]


def test_a_pass_is_no_longer_than_the_bar_lets_the_oldest_wait():
    waiting = [waits(n, 84) for n in range(16)]  # of 100 units each, 1 ms a row
    free = batcher(1e-5, 0.0, clock=lambda: 0.0)
    assert len(free.pick(waiting)) == 16
    barred = batcher(1e-5, 0.0, bar_s=0.010, clock=lambda: 0.0)
    assert len(barred.pick(waiting)) == 8  # 8 of 10 ms, for the forecast may err
    later = batcher(1e-5, 0.0, bar_s=0.010, clock=lambda: 0.004)
    assert len(later.pick(waiting)) == 4
    missed = batcher(1e-5, 0.0, bar_s=0.010, clock=lambda: 1.0)
    assert len(missed.pick(waiting)) == 16


def test_no_request_is_held_past_the_bar():
    now = 0.0
    made = batcher(1e-5, 0.0, bar_s=0.1, clock=lambda: now)
    made.observe([waits(0, 984)] * 2, 0.02)
    assert made.wanted_rows == 2
    assert made.wait_s([waits(1, 10)]) == pytest.approx(0.005)  # a quarter of the last pass
    now = 0.058
    assert made.wait_s([waits(1, 10)]) == pytest.approx(0.002)  # 80 ms, less what it waited and a pass
    now = 0.5
    assert made.wait_s([waits(1, 10)]) == 0


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 20)), min_size=1, max_size=40), st.booleans())
def test_the_oldest_is_always_taken_and_no_pass_too_large(requests: list[tuple[int, int]], barred: bool):
    waiting = [waits(n, length, 0.0, rows) for n, (length, rows) in enumerate(requests)]
    made = batcher(1e-5, 1e-3, clock=lambda: 0.0, **({"bar_s": 0.02} if barred else {}))
    places = made.pick(waiting)
    assert places[0] == 0
    assert places == sorted(set(places))
    assert len(places) == 1 or sum(len(waiting[n].rows) for n in places) <= 16
