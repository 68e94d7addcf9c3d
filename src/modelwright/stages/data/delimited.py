"""Reads CSV and its relatives, every cell as text, and names the row where a file is broken.

The standard library's reader in strict mode, not Polars': that one fills short rows with nulls, renames
repeated columns and takes a quote that is never closed for the end of the file, and none of these is ours to
mend in silence.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from modelwright.core.messages import DataError, Problem
from modelwright.stages.data.table import Table

SEPARATORS = (",", ";", "\t", "|")
SNIFFED_CHARACTERS = 65_536
SNIFFED_ROWS = 20
SHOWN_ROWS = 5
MOST_CELL_CHARACTERS = 2**31 - 1  # what the reader can count; how long a text may be, its kind says


def parse(text: str, *, name: str, separator: str | None) -> Table:
    """Return the table of a file with a header row; blank lines are skipped, cells are untouched text.

    Raises DataError for an empty file, a header that repeats or lacks a name, broken quoting and rows with
    too few or too many cells.
    """
    with _long_cells():
        used = separator or sniff(text)
        rows = _rows(text, used, name)
        header = [unicodedata.normalize("NFC", cell.strip()) for cell in next(rows, [])]
        problems = list(_header_problems(header, name))
        if problems:
            raise DataError(problems)
        good: list[list[str]] = []
        bad: list[str] = []
        for number, row in enumerate(rows, start=1):
            if len(row) == len(header):
                good.append(row)
            else:
                bad.append(f"row {number} has {len(row)}")
    if bad:
        raise DataError(
            Problem(
                "data.row-width",
                f"every row has the {len(header)} cells of the header",
                f"{'; '.join(bad[:SHOWN_ROWS])}" + (f"; {len(bad)} such rows in all" if len(bad) > 1 else ""),
                f"quote cells that hold {_spoken(used)}, or state what separates cells with `data.separator`",
                name,
            )
        )
    cells: list[tuple[str, ...]] = list(zip(*good, strict=True)) or [() for _ in header]
    columns = {column: cells[place] for place, column in enumerate(header) if column}
    return Table(name, columns, len(good), separator=used, notes=_unnamed(header))


def sniff(text: str) -> str:
    """Return the separator that gives the first rows equally many cells, the most of them; else the comma."""
    start = text[:SNIFFED_CHARACTERS]
    best = (0.0, 1, ",")
    for separator in SEPARATORS:
        widths = []
        try:
            for row in islice(
                csv.reader(io.StringIO(start, newline=""), delimiter=separator), SNIFFED_ROWS + 1
            ):
                widths += [len(row)] if row else []
        except csv.Error:
            continue
        if len(widths) > 2 and len(start) < len(text):
            widths.pop()  # the last may have been cut off
        if not widths or widths[0] == 1:
            continue
        agreeing = sum(width == widths[0] for width in widths) / len(widths)
        if (agreeing, widths[0]) > best[:2]:
            best = (agreeing, widths[0], separator)
    return best[2]


def _rows(text: str, separator: str, name: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    while True:
        line = reader.line_num
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            unclosed = "unexpected end of data" in str(error)
            raise DataError(
                Problem(
                    "data.quoting",
                    'a quoted cell begins with " and ends with " before a separator; a quote in it is ""',
                    "a quote that is never closed" if unclosed else f"text after a closing quote ({error})",
                    "mend that row's quotes; a cell that begins with a quote of its own is quoted as a whole",
                    f"{name}, row {number} (line {line + 1})" if number else f"{name}, header",
                )
            ) from None
        if row:
            yield row
            number += 1


def _header_problems(header: list[str], name: str) -> Iterator[Problem]:
    if not header:
        yield Problem(
            "data.empty-file",
            "a source has a header row, and rows",
            "an empty file",
            "look at how it was written",
            name,
        )
    repeated = [column for column, times in Counter(header).items() if times > 1 and column]
    if repeated:
        yield Problem(
            "data.duplicate-column",
            "every column has a name of its own",
            f"{', '.join(f'`{column}`' for column in repeated)} more than once",
            "rename one of them in the header row",
            name,
        )


def _unnamed(header: list[str]) -> tuple[str, ...]:
    places = [str(place) for place, column in enumerate(header, start=1) if not column]
    if not places:
        return ()
    # Mostly the index that a data frame wrote beside its columns.
    return (f"column {', '.join(places[:SHOWN_ROWS])} has no name in the header row, and is left out",)


def _spoken(separator: str) -> str:
    return "a tab" if separator == "\t" else f"`{separator}`"


@contextmanager
def _long_cells() -> Iterator[None]:
    """Lift the reader's limit of 131,072 characters a cell, which is the process's, for a `with` block."""
    before = csv.field_size_limit(MOST_CELL_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(before)
