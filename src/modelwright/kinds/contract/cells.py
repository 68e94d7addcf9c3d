"""How the cells of a table are written: what the project states, and what the cells show. Light: no tables."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

from modelwright.kinds.shared.dates import FORMS, DateCells
from modelwright.kinds.shared.missing_words import is_missing_word
from modelwright.kinds.shared.numbers import PLAIN, NumberCells, NumberForm, candidates, read_number


@dataclass(frozen=True)
class CellOptions:
    """How the cells of a table are written, as far as the project file says so, or the column shows.

    The stage `data` makes it of its own section, settles the form of each column by its cells, and gives it to
    every `Column.parse`; a kind reads what concerns it.

    tag_separator: what stands between the members of a set in a cell of text (`data.tag_separator`).
    missing: the words that stand for nothing (`data.missing`); None: those that a kind takes for it by default.
    number: how numbers are written in this column; forms: how they may be, by `data.decimal` and `data.thousands`.
    date: how dates are written in this column (`%d.%m.%Y`) beside ISO 8601; date_forms: how they may be (`data.dates`).
    gaps: numbers that stand for nothing in the steps of a series.
    length: how many members a value of this column has, of a kind whose values are all as long; None: nobody knows.
    lines: the text of a cell keeps its line breaks and its spaces, for it is to be written (an output).
    exact: the characters of a text are kept as they are, for answers name places among them.
    explained: how many refused cells of a chunk are explained one by one for each rule; None: all.
    """

    tag_separator: str = ";"
    missing: tuple[str, ...] | None = None
    number: NumberForm = PLAIN
    forms: tuple[NumberForm, ...] = field(default_factory=candidates)
    date: str | None = None
    date_forms: tuple[str, ...] = FORMS
    gaps: tuple[float, ...] = ()
    length: int | None = None
    lines: bool = False
    exact: bool = False
    explained: int | None = None

    def is_missing(self, cell: object, *, words: bool) -> bool:
        """Tell whether a raw cell stands for nothing: a blank, NaN, a word.

        words: the kind takes the usual words for it where the project says nothing.
        """
        match cell:
            case None:
                return True
            case str():
                return not cell.strip() or self.is_word(cell, words=words)
            case float() if math.isnan(cell):
                return True
            case bool():
                return False
            case int() | float():
                return self.missing is not None and cell in self.numbers
            case _:
                return False

    def is_word(self, text: str, *, words: bool) -> bool:
        """Tell whether a text is a word for nothing; a stated number (-999) is one however it is written."""
        if self.missing is None:
            return words and is_missing_word(text)
        if text.strip() in self.missing:
            return True
        return words and bool(self.numbers) and read_number(text, self.number) in self.numbers

    @cached_property
    def numbers(self) -> frozenset[float]:
        """Return the stated words that are numbers."""
        read = (read_number(word) for word in self.missing or ())
        return frozenset(one for one in read if one is not None)


DEFAULT_OPTIONS = CellOptions()


@dataclass
class Survey:
    """What the cells of a column show, added up over its chunks.

    missing: words that were taken for nothing, with how often; names: words that often stand for nothing, and
    are values of this kind; numbers, dates: None of a kind that holds none; lengths: how many cells have each
    length, of a kind whose values are all as long.
    """

    missing: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    numbers: NumberCells | None = None
    dates: DateCells | None = None
    lengths: Counter[int] = field(default_factory=Counter)

    def merge(self, other: Survey) -> None:
        """Add what other cells of the same column show."""
        self.missing += other.missing
        self.names += other.names
        self.lengths += other.lengths
        if self.numbers is None:
            self.numbers = other.numbers
        elif other.numbers is not None:
            self.numbers.merge(other.numbers)
        if self.dates is None:
            self.dates = other.dates
        elif other.dates is not None:
            self.dates.merge(other.dates)
