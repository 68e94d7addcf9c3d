"""Which kind a column has that `inputs: "*"` took in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import polars as pl

from modelwright import kinds
from modelwright.core.messages import DataError, Problem
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.infer import Cells, Infer, distinct, is_missing
from modelwright.stages.data.layout import Layout


def infer(name: str, cells: Iterable[pl.Series]) -> Field | None:
    """Return the field of a column that `"*"` took in, from the cells that train and validate, in chunks.

    The first kind that reads the column has it, in the order of `Infer.rank`. Optional when a cell is missing.
    None for a column that is empty, or that holds what no kind reads.
    """
    found = _Distinct()
    for chunk in cells:
        found.add(chunk)
    present = found.cells()
    if not present:
        return None
    ranked = sorted(kinds.having(Infer), key=lambda kind: kinds.facet(kind, Infer).rank)
    optional = sum(count for _, count in present) < found.rows
    for kind in ranked:
        if kinds.facet(kind, Infer).reads(present):
            return Field(name, kind, optional=optional)
    return None


class _Distinct:
    """Counts the distinct cells of a column by type: Polars those of one type, Python what it cannot count."""

    def __init__(self) -> None:
        self.rows = 0
        self._counted: dict[str, pl.DataFrame] = {}
        self._others: list[object] = []

    def add(self, cells: pl.Series) -> None:
        """Count a chunk."""
        self.rows += len(cells)
        dtype = cells.dtype
        if dtype == pl.Null:
            return
        if dtype.is_nested() or dtype == pl.Object:
            self._others += cells.to_list()
            return
        counted = pl.DataFrame({"cell": cells}).group_by("cell").agg(count=pl.len())
        if (before := self._counted.get(str(dtype))) is not None:
            counted = pl.concat([before, counted]).group_by("cell").agg(count=pl.col("count").sum())
        self._counted[str(dtype)] = counted

    def cells(self) -> Cells:
        """Return the distinct cells that are not missing, each with how often it stands there."""
        found = list(distinct(self._others))
        for counted in self._counted.values():
            found += [pair for pair in counted.rows() if not is_missing(pair[0])]
        return found


def resolved(signature: Signature, found: Layout, cells: Callable[[str], Iterable[pl.Series]]) -> Signature:
    """Return the signature with every input named and every kind known.

    `cells` gives the raw cells of a column of the wildcard, in chunks, of rows that train and validate. Raises
    DataError when no column is left to be an input.
    """
    if not found.wildcard:
        return signature
    inputs = tuple(field for name in found.wildcard if (field := infer(name, cells(name))) is not None)
    if not inputs:
        raise DataError(Problem("data.no-inputs"))
    return replace(signature, inputs=inputs)
