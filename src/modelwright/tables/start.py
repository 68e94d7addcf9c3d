"""How a delimited file begins: the separator, and the lines above its header. Without Polars."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from modelwright.kinds.shared.numbers import found_form

SEPARATORS = (",", ";", "\t", "|")
SNIFFED_CHARACTERS = 65_536
SNIFFED_ROWS = 40
FEWEST_ROWS = 3  # of one width, the header among them: fewer are no table that stands below something else
NEARLY = 0.9  # of the rows below the lines have the header's width; others are named as errors
_ENDS = ("。", "？", "！")  # of a sentence; `Churn?` is a name
_WORDS = 6  # of a sentence at least
# What spreadsheets write above a table for themselves (Microsoft, "sep=" in CSV files).
_DECLARED = re.compile(r'^"?sep=(?P<sign>[^\r\n"])"?\r?\n', re.IGNORECASE)


@dataclass(frozen=True)
class Start:
    """The separator; how many lines above the header are left out, and the text of the first of them.

    declared: the file names its separator itself, in such a line.
    """

    separator: str
    lines: int = 0
    first: str = ""
    declared: bool = False


@dataclass(frozen=True)
class _Rows:
    """The first rows of a file by one separator: cells, and after how many lines each begins; blank ones left out."""

    cells: Sequence[Sequence[str]]
    begins: Sequence[int]

    @property
    def widths(self) -> list[int]:
        return [len(row) for row in self.cells]


def start_of(
    text: str,
    *,
    whole: bool,
    separator: str | None = None,
    skip: int | None = None,
    header: Sequence[str] = (),
    quotes: bool = True,
) -> Start:
    """Return how a file begins; text: its first characters; whole: there are no more.

    separator, skip, header (names of columns), quotes (whether they enclose cells): what the project states. Lines are
    left out where the rows below have more cells, all equally many, and begin with a row of names.
    """
    if skip is not None:
        rest = "".join(text.splitlines(keepends=True)[skip:])
        return Start(
            separator or sniff(rest, whole=whole, quotes=quotes), skip, _first_line(text) if skip else ""
        )
    if declared := _DECLARED.match(text):
        return Start(separator or declared["sign"], 1, _first_line(text), declared=True)
    signs = (separator,) if separator else SEPARATORS
    found = {
        sign: rows for sign in signs if (rows := _rows(text, sign, whole=whole, quotes=quotes)) is not None
    }
    plain = separator or _agreeing(found)
    if header:
        return Start(plain)
    if plain in found and len(set(found[plain].widths)) == 1 and found[plain].widths[0] > 1:
        return Start(plain)
    below = [(sign, begin) for sign, rows in found.items() if (begin := _below(rows)) is not None]
    if below:
        sign, lines = max(below, key=lambda pair: max(found[pair[0]].widths))
        return Start(sign, lines, _first_line(text))
    return Start(plain)


def quoting(*, quotes: bool) -> Literal[0, 3]:
    """Return how the standard library's reader takes quotes: as enclosing cells, or as characters like others."""
    return csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE


def begins_with_names(text: str, start: Start, names: Sequence[str], *, quotes: bool = True) -> bool:
    """Tell whether the first row of a file holds any of the names that its columns are to have."""
    rest = io.StringIO("".join(text.splitlines(keepends=True)[start.lines :]), newline="")
    row = next(filter(None, csv.reader(rest, delimiter=start.separator, quoting=quoting(quotes=quotes))), [])
    return any(cell.strip() in names for cell in row)


def sniff(start: str, *, whole: bool, quotes: bool = True) -> str:
    """Return the separator that gives the first rows equally many cells, the most of them; else the comma."""
    rows = {
        sign: found
        for sign in SEPARATORS
        if (found := _rows(start, sign, whole=whole, quotes=quotes)) is not None
    }
    return _agreeing(rows)


def _agreeing(found: dict[str, _Rows]) -> str:
    best, chosen = (0.0, 1, False), ","
    for sign, rows in found.items():
        widths = rows.widths[: SNIFFED_ROWS // 2]
        if not widths or widths[0] == 1:
            continue
        agreeing = sum(width == widths[0] for width in widths) / len(widths)
        # Between equals a comma is the decimal sign, as in `2,5;3,5;a`.
        if (rank := (agreeing, widths[0], sign != ",")) > best:
            best, chosen = rank, sign
    return chosen


def _rows(text: str, separator: str, *, whole: bool, quotes: bool) -> _Rows | None:
    cells: list[list[str]] = []
    begins: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting(quotes=quotes))
    before = 0
    try:
        for row in islice(reader, SNIFFED_ROWS + 1):
            if row:
                cells.append(row)
                begins.append(before)
            before = reader.line_num
    except csv.Error:
        return None
    if len(cells) > 2 and not whole:
        cells.pop()  # the last may have been cut off
    return _Rows(cells, begins)


def _below(rows: _Rows) -> int | None:
    """Return how many lines stand above a table that begins later than at the first row; None where none does."""
    widths = rows.widths
    (width, count) = max(Counter(widths).items(), key=lambda pair: (pair[1], pair[0]), default=(1, 0))
    if width == 1 or count < FEWEST_ROWS:
        return None
    place = widths.index(width)
    above = widths[:place]
    if not above or count < NEARLY * (len(widths) - place) or any(one >= width for one in above):
        return None
    # One row with a cell less is a header without a name for the first column, as R writes it.
    if above == [width - 1] and width > 2:
        return None
    return rows.begins[place] if _are_names(rows.cells[place]) else None


def _are_names(cells: Sequence[str]) -> bool:
    names = [cell.strip() for cell in cells]
    return all(names) and len(set(names)) == len(names) and not looks_like_data(names)


def looks_like_data(names: Sequence[str]) -> bool:
    """Tell whether the names of a header read as a row of data: at least half of them are numbers."""
    present = [name for name in names if name]
    numbers = sum(found_form([(name, 1)]).reads for name in present)
    return bool(present) and 2 * numbers >= len(present)


def holds_a_value(names: Sequence[str]) -> bool:
    """Tell whether a name of a header is a number or a sentence: where no name is a known one, it is a row of data."""
    return any(
        found_form([(name, 1)]).reads or name.endswith(_ENDS) or len(name.split()) >= _WORDS
        for name in names
        if name
    )


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "").strip()[:80]
