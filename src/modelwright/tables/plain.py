"""A small table as lists of cells: what a file of rows to predict is read into, without Polars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PlainTable:
    """Columns of raw cells by name, all with `rows` cells. `name` is what messages call the file.

    `separator`: what separates the cells of delimited text; None of other forms.
    """

    name: str
    columns: Mapping[str, Sequence[object]]
    rows: int
    separator: str | None = None
