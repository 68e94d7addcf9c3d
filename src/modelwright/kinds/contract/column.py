"""The facet `column`: a whole column of a table at once, in Polars. Needs the extra `learn`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import polars as pl

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions, Survey
from modelwright.kinds.contract.value import AnyValue
from modelwright.kinds.shared.missing_words import LONGEST_WORD, MISSING_WORDS

V = TypeVar("V")  # the type of a canonical value
Chunks = Callable[[], Iterable[pl.Series]]


@dataclass(frozen=True)
class Parsed:
    """A column as it was read: values (n,) of the kind's own type, null where missing or refused.

    `refused` maps a position to why its cell is refused. Positions count within the column that was given.
    """

    values: pl.Series
    refused: dict[int, ValueProblem]


class Column(ABC, Generic[V]):
    """How a kind's values lie in a table, and how a column of raw cells is read.

    `of` is the kind's own `value` facet. The default of `parse` reads every distinct cell once with
    `read`; a kind that can do better with the expressions of Polars does, and gives the same values.
    """

    of: ClassVar[AnyValue]

    @abstractmethod
    def dtype(self) -> pl.DataType | type[pl.DataType]:
        """Return the type of the kind's column in rows.parquet."""

    def store(self, value: V) -> object:
        """Return a canonical value as Polars stores it."""
        return value

    def restore(self, stored: Any) -> V:
        """Return the canonical value of what Polars gives back (never None)."""
        found: V = stored
        return found

    def read(self, cell: object, options: CellOptions) -> V | None:
        """Return the canonical value of one raw cell (None: missing), as `Value.read_cell`; raises ValueProblem."""
        found: V | None = self.of.read_cell(cell, options)
        return found

    def parse(self, cells: pl.Series, options: CellOptions = DEFAULT_OPTIONS) -> Parsed:
        """Return a column's values and why cells are refused; the same as `read` of each cell.

        cells: raw cells as the source has them: text of a CSV file; numbers, truth values, dates or lists of a
        typed one; the type Object where cells of several types are mixed. Null is missing. It is a part of a
        column (a chunk), so nothing may depend on the cells beside.
        """
        return parse_by_value(self, cells, options)

    def survey(
        self, chunks: Chunks, options: CellOptions = DEFAULT_OPTIONS, *, thorough: bool = False
    ) -> Survey:
        """Return what a column shows about the words and the forms in which it is written.

        chunks: gives the raw cells of one file from the start, each time it is called; thorough: also look for
        doubt where the cells read as they stand.
        """
        survey = Survey()
        for cells in chunks():
            survey.merge(words_of(self.of, cells, options))
        return survey

    def respelled(self, values: pl.Series, shown: pl.Series) -> tuple[pl.Series, Counter[tuple[str, str]]]:
        """Return stored values (n,) as `shown`, the distinct values of the training rows, spells them.

        Also how many values were changed, by spelling and taken for what. Only a kind with a closed set
        (`Value.closed`) has spellings.
        """
        return values, Counter()

    def values(self, column: pl.Series) -> list[V | None]:
        """Return the canonical values of a stored column (None: missing)."""
        if type(self).restore is Column.restore:
            return column.to_list()
        return [None if one is None else self.restore(one) for one in column.to_list()]


def parse_by_value(column: Column[V], cells: pl.Series, options: CellOptions = DEFAULT_OPTIONS) -> Parsed:
    """Read a column cell by cell, each distinct cell once; positions of refused cells are kept."""
    values, refused = read_by_value(column, cells, options)
    stored = [None if value is None else column.store(value) for value in values]
    return Parsed(pl.Series(cells.name, stored, dtype=column.dtype(), strict=False), refused)


