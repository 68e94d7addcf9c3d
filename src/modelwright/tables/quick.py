"""Reads blocks of a delimited file with Polars where that cannot differ from the standard library's reader."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import islice

import polars as pl

from modelwright.tables.delimited import DelimitedRows, TextBlocks, long_cells
from modelwright.tables.series import series

BATCH_ROWS = 20_000  # that the standard library's reader gives at once
BATCH_CELLS = 2_000_000  # or fewer rows, where they are wide


def read_blocks(text: TextBlocks, rows: DelimitedRows) -> Iterator[pl.DataFrame]:
    """Yield the rows below the header as columns of text; raises DataError for a quote that is broken.

    Up to the first quotation mark that may enclose a cell, a block is a rectangle of cells between separators and line
    feeds, and Polars splits it. From there on a cell may hold line breaks and reach over blocks, so the standard
    library's reader goes on to the end.
    """
    with long_cells():
        while block := text.block():
            if rows.quotes and '"' in block:
                yield from _frames(rows.read(text.lines_after(block)), rows.header.names)
            elif (frame := _rectangle(block, rows)) is not None:
                rows.row += frame.height
                rows.line += frame.height
                yield frame
            else:
                yield from _frames(rows.read(io.StringIO(block, newline="")), rows.header.names)


def _rectangle(block: str, rows: DelimitedRows) -> pl.DataFrame | None:
    """Return the cells of a block without quotation marks, or None unless all lines have the header's width."""
    names, separator = rows.header.names, rows.separator
    if "\r" in block:
        block = block.replace("\r\n", "\n")
    lines = block.count("\n") + (not block.endswith("\n"))
    odd = (
        "\r" in block  # ends a line, too
        or block.startswith("\n")
        or "\n\n" in block  # a blank line is no row
        or separator in '"\n\r'
        or not separator.isascii()
        or block.count(separator) != lines * (len(names) - 1)
    )
    if odd:
        return None
    places = [str(place) for place in range(len(names))]
    try:
        frame = pl.read_csv(
            block.encode(),
            has_header=False,
            separator=separator,
            quote_char=None,
            schema=dict.fromkeys(places, pl.String),
        )
    # A row with too many cells; together with the count of separators this also finds those with too few.
    except (pl.exceptions.PolarsError, UnicodeEncodeError):
        return None
    if frame.height != lines:
        return None
    # Without quotes an empty cell is the only one that is null.
    return frame.select(
        pl.col(place).fill_null("").alias(name) for place, name in zip(places, names, strict=True) if name
    )


def _frames(rows: Iterator[list[str]], names: Sequence[str]) -> Iterator[pl.DataFrame]:
    size = max(1, min(BATCH_ROWS, BATCH_CELLS // max(len(names), 1)))
    while batch := list(islice(rows, size)):
        cells = zip(*batch, strict=True)
        yield pl.DataFrame([series(name, column) for name, column in zip(names, cells, strict=True) if name])
