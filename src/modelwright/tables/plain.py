"""A small table as lists of cells: what a file of rows to predict is read into, without Polars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PlainTable:
    """Columns of raw cells by name, all with `rows` cells. `name` is what messages call the file.

    `separator`: what separates the cells of delimited text; None of other forms. `stated_names`: by column, the names
    that the file states for its numbers.
    """

    name: str
    columns: Mapping[str, Sequence[object]]
    rows: int
    separator: str | None = None
    stated_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
