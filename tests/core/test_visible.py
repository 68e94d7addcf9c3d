"""What comes from outside is shown so that nothing in it acts, hides, or turns a line round."""

from __future__ import annotations

import json

import pytest

from modelwright.core.messages import Phrase, Problem, visible
from modelwright.core.messages.visible import visible_json

UNSEEN = {
    "\x1b": r"\x1b", "\x07": r"\x07", "\r": r"\r", "\x00": r"\x00", "\x7f": r"\x7f", "\x9b": r"\x9b",
    "\u202e": r"\u202e", "\u2066": r"\u2066", "\u200f": r"\u200f", "\u2028": r"\u2028", "\u2029": r"\u2029",
    "\u200b": r"\u200b", "\u200d": r"\u200d", "\ufeff": r"\ufeff", "\xad": r"\xad", "\ud800": r"\ud800",
    "\U000e0041": r"\U000e0041",
}  # fmt: skip
SEEN = [
    "plain",
    "汽车保险",
    "naïve café",
    "مرحبا",
    "a\nb\tc",
    "1\u00a0000",
    "😀",
    "[bold]x[/]",
    "\\x1b",
    "“”…→−",
]


@pytest.mark.parametrize(("character", "written"), UNSEEN.items(), ids=UNSEEN.values())
def test_what_cannot_be_seen_is_written_out(character, written):
    assert visible(f"a{character}b") == f"a{written}b"
    assert visible(visible(f"a{character}b")) == f"a{written}b"


@pytest.mark.parametrize("text", SEEN)
def test_what_can_be_seen_stays(text):
    assert visible(text) == text


@pytest.mark.parametrize("character", UNSEEN)
def test_json_keeps_its_value(character):
    value = {f"k{character}": [f"a{character}b"]}
    written = visible_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(written) == value
    assert character not in written


@pytest.mark.parametrize("character", UNSEEN)
def test_values_and_places_of_messages_are_written_out(character):
    name = f"a{character}b"
    for problem in (
        Problem("state.absurd", where=name, key=name, error=name),
        Problem("next.serve", where=name),
        Problem("package.batch-dependent", dependence=Phrase("note.package", path=name), most=1),
    ):
        assert character not in f"{problem} {problem.found} {problem.next_step} {problem.rule}"
