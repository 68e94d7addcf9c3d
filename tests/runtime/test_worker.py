"""The inbox of a worker: how requests become batches."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from modelwright.runtime.worker.frames import packed
from modelwright.runtime.worker.inbox import Inbox


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
        return [one.id for one in self.inbox.take(max_rows, wanted_rows, wait_s)]


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


def test_a_request_is_never_split_and_keeps_its_turn(wire: Wire) -> None:
    for number, rows in enumerate((3, 2, 1, 9, 1)):
        wire.ask(number, rows)
    assert [wire.taken() for _ in range(4)] == [[0], [1, 2], [3], [4]]


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
    assert len(wire.inbox.take(4)[0].rows) == 100_000
    sender.join()


def test_the_end_of_the_gateway_is_noticed(wire: Wire) -> None:
    wire.ask(0)
    wire.gateway.close()
    with pytest.raises(EOFError):
        wire.taken()
