"""Reads CSV and its relatives, every cell as text, and names the row where a file is broken. Without Polars.

The standard library's reader in strict mode, not Polars': that one fills short rows with nulls, renames
repeated columns and takes a quote that is never closed for the end of the file, and none of these is ours to
put right in silence. `quick.py` reads with Polars the parts of a file in which none of this can happen.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice

from modelwright.core.messages import DataError, Phrase, Problem
from modelwright.tables.bounds import (
    MOST_CELL_CHARACTERS,
    MOST_COLUMNS,
    MOST_LINE_CHARACTERS,
    long_line,
    too_many_columns,
)
from modelwright.tables.plain import PlainTable
from modelwright.tables.start import SNIFFED_CHARACTERS, begins_with_names, looks_like_data, quoting, start_of

SHOWN_ROWS = 5
SHOWN_CELLS = 5


@dataclass(frozen=True)
class Header:
    """The names in the header row, in their order; an empty one is a column that is left out."""

    names: tuple[str, ...]

    @property
    def unnamed(self) -> tuple[int, ...]:
        """Return the places (from 1) of columns without a name: mostly the index that a data frame wrote."""
        return tuple(place for place, name in enumerate(self.names, start=1) if not name)


@dataclass
class DelimitedRows:
    """Reads rows of cells, and counts what it has read: `row` rows after the header, `line` lines of the file.

    Rows whose width is not the header's are counted in `bad`, and left out; `trailing` are those with empty cells
    beyond the header's, which are cut off. quotes: whether they enclose cells; swallowed: rows with a cell that holds
    a line break and a tab, where tabs separate.
    """

    name: str
    separator: str
    header: Header = Header(())
    row: int = 0
    line: int = 0
    bad: int = 0
    trailing: int = 0
    most_columns: int = MOST_COLUMNS
    quotes: bool = True
    swallowed: int = 0
    shown: list[Phrase] = field(default_factory=list)

    def skip(self, lines: Iterable[str], count: int) -> None:
        """Leave out lines above the header."""
        self.line += sum(1 for _ in islice(lines, count))

    def read_header(self, lines: Iterable[str]) -> None:
        """Take the first row as the header; raises DataError for one that is empty, repeats a name or is broken."""
        first = next(self._cells(lines, header=True), [])
        names = tuple(unicodedata.normalize("NFC", cell.strip()) for cell in first)
        if not names:
            raise DataError(Problem("data.empty-file", where=self.name))
        if len(names) > self.most_columns:
            raise too_many_columns(self.name, self.most_columns)
        repeated = [name for name, times in Counter(names).items() if times > 1 and name]
        if repeated and looks_like_data(names):
            cells = list(names[:SHOWN_CELLS])
            raise DataError(Problem("data.no-header", where=self.name, cells=cells, example=None))
        if repeated:
            raise DataError(Problem("data.duplicate-column", where=self.name, key=None, columns=repeated))
        self.header = Header(names)

    def read(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Yield the rows of lines that follow those read so far; blank ones are skipped, cells are untouched text."""
        width = len(self.header.names)
        for row in self._cells(lines, header=False):
            self.row += 1
            if len(row) > width and not any(row[width:]):
                del row[width:]
                self.trailing += 1
            if self.separator == "\t" and any("\n" in cell and "\t" in cell for cell in row):
                self.swallowed += 1
            if len(row) == width:
                yield row
            else:
                self.bad += 1
                if len(self.shown) < SHOWN_ROWS:
                    self.shown.append(Phrase("data.row-cells", row=self.row, cells=len(row)))

    def finish(self) -> None:
        """Raise DataError when rows had too few or too many cells."""
        if not self.bad:
            return
        raise DataError(
            Problem(
                "data.row-width",
                where=self.name,
                width=len(self.header.names),
                rows=self.shown,
                count=self.bad if self.bad > 1 else None,
                separator=None if self.separator == "\t" else self.separator,
            )
        )

    def _cells(self, lines: Iterable[str], *, header: bool) -> Iterator[list[str]]:
        before = self.line
        reader = csv.reader(
            iter(lines), delimiter=self.separator, strict=True, quoting=quoting(quotes=self.quotes)
        )
        while True:
            begin = self.line + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if "field limit" in str(error):
                    most = MOST_CELL_CHARACTERS
                    at = Phrase("place.row", file=self.name, row=self.row + 1, line=begin)
                    raise DataError(Problem("data.long-cell", where=at, most=most)) from None
                unclosed = "unexpected end of data" in str(error)
                row_place = Phrase("place.row", file=self.name, row=self.row + 1, line=begin)
                problem = Problem(
                    "data.quoting",
                    where=Phrase("place.header", file=self.name) if header else row_place,
                    error=None if unclosed else str(error),
                )
                raise DataError(problem) from None
            self.line = before + reader.line_num
            if row:
                yield row


