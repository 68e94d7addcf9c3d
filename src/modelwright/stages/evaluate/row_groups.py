"""Which rows are not independent of each other: those of one declared group, and near twins."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.linked_rows import LinkedRows
from modelwright.storage.formats.examples import ID
from modelwright.storage.formats.near_twins import NearTwins

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class RowGroups:
    """Codes (n,), equal for rows that belong together; None: each row is independent of the others.

    column: the declared column by whose values they do; twins: how many rows have a near twin.
    """

    codes: Codes | None
    column: str | None = None
    twins: int = 0


def groups_of_rows(
    ids: Sequence[str], twins: NearTwins, column: str | None, cells: Sequence[Any] | None
) -> RowGroups:
    """Return the groups of rows (n,); cells (n,): their values of the declared column, None: none is declared.

    Two rows belong together where either says so, and so do those that a third one links: a group is to be
    independent of every other, and a patient's picture that is another patient's makes one group of both.
    """
    alike = twins.codes(ids)
    count = 0 if alike is None else int((np.bincount(alike)[alike] > 1).sum())
    declared = None if cells is None else groups_from(cells)
    if declared is None or alike is None:
        return RowGroups(alike if declared is None else declared, column, count)
    return RowGroups(joined(declared, alike), column, count)


def groups_of_part(part: Path, columns: Mapping[str, Sequence[Any]], column: str | None) -> RowGroups:
    """Return which rows of a part belong together, by their ids and the declared column."""
    return groups_of_rows(
        columns[ID], NearTwins.read(part), column, None if column is None else columns[column]
    )


def groups_from(values: Sequence[Any]) -> Codes:
    """Return which rows (n,) belong together: those of one value; a row without one is a group of its own."""
    codes: dict[object, int] = {}
    own = itertools.count(len(values))  # beyond every code
    return np.array(
        [next(own) if value is None else codes.setdefault(value, len(codes)) for value in values], np.int64
    )


def joined(one: Codes, other: Codes) -> Codes:
    """Return the finest groups of rows (n,) that part no two rows which either has together."""
    linked = LinkedRows(len(one))
    for codes in (one, other):
        first: dict[int, int] = {}  # code → the first row that has it
        for row, code in enumerate(codes.tolist()):
            linked.link(first.setdefault(code, row), row)
    return groups_from(linked.codes().tolist())