def read_by_value(
    column: Column[V], cells: pl.Series, options: CellOptions = DEFAULT_OPTIONS
) -> tuple[list[V | None], dict[int, ValueProblem]]:
    """Return the canonical value of each cell, None for a missing or refused one, and why cells are refused."""
    known: dict[tuple[type, str | float], tuple[V | None, ValueProblem | None]] = {}
    explained: dict[str, list[ValueProblem]] = {}
    values: list[V | None] = []
    refused: dict[int, ValueProblem] = {}
    for place, cell in enumerate(cells.to_list()):
        key = _key(cell) if isinstance(cell, str | int | float | bool) else None
        found = known.get(key) if key is not None else None
        if found is None:
            try:
                found = (column.read(cell, options), None)
            except ValueProblem as problem:
                # Of a million refused cells each would keep the frames that it was raised in.
                found = (None, _kept(problem.with_traceback(None), explained, options.explained))
            if key is not None and len(known) < MOST_REMEMBERED:
                known[key] = found
        values.append(found[0])
        if found[1] is not None:
            refused[place] = found[1]
    return values, refused


def _kept(problem: ValueProblem, explained: dict[str, list[ValueProblem]], most: int | None) -> ValueProblem:
    """Return the problem, or where so many break the same rule the last that was kept, which stands for the others."""
    of_rule = explained.setdefault(problem.message.id, [])
    if most is None or len(of_rule) < most:
        of_rule.append(problem)
    return of_rule[-1]


def _key(cell: str | float) -> tuple[type, str | float]:
    """Return what tells cells apart: by type too, since 1, 1.0 and True are equal; 0.0 and -0.0 are, too."""
    return (type(cell), repr(cell) if cell == 0 else cell)


def parse_rest_by_value(
    column: Column[V], cells: pl.Series, values: pl.Series, sure: pl.Series, options: CellOptions
) -> Parsed:
    """Return what the expressions of Polars read for sure, and the other cells read one by one.

    values: (n,) stored values; sure: (n,) where `values` is what `read` gives, null included. So the fast way
    need not know every odd cell, and yet all cells read as they do one by one.
    """
    rest = (~sure).arg_true()
    if rest.is_empty():
        return Parsed(values.alias(cells.name), {})
    by_value = parse_by_value(column, cells.gather(rest), options)
    refused = {int(rest[place]): problem for place, problem in by_value.refused.items()}
    return Parsed(values.alias(cells.name).scatter(rest, by_value.values), refused)


MOST_REMEMBERED = 100_000  # distinct cells of a column; beyond that each is read anew


def without_stated(cells: pl.Series, options: CellOptions) -> pl.Series:
    """Return a column without the cells that `data.missing` names."""
    if not options.missing:
        return cells
    if cells.dtype == pl.String:
        return cells.set(cells.str.strip_chars().is_in(list(options.missing)).fill_null(value=False), None)
    if (cells.dtype.is_integer() or cells.dtype.is_float()) and options.numbers:
        held = cells.cast(pl.Float64).is_in(sorted(options.numbers))
        return cells.set(held.fill_null(value=False), None)
    return cells


def words_of(of: AnyValue, cells: pl.Series, options: CellOptions) -> Survey:
    """Return which words of a column stand for nothing, and which only often do, each with how often."""
    survey = Survey()
    if cells.dtype == pl.Object:
        texts = pl.Series(
            [cell for cell in cells.to_list() if isinstance(cell, str) and cell.isascii()], dtype=pl.String
        )
    elif cells.dtype == pl.String:
        texts = cells
    elif cells.dtype.is_float():
        if nothing := int(cells.is_nan().sum()):
            survey.missing["NaN"] = nothing
        return survey
    else:
        return survey
    stated = options.missing or ()
    longest = max(LONGEST_WORD, *(len(word.encode()) for word in ("", *stated))) + PADDING
    counted = texts.filter(texts.str.len_bytes() <= longest).value_counts(name="rows")
    short = counted.to_series(0).str.strip_chars()
    known = short.str.to_lowercase().is_in(sorted(MISSING_WORDS)) | short.is_in([*stated, ""])
    for word, count in zip(short.filter(known), counted["rows"].filter(known), strict=True):
        if not word:
            continue
        if options.is_word(word, words=of.takes_words):
            survey.missing[word] += count
        elif word.lower() in MISSING_WORDS:
            survey.names[word] += count
    return survey


PADDING = 8  # bytes of white space around a word
