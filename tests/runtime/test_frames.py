"""Frames survive any cut of the stream, and carry bytes as they are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.runtime.worker.frames import Unpacker, packed

VALUES = st.integers() | st.text() | st.none() | st.booleans() | st.binary()
MARKS = st.sampled_from(["bytes", "bytes*", '"bytes"', "\n"])  # what a frame with bytes writes itself
OBJECTS = st.dictionaries(st.text() | MARKS, VALUES | MARKS, max_size=3)
MESSAGES = st.lists(st.lists(VALUES | MARKS | OBJECTS, max_size=4), max_size=5)


@given(MESSAGES, st.lists(st.integers(1, 20), min_size=1))
def test_messages_come_out_as_they_went_in(messages: list, cuts: list[int]) -> None:
    stream = b"".join(map(packed, messages))
    unpacker, out, place, turn = Unpacker(), [], 0, 0
    while place < len(stream):
        size = cuts[turn % len(cuts)]
        out += unpacker.feed(stream[place : place + size])
        place, turn = place + size, turn + 1
    assert out == messages


def test_a_number_that_json_cannot_hold_is_refused() -> None:
    for message in ([float("nan")], [float("nan"), b"x"]):
        with pytest.raises(ValueError, match="JSON"):
            packed(message)


def test_bytes_are_not_made_longer() -> None:
    picture = bytes(range(256)) * 4096
    message: list[Any] = ["ask", 1, [[picture, "text"]], 0.0, {}]
    assert len(packed(message)) < len(picture) + 200


def test_what_is_neither_json_nor_bytes_is_our_fault() -> None:
    with pytest.raises(TypeError, match="set"):
        packed([{1, 2}])
