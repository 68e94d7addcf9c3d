"""The type of a column of spans in rows.parquet. Apart from `text_spans`, for what serves needs no Polars."""

from __future__ import annotations

import polars as pl


def spans_dtype() -> pl.DataType:
    """Return the type of a column of spans."""
    places = {"start": pl.Int64, "end": pl.Int64}
    return pl.List(pl.Struct({**places, "label": pl.String, "text": pl.String}))
