"""The columns that are kept beside the signature's, in the type of their cells, and as these are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final

import polars as pl

from modelwright import kinds
from modelwright.core.messages import Notice
from modelwright.core.messages.setting import setting
from modelwright.core.signature import Field
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.column import Column, without_stated
from modelwright.kinds.contract.infer import Infer
from modelwright.kinds.shared.numbers import PLAIN
from modelwright.stages.data.canonical import texts
from modelwright.stages.data.columns.distinct import DistinctCells
from modelwright.stages.data.columns.wildcard import infer
from modelwright.stages.data.columns.written import Written
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.raw_rows import Chunk, RawRows
from modelwright.stages.data.split import as_text

_BLANKS: Final = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())  # what str.strip takes
_NUMBER: Final = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_LEADING_ZERO: Final = r"^[+-]*0\d"  # a postcode, say
SHOWN_CELLS = 5


def written_fields(keep: Mapping[str, str], rows: RawRows, config: DataConfig) -> tuple[Field, ...]:
    """Return the kept columns of text whose cells read as numbers or as dates, each with the kind that reads them.

    keep: name → column of the data. These are surveyed with the fields of the signature, so that a slice compares
    `1.234,50` of a kept column as the number that it would be as an input.
    """
    if not keep:
        return ()
    looked_at = {name: column for name, column in keep.items() if column != config.group}  # a group is a name
    counted: dict[str, dict[tuple[str, str], DistinctCells]] = {name: {} for name in looked_at}
    others: set[str] = set()
    for chunk in rows.chunks(keep):
        for name in looked_at:
            cells = chunk.cells[name]
            if cells.dtype == pl.String:
                counted[name].setdefault((chunk.given, chunk.table.name), DistinctCells()).add(cells)
            elif cells.dtype != pl.Null:
                others.add(name)
    found = []
    for name, column in looked_at.items():
        files = [] if name in others else [one for one in counted[name].values() if one.cells()]
        kind = _kind_of(files, config.cell_options(name, column))
        if kind is not None:
            found.append(Field(name, kind, optional=True))
    return tuple(found)


def _kind_of(files: Sequence[DistinctCells], options: CellOptions) -> str | None:
    """Return the kind of numbers or of dates as which every file's cells read; None for none. Each has its own form."""
    inferred = [infer("", one, options=options) for one in files]
    for kind in dict.fromkeys(one.kind for one in inferred if one is not None and _is_written(one.kind)):
        facet, words = kinds.facet(kind, Infer), kinds.value(kind).takes_words
        if all(
            facet.reads_written(
                [pair for pair in one.cells() if not options.is_missing(pair[0], words=words)], options
            )
            for one in files
        ):
            return kind
    return None


def _is_written(kind: str) -> bool:
    """Tell whether values of a kind are numbers or dates, which are written in forms; no lists of such."""
    value, options = kinds.value(kind), DEFAULT_OPTIONS
    numbers = value.number_cells(("1",), options)
    reads_one = numbers is not None and numbers.form().reads > 0
    return reads_one or value.date_cells((), options) is not None


class KeptReader:
    """Reads kept columns as `data` settled how they are written; what is settled of none stays as it is.

    Numbers in a form of their own are Float64, and dates that are no ISO 8601 are dates: a stray cell among them is
    null, and counted. Where all is written plainly, a column with a stray cell stays text.
    """

    def __init__(
        self,
        keep: Mapping[str, str],
        rows: RawRows,
        config: DataConfig,
        written: Written,
        fields: Sequence[Field],
    ) -> None:
        self._keep, self._rows, self._config, self._written = keep, rows, config, written
        self._kinds = {one.name: one.kind for one in fields if one.name not in written.two_days}
        self._strays: dict[str, Counter[str]] = {}
        self._moments: set[str] = set()
        if self._kinds:
            self._look()

    def chunks(self) -> Iterator[Mapping[str, pl.Series]]:
        """Yield the kept columns of all rows, in the chunks of the rows."""
        for chunk in self._rows.chunks(self._keep):
            yield {name: self._read(chunk, name) for name in self._keep}

    def notices(self) -> Iterator[Notice]:
        """Yield how many cells are none of the numbers or dates that the others of their column are."""
        for name, cells in self._strays.items():
            column = self._keep[name]
            words = [cell for cell, _ in cells.most_common(SHOWN_CELLS)]
            line = setting("data.missing", {column: words})
            yield Notice("data.kept-strays", column=column, count=cells.total(), words=words, line=line)

    def _look(self) -> None:
        """Keep the kinds of the columns that are to be read, and count what their kinds refuse."""
        odd: set[str] = set()
        for chunk in self._rows.chunks({name: self._keep[name] for name in self._kinds}):
            for name, kind in self._kinds.items():
                options = self._written.options(chunk.given, chunk.table.name, name)
                parsed = kinds.facet(kind, Column).parse(chunk.cells[name], options)
                strays = self._strays.setdefault(name, Counter())
                strays.update(str(chunk.cells[name][place])[:60] for place in parsed.refused)
                if options.number != PLAIN or options.date is not None:
                    odd.add(name)
                if parsed.values.dtype == pl.String and parsed.values.str.contains("T", literal=True).any():
                    self._moments.add(name)
        dates = {
            name for name, kind in self._kinds.items() if kinds.value(kind).date_cells((), DEFAULT_OPTIONS)
        }
        for name in [*self._kinds]:
            plain = name not in odd
            if plain and (self._strays[name] or name in dates):
                del self._kinds[name]
        self._strays = {name: found for name, found in self._strays.items() if found and name in self._kinds}

    def _read(self, chunk: Chunk, name: str) -> pl.Series:
        cells = chunk.cells[name]
        kind = self._kinds.get(name)
        if kind is None:
            return without_stated(cells, self._config.cell_options(name, self._keep[name]))
        facet, value = kinds.facet(kind, Column), kinds.value(kind)
        options = self._written.options(chunk.given, chunk.table.name, name)
        values = facet.parse(cells, options).values
        if values.dtype != pl.String:
            return values
        compared = [None if one is None else value.comparable(one) for one in facet.values(values)]
        days = pl.Series(name, compared, dtype=pl.String)
        if name not in self._moments:
            return days.str.to_date("%Y-%m-%d", strict=False)
        whole = days.set(~days.str.contains("T", literal=True), None)
        return whole.fill_null(days + "T00:00:00").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us")


