"""The columns that are kept beside the signature's, in the type of their cells."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final

import polars as pl

from modelwright.stages.data.canonical import texts
from modelwright.stages.data.split import as_text

_BLANKS: Final = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())  # what str.strip takes
_NUMBER: Final = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_LEADING_ZERO: Final = r"^[+-]*0\d"  # a postcode, say


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
