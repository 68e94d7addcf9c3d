"""Frames survive any cut of the stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.runtime.worker.frames import Unpacker, packed

MESSAGES = st.lists(st.lists(st.integers() | st.text() | st.none() | st.booleans(), max_size=4), max_size=5)


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
    with pytest.raises(ValueError, match="JSON"):
        packed([float("nan")])