@dataclass
class KeptColumn:
    """Learns a column's type from all its chunks (`learn`), and then converts them (`convert`).

    Text that is all numbers (and blanks) is Float64, so that a slice can compare it; with a leading zero, as in a
    postcode, it stays text. Numbers with and without a fraction are Float64; another mixture of types is text.
    """

    name: str
    _types: dict[type, pl.DataType] = field(default_factory=dict)
    _numeric: bool = True
    _seen: bool = False

    def learn(self, cells: pl.Series) -> None:
        """Take a chunk of raw cells into account."""
        dtype = cells.dtype
        if dtype == pl.Object:
            of_cells = {_cell_type(cell) for cell in cells.to_list() if cell is not None and cell != ""}
            self._types |= {of: _DTYPES.get(of, pl.String()) for of in of_cells}
            self._numeric = self._numeric and str not in of_cells
            return
        present = texts(cells).drop_nulls() if dtype == pl.String else cells.drop_nulls()
        if not len(present):
            return
        if dtype == pl.String:
            self._types[str] = pl.String()
            stripped = present.str.strip_chars(_BLANKS)
            numbers = stripped.filter(stripped != "")
            self._seen = self._seen or len(numbers) > 0
            self._numeric = self._numeric and _all_numbers(numbers)
        elif dtype.is_integer() and not present.cast(pl.Int64, strict=False).is_not_null().all():
            self._types[object] = pl.String()
        else:
            self._types[_python_type(dtype)] = _stored_type(dtype)

    @property
    def dtype(self) -> pl.DataType:
        """Return the column's type in rows.parquet."""
        types = set(self._types)
        if types <= {str}:
            return pl.Float64() if self._numeric and self._seen else pl.String()
        if types == {int, float}:
            return pl.Float64()
        return next(iter(self._types.values())) if len(types) == 1 else pl.String()

    def convert(self, cells: pl.Series) -> pl.Series:
        """Return a chunk in the column's type; a blank is null."""
        to = self.dtype
        if to == pl.String:
            return _whole_text(cells).alias(self.name)
        if cells.dtype == pl.String:
            stripped = cells.str.strip_chars(_BLANKS)
            return stripped.set(stripped == "", None).cast(to).alias(self.name)
        if cells.dtype == pl.Object:
            plain = [None if cell == "" else cell for cell in cells.to_list()]
            return pl.Series(self.name, plain, dtype=to, strict=False)
        return cells.cast(to).alias(self.name)


_DTYPES: Final[dict[type, pl.DataType]] = {
    str: pl.String(),
    bool: pl.Boolean(),
    int: pl.Int64(),
    float: pl.Float64(),
    bytes: pl.Binary(),
    date: pl.Date(),
    time: pl.Time(),
    datetime: pl.Datetime("us"),
    timedelta: pl.Duration("us"),
}


def _cell_type(cell: object) -> type:
    """Return a cell's type; `object` for an integer beyond 64 bits, which is kept as text."""
    return object if type(cell) is int and cell.bit_length() > 63 else type(cell)


def _python_type(dtype: pl.DataType) -> type:
    """Return the type of a column's cells in Python; lists and objects are `list`, which is kept as text."""
    if dtype.is_integer():
        return int
    if dtype.is_float():
        return float
    for of, known in _DTYPES.items():
        if dtype.base_type() == known.base_type():
            return of
    return list


def _stored_type(dtype: pl.DataType) -> pl.DataType:
    if isinstance(dtype, pl.Datetime):
        return pl.Datetime("us", dtype.time_zone)
    return _DTYPES.get(_python_type(dtype), pl.String())


def _all_numbers(stripped: pl.Series) -> bool:
    if stripped.str.contains(_LEADING_ZERO).any() or not stripped.str.contains(_NUMBER).all():
        return False
    return bool(stripped.cast(pl.Float64).is_finite().all())


def _whole_text(cells: pl.Series) -> pl.Series:
    """Return cells as text, with `?` for half a character, which a table cannot hold."""
    if cells.dtype != pl.Object:
        return texts(cells)
    written = [as_text(cell) for cell in cells.to_list()]
    whole = [None if one is None else one.encode("utf-8", "replace").decode() for one in written]
    return pl.Series(cells.name, whole, dtype=pl.String)
