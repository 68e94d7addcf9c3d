"""A source as it was read: columns of raw cells, not yet checked by any kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """Columns of raw cells by name, all with `rows` cells.

    `name` is what messages call the source. A text file has an `encoding` and `foreign`, its first words beyond
    ASCII; a delimited one has a `separator`.
    `made` are columns that no one wrote: the keys of a JSON object of objects. `notes` are for the summary.
    """

    name: str
    columns: Mapping[str, Sequence[Any]]
    rows: int
    encoding: str | None = None
    foreign: tuple[str, ...] = ()
    separator: str | None = None
    made: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
