"""Writes the parts of the data artifact: the same rows give the same bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from modelwright import kinds
from modelwright.core.signature import Field
from modelwright.kinds.contract.column import Column
from modelwright.kinds.shared.numbers import read_number
from modelwright.stages.data.fields import ID
from modelwright.stages.data.split import as_text

ROWS_FILE = "rows.parquet"
ROW_GROUP = 50_000  # fixed, and not left to the number of threads


def rows_frame(
    ids: Sequence[str],
    values: Mapping[Field, Sequence[Any]],
    kept: Mapping[str, pl.Series],
    places: Sequence[int],
) -> pl.DataFrame:
    """Return the rows at `places` as a frame: `id`, the signature's fields, then what is kept."""
    columns = [pl.Series(ID, [ids[place] for place in places], dtype=pl.String)]
    columns += [stored_series(field, [column[place] for place in places]) for field, column in values.items()]
    columns += [
        series.gather(pl.Series(places, dtype=pl.UInt32)).alias(name) for name, series in kept.items()
    ]
    return pl.DataFrame(columns)


def stored_series(field: Field, values: Sequence[Any]) -> pl.Series:
    """Return a field's canonical values (None: missing) as its kind stores them."""
    kind = kinds.facet(field.kind, Column)
    stored = [None if value is None else kind.store(value) for value in values]
    return pl.Series(field.name, stored, dtype=kind.dtype())


def kept_series(name: str, cells: Sequence[Any]) -> pl.Series:
    """Return a kept column in the type of its cells.

    Text that is all numbers (and blanks) is Float64, so that a slice can compare it; with a leading zero, as
    in a postcode, it stays text. A mixture of types is text.
    """
    blanks_none = [None if cell == "" else cell for cell in cells]
    if all(isinstance(cell, str) for cell in blanks_none if cell is not None):
        numbers = _as_numbers(blanks_none)
        return pl.Series(name, numbers, dtype=pl.Float64) if numbers else _text(name, blanks_none)
    kinds_of_cells = {type(cell) for cell in blanks_none if cell is not None}
    if len(kinds_of_cells) == 1 and not kinds_of_cells & {list, dict}:
        return pl.Series(name, blanks_none)
    if kinds_of_cells == {int, float}:
        return pl.Series(name, blanks_none, dtype=pl.Float64, strict=False)
    return _text(name, [as_text(cell) for cell in blanks_none])


def _as_numbers(cells: Sequence[str | None]) -> list[float | None] | None:
    numbers: list[float | None] = []
    for cell in cells:
        text = (cell or "").strip()
        digits = text.lstrip("+-")
        if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
            return None
        number = read_number(text)
        if text and (number is None or not math.isfinite(number)):
            return None
        numbers.append(number)
    return numbers if any(number is not None for number in numbers) else None


def _text(name: str, cells: Sequence[str | None]) -> pl.Series:
    whole = [None if cell is None else cell.encode("utf-8", "replace").decode() for cell in cells]
    return pl.Series(name, whole, dtype=pl.String)


def write_rows(frame: pl.DataFrame, folder: Path) -> None:
    """Write `rows.parquet` into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    frame.rechunk().write_parquet(folder / ROWS_FILE, compression="zstd", row_group_size=ROW_GROUP)


def write_json(value: Any, path: Path) -> None:
    """Write JSON for people and programs; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
