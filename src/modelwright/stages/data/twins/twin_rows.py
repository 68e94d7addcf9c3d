"""Where rows with near twins go: each with its oldest twin, in the order of the rows in their sources.

So rows that come after others move none of them. A row that would link twins in different splits is set aside: on
either side it would be known by heart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.linked_rows import LinkedRows
from modelwright.core.messages import Notice, Phrase
from modelwright.core.messages.setting import setting
from modelwright.core.signature import Field
from modelwright.kinds.contract.twins import Prints, Twins
from modelwright.stages.data.raw_rows import RawRows
from modelwright.stages.data.twins.near_pairs import near_pairs

SHOWN = 3


@dataclass(frozen=True)
class TwinRows:
    """Rows that have near twins.

    pairs (m, 2); groups (n,): the first row of each row's group, itself where it has none; linking (n,): rows that are
    set aside.
    """

    pairs: NDArray[np.int64]
    groups: NDArray[np.int64]
    linking: NDArray[np.bool_]


class Printed:
    """Collects the prints of the rows, chunk by chunk: of all inputs that can have twins, one beside the other."""

    def __init__(self, inputs: Sequence[Field]) -> None:
        self.fields = [field for field in inputs if kinds.has(field.kind, Twins)]
        self._parts: list[list[Prints]] = [[] for _ in self.fields]

    def add(self, cells: pl.DataFrame) -> None:
        """Take a chunk of opened cells, by field."""
        for field, parts in zip(self.fields, self._parts, strict=True):
            parts.append(kinds.facet(field.kind, Twins).prints(cells[field.name].to_list()))

    def pairs(self) -> NDArray[np.int64]:
        """Return the pairs of rows whose every such input is a near twin of the other's."""
        found: set[tuple[int, int]] | None = None
        for field, parts in zip(self.fields, self._parts, strict=True):
            facet = kinds.facet(field.kind, Twins)
            whole = Prints(
                np.concatenate([one.hashes for one in parts]),
                np.concatenate([one.details for one in parts]),
                np.concatenate([one.telling for one in parts]),
            )
            pairs = near_pairs(whole, facet.most_bits, facet.most_difference)
            if len(self.fields) == 1:
                return pairs
            mine = set(map(tuple, pairs.tolist()))
            found = mine if found is None else found & mine
        return np.array(sorted(found or (), key=lambda pair: pair[::-1]), dtype=np.int64).reshape(-1, 2)


def placed(
    pairs: NDArray[np.int64], splits: NDArray[np.uint8], ours: NDArray[np.bool_]
) -> tuple[TwinRows, NDArray[np.uint8]]:
    """Return the groups, and the splits (n,) of all rows; pairs (m, 2): as `near_pairs` gives them.

    ours (n,): rows that are ours to split; others stay where they are.
    """
    splits = splits.copy()
    linked = LinkedRows(len(splits))
    linking = np.zeros(len(splits), np.bool_)
    for later, earlier in _by_later(pairs):
        # Rows of files that are for one split stay there, and move no other.
        twins = [one for one in earlier if not linking[one] and ours[one] == ours[later]]
        if not twins:
            continue
        where = {int(splits[one]) for one in twins}
        if ours[later]:
            if len(where) > 1:
                linking[later] = True
                continue
            splits[later] = where.pop()
        elif splits[later] not in where:
            continue  # in another split by the project's own word
        same = [one for one in twins if splits[one] == splits[later]]
        for one in same:
            linked.link(one, later)
    return TwinRows(pairs, linked.codes(), linking), splits


def _by_later(pairs: NDArray[np.int64]) -> Iterator[tuple[int, list[int]]]:
    """Yield each row that has an earlier twin, with all of these."""
    if not len(pairs):
        return
    begins = np.flatnonzero(np.r_[True, pairs[1:, 1] != pairs[:-1, 1]])
    for begin, end in zip(begins, np.r_[begins[1:], len(pairs)], strict=True):
        yield int(pairs[begin, 1]), pairs[begin:end, 0].tolist()


def twin_notices(
    twins: TwinRows,
    ids: NDArray[np.uint64],
    splits: NDArray[np.uint8],
    truths: NDArray[np.uint64],
    used: NDArray[np.bool_],
    rows: RawRows,
) -> Iterator[Notice]:
    """Yield how many rows have twins, and of these in other splits, of other classes, and set aside.

    ids, splits, truths, used: (n,); ids are equal where every byte is, truths where the classes are.
    """
    if twins.linking.any():
        at = np.flatnonzero(twins.linking)
        yield Notice("data.twins-linking", count=len(at), names=[_name(rows, int(one)) for one in at[:SHOWN]])
    pairs = twins.pairs
    if len(pairs):
        pairs = pairs[used[pairs].all(axis=1) & (ids[pairs[:, 0]] != ids[pairs[:, 1]])]
    if not len(pairs):
        return
    across = pairs[splits[pairs[:, 0]] != splits[pairs[:, 1]]]
    line = setting("data.twins", "ignore")
    members = np.unique(pairs)
    yield Notice(
        "data.twins",
        count=len(members),
        groups=len(np.unique(twins.groups[members])),
        names=_pair(rows, pairs[0]),
        line=line,
    )
    if len(across):
        yield Notice("data.twins-across", count=len(np.unique(across)), names=_pair(rows, across[0]))
    others = pairs[truths[pairs[:, 0]] != truths[pairs[:, 1]]]
    if len(others):
        yield Notice(
            "data.twins-of-another-class", count=len(np.unique(others)), names=_pair(rows, others[0])
        )


def _pair(rows: RawRows, pair: NDArray[np.int64]) -> list[str | Phrase]:
    return [_name(rows, int(one)) for one in pair]


def _name(rows: RawRows, row: int) -> str | Phrase:
    """Return what a row is called: its file, or its place in a table."""
    for _, table in rows.tables:
        if row < table.rows:
            if table.source is not None and table.source.files is not None:
                return table.source.files.paths[row]
            return Phrase("place.row", file=table.name, row=row + 1)
        row -= table.rows
    raise AssertionError("every row lies in a table")
