"""From identified rows to checked ones: read by their kinds, copies of test rows set aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.signature import Field, Signature
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.identify import Identity
from modelwright.stages.data.layout import Layout
from modelwright.stages.data.overlap import Overlap, fingerprints, overlap, refuse_mass
from modelwright.stages.data.raw_rows import RawRows
from modelwright.stages.data.refusals import Refusals
from modelwright.stages.data.split import CODES
from modelwright.tables.spool import Limits, Spool


@dataclass(frozen=True)
class Checked:
    """All rows as their kinds store them, with arrays (n,) that say which are used and which are alike.

    `values` has the signature's fields in the chunks of the raw rows. `used`: neither refused nor set aside.
    `inputs`: two columns that are equal where the cleaned inputs are. `truths`: by output, a number that is equal
    where the truths are. `refused`: place and reason of rows with refused values, when they are dropped.
    """

    signature: Signature
    identity: Identity
    values: Spool
    used: NDArray[np.bool_]
    inputs: pl.DataFrame
    truths: Mapping[str, NDArray[np.uint64]]
    overlap: Overlap
    refused: pl.DataFrame

    @property
    def fields(self) -> tuple[Field, ...]:
        """Return inputs and outputs."""
        return (*self.signature.inputs, *self.signature.outputs)

    def of(self, *splits: str) -> NDArray[np.bool_]:
        """Return which rows (n,) are used in these splits."""
        chosen = np.zeros(len(CODES), np.bool_)
        chosen[[CODES[split] for split in splits]] = True
        return self.used & chosen[self.identity.splits]

    def column(self, name: str, rows: NDArray[np.bool_]) -> pl.Series:
        """Return a field's stored values of some rows (n,)."""
        begin, parts = 0, []
        for chunk in self.values.chunks([name]):
            here = rows[begin : begin + chunk.height]
            begin += chunk.height
            parts.append(chunk[name].filter(here))
        return pl.concat(parts) if parts else pl.Series(name, [])


def check_rows(
    signature: Signature,
    config: DataConfig,
    layout: Layout,
    rows: RawRows,
    identity: Identity,
    refusals: Refusals,
    scratch: Path,
    limits: Limits,
) -> Checked:
    """Return the rows read by their kinds; raises DataError for values that are refused, unless they are dropped."""
    values = Spool(scratch, limits)
    alike = np.empty((2, len(rows)), np.uint64)
    truths = {field.name: np.empty(len(rows), np.uint64) for field in signature.outputs}
    names = [field.name for field in signature.outputs]
    inputs = {name: layout.inputs[name] for name in (field.name for field in signature.inputs)}
    for chunk, of_outputs in zip(rows.chunks(inputs), identity.truths.chunks(names), strict=True):
        of_inputs = pl.DataFrame(
            [
                refusals.parse(field, order, chunk, required=not field.optional)
                for order, field in enumerate(signature.inputs)
            ]
        )
        values.add(of_inputs.hstack(of_outputs))
        here = slice(chunk.begin, chunk.end)
        alike[:, here] = fingerprints(of_inputs)
        for name in names:
            truths[name][here] = fingerprints(of_outputs.select(name))[0]
    if config.invalid == "error":
        refusals.require_none()
    used = ~refusals.mask
    equal = pl.DataFrame({"high": alike[0], "low": alike[1]})
    found = overlap(identity.splits, equal, used)
    if config.repeated == "drop":
        refuse_mass(found, identity.splits, used)
        used = used & ~found.copies
    return Checked(signature, identity, values, used, equal, truths, found, refusals.reasons())
