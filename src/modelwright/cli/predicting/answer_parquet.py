"""Writes answers as Parquet. Needs Polars, which the extra `learn` brings."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from modelwright.storage import disk


def write_parquet(columns: Mapping[str, Sequence[object]], out: Path) -> None:
    """Write columns in the type of their cells; cells of several types, and objects, become JSON text."""
    frame = pl.DataFrame([_series(name, values) for name, values in columns.items()])
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        with disk.guard(out.parent):
            frame.write_parquet(fresh)
            fresh.replace(out)
    finally:
        fresh.unlink(missing_ok=True)


def _series(name: str, values: Sequence[object]) -> pl.Series:
    types = {type(value) for value in values if value is not None}
    if not types:
        return pl.Series(name, values, dtype=pl.String)
    if types <= {int, float} or (len(types) == 1 and types <= {str, bool, list}):
        try:
            return pl.Series(name, values, strict=types != {int, float})
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            pass  # an integer beyond 64 bits, a list of several types
    texts = [
        value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for value in values
    ]
    return pl.Series(name, texts, dtype=pl.String)