def parse(
    text: str,
    *,
    name: str,
    separator: str | None,
    skip: int | None = None,
    header: Sequence[str] = (),
    quotes: bool = True,
) -> PlainTable:
    """Return the table of a text with a header row; blank lines are skipped, cells are untouched text.

    Raises DataError for an empty text, a header that repeats a name, broken quoting and rows with too few or too
    many cells.
    """
    with long_cells():
        rows, lines = begun(text, name=name, separator=separator, skip=skip, header=header, quotes=quotes)
        good = list(rows.read(lines))
    rows.finish()
    names = rows.header.names
    cells: list[tuple[str, ...]] = list(zip(*good, strict=True)) or [() for _ in names]
    columns = {column: cells[place] for place, column in enumerate(names) if column}
    return PlainTable(name, columns, len(good), separator=rows.separator)


def begun(
    text: str,
    *,
    name: str,
    separator: str | None,
    skip: int | None,
    header: Sequence[str] = (),
    quotes: bool = True,
) -> tuple[DelimitedRows, io.StringIO]:
    """Return the rows of a whole text, of which the header is read, and the lines that follow it.

    header: the names of columns, where the first row holds none of them; quotes: whether they enclose cells.
    """
    first = text[:SNIFFED_CHARACTERS]
    whole = len(text) <= SNIFFED_CHARACTERS
    start = start_of(first, whole=whole, separator=separator, skip=skip, header=header, quotes=quotes)
    rows = DelimitedRows(name, start.separator, quotes=quotes)
    lines = io.StringIO(text, newline="")
    rows.skip(lines, start.lines)
    if header and not begins_with_names(first, start, header, quotes=quotes):
        rows.header = Header(tuple(header))
    else:
        rows.read_header(lines)
    return rows, lines


class TextBlocks:
    """A text stream (opened with `newline=""`) in blocks of whole lines, or line by line, in turns."""

    def __init__(self, stream: io.TextIOBase, characters: int, name: str = "") -> None:
        self._stream = stream
        self._name = name
        self._characters = characters
        self.start = stream.read(SNIFFED_CHARACTERS)  # what `sniff` looks at
        self.whole = len(self.start) < SNIFFED_CHARACTERS or not (more := stream.read(1))
        self._ahead = self.start if self.whole else self.start + more
        self._lines = io.StringIO(newline="")

    def block(self) -> str:
        """Return the next block; it ends with a line feed unless the text is at its end. Empty: no more."""
        return self._lines.read() or self._next()

    def lines(self) -> Iterator[str]:
        """Yield the lines from here on; whoever stops can go on with `block`, from the next line."""
        while True:
            yield from iter(self._lines.readline, "")
            block = self._next()
            if not block:
                return
            self._lines = io.StringIO(block, newline="")

    def lines_after(self, block: str) -> Iterator[str]:
        """Yield the lines of a block that was taken, and then those from here on."""
        return chain(io.StringIO(block, newline=""), self.lines())

    def _next(self) -> str:
        parts, self._ahead = [self._ahead], ""
        length = len(parts[0])
        while True:
            parts.append(self._stream.read(self._characters))
            if not parts[-1]:
                return "".join(parts)
            cut = parts[-1].rfind("\n") + 1
            if (
                not cut
            ):  # an old Macintosh ends lines so; the last may be half of a line end of two characters
                cut = parts[-1].rfind("\r", 0, -1) + 1
            if cut:
                self._ahead = parts[-1][cut:]
                return "".join((*parts[:-1], parts[-1][:cut]))
            length += len(parts[-1])
            if length > MOST_LINE_CHARACTERS:
                raise long_line(self._name, None)


@contextmanager
def long_cells() -> Iterator[None]:
    """Raise the reader's limit of 131,072 characters a cell, which is the process's, for a `with` block."""
    before = csv.field_size_limit(MOST_CELL_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(before)
