"""How a text reads as several numbers, and which form the numbers of a column of such texts are written in."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.cells import CellOptions
from modelwright.kinds.shared.numbers import APOSTROPHES, PLAIN, SPACES, NumberCells, NumberForm, read_number

Read = Callable[[str, NumberForm], Sequence[object] | None]
_SEPARATING_COMMA: Final = re.compile(r",\s")
_OTHER_COMMA: Final = re.compile(r",\S")
_SPACED: Final = re.compile(r"\S\s+\S")
_ALIKE: Final = {" ": f" {SPACES}", "'": f"'{APOSTROPHES}"}
_WHOLE: Final = re.compile("[+-]?[0-9]+")
_PADDED: Final = re.compile("[+-]?0[0-9]+")


def parts(text: str, form: NumberForm = PLAIN) -> list[str]:
    """Return what stands between semicolons, else between commas, else between white space: one sign throughout.

    A comma separates nothing where it belongs to the numbers: `1,5;2,5` is no list of four.
    """
    if ";" in text:
        return text.split(";")
    if "," in text and "," not in {form.decimal, form.thousands}:
        return text.split(",")
    return text.split()


def is_json(text: str) -> bool:
    """Tell whether a text would be the JSON of a list, in which the decimal sign is a point."""
    return text.lstrip().startswith("[")


def require_one_comma(text: str, form: NumberForm) -> None:
    """Raise ValueProblem where the commas of a text seem to mean two things: `1,200,0,063`, `[1,5, 2,5]`."""
    if is_json(text):
        commas = (_SEPARATING_COMMA, _OTHER_COMMA)
        both = form.decimal == "," and all(one.search(text) is not None for one in commas)
    else:
        # No one writes whole numbers as 063 and 5 in one list: 063 is what stands behind a decimal sign.
        whole = [one.strip() for one in parts(text, form)]
        both = (
            "," in text
            and all(map(_WHOLE.fullmatch, whole))
            and len({len(one.lstrip("+-")) for one in whole}) > 1
            and any(map(_PADDED.fullmatch, whole))
        )
    if both:
        raise ValueProblem("value.commas", shown=shown(text))


def list_of(text: str, form: NumberForm, read: Read) -> object | None:
    """Return the list that a text is: JSON, or what `read` makes of it; None where it is neither.

    Raises ValueProblem where its commas seem to mean two things.
    """
    require_one_comma(text, form)
    if not is_json(text):
        return read(text, form)
    with suppress(ValueError, RecursionError):
        found: object = json.loads(text)
        return found
    return None


def texts(cells: Iterable[object], options: CellOptions, *, words: bool) -> Iterator[tuple[str, int]]:
    """Yield the distinct texts among cells that stand for something, each with how often it stands there.

    words: the kind takes the usual words for nothing, too.
    """
    for cell, times in Counter(cell for cell in cells if isinstance(cell, str)).items():
        if not options.is_missing(cell, words=words):
            yield cell, times


def count(
    cells: Iterable[tuple[str, int]], read: Read, forms: tuple[NumberForm, ...], *, thorough: bool = True
) -> NumberCells:
    """Return how many texts each form reads; cells: distinct texts, none missing, each with how often it stands there.

    read: gives the numbers of a text that is written in a form, None where it is not. thorough: also look for doubt
    where the point is the decimal sign at first sight; else such texts are not read.
    """
    found = NumberCells(forms)
    always = thorough or forms[0] != PLAIN
    for text, times in cells:
        if is_json(text) or not (always or _may_be_unusual(text)):
            found.add_plain(times)
            continue
        seen = {one: read(text, one) for one in dict.fromkeys(_as_seen(form, text) for form in forms)}
        reads = {form: numbers for form in forms if (numbers := seen[_as_seen(form, text)]) is not None}
        found.cells += times
        for form in reads:
            found.fits[form] += times
        if (reads[PLAIN] if PLAIN in reads else read(text, PLAIN)) is None:
            found.unusual += times
        if len(values := set(_by_sign(reads))) > 1:
            found.doubtful += times
            found.example = found.example or _differing(text, [form for form, _ in values])
    return found


def _as_seen(form: NumberForm, text: str) -> NumberForm:
    """Return a form that reads a text as this one does: without thousands where nothing could separate any."""
    signs = _ALIKE.get(form.thousands or "", form.thousands or "")
    return form if any(one in text for one in signs) else NumberForm(form.decimal)


def _may_be_unusual(text: str) -> bool:
    """Tell whether commas of a text may be decimal signs, or its numbers be written as Python does not."""
    if not text.isascii():
        return True
    if "," not in text or text.count(",") == text.count(", "):  # `1.5, 2.5`
        return False
    return ";" in text or _SPACED.search(text) is not None


def _by_sign(reads: dict[NumberForm, Sequence[object]]) -> Iterator[tuple[NumberForm, tuple[object, ...]]]:
    """Yield the first form of each decimal sign with what it reads, less those that read the same numbers."""
    seen: set[tuple[object, ...]] = set()
    signs: set[str] = set()
    for form, numbers in reads.items():
        if form.decimal not in signs and tuple(numbers) not in seen:
            signs.add(form.decimal)
            seen.add(tuple(numbers))
            yield form, tuple(numbers)


def _differing(text: str, forms: Sequence[NumberForm]) -> str:
    """Return the first part of a text that is another number in another form, or the whole text."""
    several = parts(text, forms[0]) if ";" in text else []
    differing = (one for one in several if len({read_number(one, form) for form in forms}) > 1)
    return next(differing, text).strip()
