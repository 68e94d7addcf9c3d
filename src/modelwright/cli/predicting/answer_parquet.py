"""Writes answers as Parquet. Needs Polars, which the extra `learn` brings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import polars as pl

from modelwright.storage import disk

CHUNK_ROWS = 20_000  # that are Python's objects at once


def write_parquet(names: Sequence[str], rows: Iterable[Sequence[object]], out: Path) -> None:
    """Write rows in the types of their cells; cells of several types, and objects, become JSON text."""
    parts: dict[str, list[pl.Series]] = {name: [] for name in names}
    for chunk in _chunks(rows):
        for name, values in zip(names, zip(*chunk, strict=True), strict=True):
            parts[name].append(_series(name, values))
    frame = pl.DataFrame([_joined(name, some) for name, some in parts.items()])
    with disk.replacing(out, durable=False) as fresh:
        frame.write_parquet(fresh)


def _chunks(rows: Iterable[Sequence[object]]) -> Iterator[list[Sequence[object]]]:
    rest = iter(rows)
    while some := list(islice(rest, CHUNK_ROWS)):
        yield some


def _series(name: str, values: Sequence[object]) -> pl.Series:
    """Return a part of a column; of nothing but None it has the type Null."""
    types = {type(value) for value in values if value is not None}
    if not types:
        return pl.Series(name, values, dtype=pl.Null)
    inner = set(_inner_types(values))
    if (types == {list} or list not in types) and (inner <= {int, float} or inner in ({str}, {bool})):
        try:
            return pl.Series(name, _as_floats(values) if inner == {int, float} else values, strict=True)
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            pass  # an integer beyond 64 bits, lists of several depths
    return _texts(name, values)


def _inner_types(values: Iterable[object]) -> Iterator[type]:
    """Yield the types of values, and of what lists hold instead of their own."""
    for value in values:
        if isinstance(value, list):
            yield from _inner_types(value)
        elif value is not None:
            yield type(value)


def _as_floats(values: Iterable[object]) -> list[object]:
    """Return numbers as floats: of an integer first, Polars would cut the floats after it off."""
    return [
        _as_floats(value) if isinstance(value, list) else float(value) if isinstance(value, int) else value
        for value in values
    ]


def _joined(name: str, parts: Sequence[pl.Series]) -> pl.Series:
    """Return a column of its parts: in their type, or as texts where no type holds them all."""
    types = {part.dtype for part in parts} - {pl.Null}
    if not types:
        return pl.Series(name, [None] * sum(map(len, parts)), dtype=pl.String)
    inner = {_inner(one) for one in types} - {pl.Null}
    of_a_kind = len({isinstance(one, pl.List) for one in types}) == 1
    if not of_a_kind or (len(inner) > 1 and not inner <= {pl.Int64, pl.Float64}):
        parts = [_texts(name, part.to_list()) for part in parts]
    try:
        return pl.concat([part.to_frame() for part in parts], how="vertical_relaxed")[name]
    except pl.exceptions.PolarsError:
        return pl.concat([_texts(name, part.to_list()) for part in parts])


def _inner(dtype: pl.DataType) -> pl.DataType:
    """Return the type of what lists in lists hold in the end."""
    return _inner(dtype.inner) if isinstance(dtype, pl.List) else dtype  # type: ignore[arg-type]


def _texts(name: str, values: Sequence[object]) -> pl.Series:
    texts = [
        value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for value in values
    ]
    return pl.Series(name, texts, dtype=pl.String)
