"""Data frames as rows, whichever library they are of, if it is there at all."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any


def is_frame(given: object) -> bool:
    """Tell whether something is a data frame of Polars or pandas; neither library is imported for it."""
    return _polars(given) or _pandas(given)


def rows_of(frame: Any) -> list[dict[str, Any]]:
    """Return the rows of a frame by column; what stands for nothing there (NaN, NaT, pandas.NA) is None."""
    if _polars(frame):
        found: list[dict[str, Any]] = frame.to_dicts()
        return found
    missing = frame.isna().to_numpy()
    names = [str(name) for name in frame.columns]
    columns = [frame.iloc[:, place].tolist() for place in range(len(names))]  # Python's own types
    return [
        {name: None if missing[row, place] else columns[place][row] for place, name in enumerate(names)}
        for row in range(len(frame))
    ]


def named(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], inputs: Sequence[str], *, drop: bool
) -> list[Mapping[str, Any]]:
    """Return rows by the names of the inputs.

    columns: input → name in the rows, where the two differ; an input stands for itself where its column is not
    there. drop: leave out what is no input, as in a table; else it stays, to be refused.
    """
    found: list[Mapping[str, Any]] = []
    for row in rows:
        taken = {columns[name] if columns.get(name) in row else name: name for name in inputs}
        found.append(
            {taken.get(column, column): cell for column, cell in row.items() if not drop or column in taken}
        )
    return found


def _polars(given: object) -> bool:
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(given, polars.DataFrame)


def _pandas(given: object) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(given, pandas.DataFrame)
