"""From identified rows to checked ones: read by their kinds, in one spelling, copies of test rows set aside."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.messages import Notice, Phrase
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.column import Column
from modelwright.kinds.outputs import in_text, located
from modelwright.runtime.machine import cores
from modelwright.stages.data.columns.written import Written
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.identify import OUTPUTS_AFTER, Identity
from modelwright.stages.data.layout import Layout
from modelwright.stages.data.overlap import Overlap, fingerprints, overlap, refuse_mass
from modelwright.stages.data.raw_rows import RawRows
from modelwright.stages.data.refusals import Refusals
from modelwright.stages.data.split import CODES, TEST, TRAIN, VALIDATION
from modelwright.tables.spool import Limits, Spool

SHOWN_SPELLINGS = 3
HELD_BYTES = 256 << 20  # of a column of files that is looked at as a whole


class Spellings:
    """Gives values the spelling of the training rows, and counts those that it changes.

    `shown`: by field of a kind with a closed set, the distinct values of the training rows, as the kind stores them.
    """

    def __init__(self, shown: Mapping[str, pl.Series]) -> None:
        self._shown = shown
        self._changed: dict[str, Counter[tuple[str, str]]] = {}

    def of(self, field: Field, values: pl.Series) -> pl.Series:
        """Return stored values (n,) in the spelling of the training rows."""
        shown = self._shown.get(field.name)
        if shown is None:
            return values
        found, changed = kinds.facet(field.kind, Column).respelled(values, shown)
        self._changed.setdefault(field.name, Counter()).update(changed)
        return found

    def notices(self) -> Iterator[Notice]:
        """Yield a notice for each field of which values were respelled."""
        for name, changed in self._changed.items():
            if changed:
                pairs = [Phrase("data.respelled-pair", given=given, taken=taken) for given, taken in changed]
                yield Notice(
                    "data.respelled", column=name, count=changed.total(), pairs=pairs[:SHOWN_SPELLINGS]
                )


def spellings(
    signature: Signature, layout: Layout, rows: RawRows, identity: Identity, written: Written
) -> Spellings:
    """Return the spellings of the training rows; none where the rows that test have no file of their own.

    Rows of one source are written by one hand: there, `1` and `1.0` are two classes.
    """
    if not {TEST, VALIDATION} & {given for given, _ in rows.tables}:
        return Spellings({})
    inputs = [field for field in signature.inputs if kinds.value(field.kind).closed]
    outputs = [field for field in signature.outputs if kinds.value(field.kind).closed]
    parts: dict[str, list[pl.Series]] = {field.name: [] for field in (*inputs, *outputs)}
    named = {field.name: layout.inputs[field.name] for field in inputs}
    truths = identity.truths.chunks([field.name for field in outputs])
    for chunk, of_outputs in zip(rows.chunks(named) if named else rows.chunks(), truths, strict=True):
        trains = identity.splits[chunk.begin : chunk.end] == CODES[TRAIN]
        for field in inputs:
            cells = chunk.cells[field.name].filter(trains)
            if cells.dtype != pl.Object:
                cells = cells.unique()
            options = written.options(chunk.given, chunk.table.name, field.name)
            values = kinds.facet(field.kind, Column).parse(cells, options).values
            parts[field.name].append(values.drop_nulls().unique())
        for field in outputs:
            parts[field.name].append(of_outputs[field.name].filter(trains).drop_nulls().unique())
    return Spellings({name: pl.concat(found).unique() for name, found in parts.items() if found})


@dataclass(frozen=True)
class Checked:
    """All rows as their kinds store them, with arrays (n,) that say which are used and which are alike.

    `values` has the signature's fields in the chunks of the raw rows. `used`: neither refused nor set aside.
    `inputs`: two columns that are equal where the cleaned inputs are. `truths`: by output, a number that is equal
    where the truths are. `refused`: place and reason of rows with refused values, when they are dropped, and of blank
    ones. `blank`: (n,) without any value. `sizes`: by input whose values are files, their bytes (n,), 0 where missing.
    """

    signature: Signature
    identity: Identity
    values: Spool
    used: NDArray[np.bool_]
    inputs: pl.DataFrame
    truths: Mapping[str, NDArray[np.uint64]]
    overlap: Overlap
    refused: pl.DataFrame
    blank: NDArray[np.bool_]
    sizes: Mapping[str, NDArray[np.int64]] = dataclasses.field(default_factory=dict)

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
            parts.append(some(chunk, here, self.sizes)[name])
        return pl.concat(parts) if parts else pl.Series(name, [])

    def bounded(self, name: str, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return of some rows (n,) those, evenly spaced, of which a field's values may be held together: mostly all."""
        if name not in self.sizes:
            return rows
        places = np.flatnonzero(rows)
        held = int(self.sizes[name][places].sum())
        few = np.zeros_like(rows)
        few[places[:: max(1, -(-held // HELD_BYTES))]] = True
        return few

    @property
    def row_bytes(self) -> float:
        """Return the bytes that the files of a row have on average."""
        return sum(float(sizes.mean()) for sizes in self.sizes.values() if sizes.size)


def check_rows(
    signature: Signature,
    config: DataConfig,
    layout: Layout,
    rows: RawRows,
    identity: Identity,
    refusals: Refusals,
    spelled: Spellings,
    scratch: Path,
    limits: Limits,
) -> Checked:
    """Return the rows read by their kinds, in the spelling of the training rows.

    Raises DataError for values that are refused, unless they are dropped.
    """
    values = Spool(scratch, limits)
    alike = np.empty((2, len(rows)), np.uint64)
    truths = {field.name: np.empty(len(rows), np.uint64) for field in signature.outputs}
    sizes = {
        field.name: np.zeros(len(rows), np.int64)
        for field in signature.inputs
        if kinds.value(field.kind).holds_files
    }
    names = [field.name for field in signature.outputs]
    text = located(signature)
    places = in_text(signature)
    inputs = {name: layout.inputs[name] for name in (field.name for field in signature.inputs)}
    with ThreadPoolExecutor(cores()) as threads:  # what reads a column holds no lock of Python for long
        # an encoder has no truths, of which there are no chunks then
        of_rows = identity.truths.chunks(names) if names else repeat(pl.DataFrame())
        for chunk, given in zip(rows.chunks(inputs, opened=True), of_rows, strict=bool(names)):
            read = threads.map(partial(refusals.read, chunk=chunk), signature.inputs)
            of_inputs = pl.DataFrame(
                [
                    spelled.of(field, refusals.take(field, order, chunk, parsed, required=not field.optional))
                    for order, (field, parsed) in enumerate(zip(signature.inputs, read, strict=True))
                ]
            )
            of_outputs = pl.DataFrame([spelled.of(field, given[field.name]) for field in signature.outputs])
            if text is not None:
                for order, field in enumerate(places, OUTPUTS_AFTER):
                    refusals.misplaced(field, order, chunk, given[field.name], of_inputs[text.name])
            values.add(of_inputs.hstack(of_outputs) if names else of_inputs)
            here = slice(chunk.begin, chunk.end)
            alike[:, here] = fingerprints(of_outputs if layout.by_answer else of_inputs)
            for name, of_field in sizes.items():
                of_field[here] = _sizes(of_inputs[name])
            for name in names:
                truths[name][here] = fingerprints(of_outputs.select(name))[0]
    blank = refusals.blank(len(signature.inputs) + len(names))
    if config.invalid == "error":
        refusals.require_none(blank)
    used = ~refusals.mask
    if identity.twins is not None:
        used &= ~identity.twins.linking
    equal = pl.DataFrame({"high": alike[0], "low": alike[1]})
    found = overlap(identity.splits, equal, used)
    if config.repeated == "drop":
        refuse_mass(found, identity.splits, used)
        used = used & ~found.copies
    return Checked(
        signature, identity, values, used, equal, truths, found, refusals.reasons(blank), blank, sizes
    )


def some(values: pl.DataFrame, rows: NDArray[np.bool_], files: Collection[str]) -> pl.DataFrame:
    """Return some rows (n,) of a chunk, of whose columns some hold files: these have their bytes to themselves.

    Polars filters views: else a few files would hold those of the whole chunk as long as they are needed.
    """
    found = values.filter(rows)
    if found.height == values.height:
        return found
    own = [name for name in found.columns if name in files]
    return found.with_columns(pl.Series(name, found[name].to_list(), found[name].dtype) for name in own)


def _sizes(values: pl.Series) -> NDArray[np.int64]:
    """Return the bytes of stored values (n,); 0 where missing, or where the kind stores something else."""
    if values.dtype != pl.Binary:
        return np.zeros(len(values), np.int64)
    return values.bin.size().fill_null(0).to_numpy().astype(np.int64)
