"""Tokens with a tag each → a text and its labelled places.

Tags are `O`, or a letter before a label: B begins a place, I and E go on with it, S is a place of one token (IOB and
IOBES; U and L are other names of S and E). What goes on where no place of its label has begun begins one, as the first
form of IOB writes it, and is counted.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from modelwright.core.messages import ValueProblem, shown
from modelwright.stages.data.forms.answer_problem import AnswerProblem

_OUTSIDE = frozenset({"O", "o"})
_ALONE, _BEGIN, _FURTHER, _LAST = frozenset("SU"), frozenset("B"), frozenset("IM"), frozenset("EL")
_LETTERS = _ALONE | _BEGIN | _FURTHER | _LAST


@dataclass(frozen=True)
class TaggedText:
    """A text, its places (start, end, label), and how many tags went on with a place that had not begun."""

    text: str
    places: Sequence[dict[str, object]]
    astray: int


def of_tagged(tokens: object, tags: object, names: Sequence[str] = ()) -> TaggedText:
    """Return the text of tokens and the places of their tags; raises ValueProblem for lists that are none of both.

    names: those of tags that are numbers, from 0 on.
    """
    words = _strings(tokens)
    try:
        marks = _strings(_named(tags, names))
    except ValueProblem as problem:
        raise AnswerProblem(problem) from None
    if len(words) != len(marks):
        raise AnswerProblem(ValueProblem("value.tokens-and-tags", tokens=len(words), tags=len(marks)))
    text, starts = _text(words)
    places: list[dict[str, object]] = []
    open_label, astray = None, 0
    for word, start, mark in zip(words, starts, marks, strict=True):
        if mark in _OUTSIDE:
            open_label = None
            continue
        letter, label = _parted(mark)
        goes_on = letter in _FURTHER | _LAST
        if goes_on and open_label == label:
            places[-1]["end"] = start + len(word)
        else:
            astray += goes_on
            places.append({"start": start, "end": start + len(word), "label": label})
        open_label = None if letter in _ALONE | _LAST else label
    return TaggedText(text, places, astray)


def _named(tags: object, names: Sequence[str]) -> object:
    """Return tags by their names, where they are numbers; raises ValueProblem for numbers without a name."""
    numbers = list(tags) if isinstance(tags, list | tuple) else []
    if not numbers or not all(isinstance(one, int) and not isinstance(one, bool) for one in numbers):
        return tags
    strange = next((one for one in numbers if not 0 <= one < len(names)), None)
    if strange is not None:
        raise ValueProblem("value.tag-number", number=strange, names=len(names) or None)
    return [names[one] for one in numbers]


def _strings(raw: object) -> list[str]:
    if not isinstance(raw, list | tuple) or not all(isinstance(one, str) and one for one in raw):
        raise ValueProblem("value.no-tokens", shown=shown(raw))
    return [str(one) for one in raw]


def _parted(mark: str) -> tuple[str, str]:
    letter, dash, label = mark[:1].upper(), mark[1:2], mark[2:].strip()
    if letter not in _LETTERS or dash not in {"-", "_"} or not label:
        raise AnswerProblem(ValueProblem("value.no-tag", shown=shown(mark)))
    return letter, label


def _text(words: Sequence[str]) -> tuple[str, list[int]]:
    """Return the text and where each token begins in it: a space between two, but none between wide characters."""
    text, starts = "", list[int]()
    for word in words:
        if text and not (_is_wide(text[-1]) or _is_wide(word[0])):
            text += " "
        starts.append(len(text))
        text += word
    return text, starts


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in {"W", "F"}
