"""A stop text ends an answer before it, is never shown in part, and costs the same however long it is."""

from __future__ import annotations

from typing import Any

import pytest
import tiny_decoder
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwright.runtime.drivers.decode.written_text import WrittenText

TOKENIZER = tiny_decoder.tokenizer()


def letters(written: str) -> list[int]:
    """Return a text as tokens, each of one letter."""
    return [int(TOKENIZER.token_to_id(one)) for one in written]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("ab#", min_size=1, max_size=6), max_size=4), st.text("ab#", max_size=40))
def test_an_answer_ends_before_the_first_stop_text_and_shows_all_that_begins_none(
    stops: list[str], written: str
) -> None:
    text = WrittenText(TOKENIZER, stops)
    for place, token in enumerate(letters(written), 1):
        text.take(token)
        ended = [found for stop in stops if (found := written[:place].find(stop)) >= 0]
        held = max(
            (
                length
                for stop in stops
                for length in range(len(stop))
                if written[:place].endswith(stop[:length])
            ),
            default=0,
        )
        assert text.text == written[: min(ended) if ended else place - held]
        assert text.stopped == bool(ended)
        if ended:
            return
    text.end()
    assert text.text == written


@pytest.mark.parametrize(
    ("stop", "written"),
    [
        ("a" * 999 + "b", "a" * 4000),
        ("b" + "a" * 999, "a" * 4000),
        ("a" * 500 + "b" + "a" * 499, "a" * 4000),
        ("ab" * 500, "aba" * 1300),
        ("xyz" * 333, "ab" * 2000),
    ],
)
def test_to_look_for_a_stop_text_takes_the_same_however_long_it_is(stop: str, written: str) -> None:
    class Counted(str):
        looks = 0

        def __getitem__(self, place: Any) -> str:
            Counted.looks += 1
            return super().__getitem__(place)

    text = WrittenText(TOKENIZER, (Counted(stop),))
    for token in letters(written):
        text.take(token)
    assert not text.stopped
    assert Counted.looks <= 4 * (len(written) + len(stop))
