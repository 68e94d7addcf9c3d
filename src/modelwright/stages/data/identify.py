"""Which row is which and where it goes, by its raw inputs; and the truths, by which classes may have shares."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.messages import DataError, Problem
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.column import Column
from modelwright.runtime.machine import cores
from modelwright.stages.data.canonical import ROW_ID, TEST_ROW, hexadecimal, position_hash, row_texts
from modelwright.stages.data.classes import outputs_with_classes, unknown_split_classes
from modelwright.stages.data.columns.labels import Labels
from modelwright.stages.data.columns.where_rows_go import RowPlaces
from modelwright.stages.data.config import HASH, DataConfig
from modelwright.stages.data.hashing.hasher import Digests, Hasher, RowTexts
from modelwright.stages.data.layout import Layout
from modelwright.stages.data.raw_rows import Chunk, RawRows
from modelwright.stages.data.refusals import Refusals
from modelwright.stages.data.split import CODES, TEST, TRAIN, VALIDATION, places
from modelwright.stages.data.twins.twin_rows import Printed, TwinRows, placed
from modelwright.tables.spool import Limits, Spool

MANY_ROWS = 100_000  # with fewer, a process of its own for hashes takes longer to start than it saves
SKETCH_SIZE = 64  # hashes; the share of rows that two sets have in common is then estimated within 0.06


@dataclass(frozen=True)
class Identity:
    """Arrays of all rows, (n,): their ids as numbers, where they lie in [0, 1), the code of their split.

    `test_places` and `test_hashes` (m,): the test rows as they stand in their sources. `truths`: the outputs as
    their kinds store them, in the chunks of the raw rows. `twins`: of inputs that can have near twins.
    """

    ids: NDArray[np.uint64]
    positions: NDArray[np.float64]
    splits: NDArray[np.uint8]
    test_places: NDArray[np.int64]
    test_hashes: NDArray[np.uint64]
    truths: Spool
    twins: TwinRows | None = None

    def repeats(self) -> NDArray[np.int64]:
        """Return for each row (n,) how many earlier rows have the same id."""
        order = np.argsort(self.ids, kind="stable")  # equal ids side by side, in the order of their rows
        ids = self.ids[order]
        begins = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]]) if ids.size else np.empty(0, np.int64)
        sizes = np.diff(np.r_[begins, ids.size])
        repeats = np.empty(ids.size, np.int64)
        repeats[order] = np.arange(ids.size) - np.repeat(begins, sizes)
        return repeats

    def sketch(self, used: NDArray[np.bool_]) -> tuple[str, ...]:
        """Return the least hashes of the used test rows, by which a test set is known again.

        A bottom-k sketch (Broder 1997, On the resemblance and containment of documents). Each row is hashed with
        every column of its source, so another choice of inputs, another kind or a corrected label is seen to be
        tested on the same rows, and the evaluations of them are counted together.
        """
        of_used = np.unique(self.test_hashes[used[self.test_places]])
        return tuple(hexadecimal(of_used[:SKETCH_SIZE]))


def identify(
    signature: Signature,
    config: DataConfig,
    layout: Layout,
    rows: RawRows,
    refusals: Refusals,
    scratch: Path,
    limits: Limits,
) -> Identity:
    """Return who every row is and its split; raises DataError for classes in `split.classes` that there are not.

    Refused truths are collected in `refusals`.
    """
    # Every column of a source is read: the sketch is of whole rows, the hashes are of the inputs.
    count = len(rows)
    ids, where = np.empty(count, np.uint64), np.empty(count, np.float64)
    splits = np.empty(count, np.uint8)
    hashed: list[tuple[NDArray[np.int64], Future[tuple[Digests, ...]]]] = []
    truths = Spool(scratch, limits)
    shares = _SharesByClass(signature, config)
    places_of_rows = RowPlaces(config, rows)
    labels = Labels(signature, config)
    printed = Printed(_fields(signature, layout) if config.twins == "group" else ())
    ours = np.zeros(count, np.bool_)

    def place(chunk: _Hashing) -> None:
        raw, of_rows = chunk.raw, chunk.digests()
        here = slice(raw.begin, raw.end)
        ids[here] = of_rows[0]
        where[here] = places_of_rows.positions(raw, of_rows[1] if len(of_rows) > 1 else None)
        stated = places_of_rows.stated(raw)
        splits[here] = shares.split(raw.given, where[here], chunk.truths) if stated is None else stated
        ours[here] = stated is None and config.split.by == HASH and shares.splits(raw.given)
        # Twins may bring any row into the test split.
        (in_test,) = np.nonzero((splits[here] == CODES[TEST]) | bool(printed.fields))
        if in_test.size:
            whole = row_texts(chunk.opened.cells[in_test])
            hashed.append((in_test + raw.begin, hasher.digests(whole, TEST_ROW)))

    beside = count >= MANY_ROWS and cores() > 1
    with Hasher(beside=beside) as hasher:
        waiting: list[_Hashing] = []
        for raw in rows.chunks():
            opened = rows.open(raw)
            chunk = opened.named(layout.fields)
            inputs = row_texts(chunk.cells.select(*(layout.outputs if layout.by_answer else layout.inputs)))
            of_ids = row_texts(raw.cells.select(layout.identity)) if layout.identity else inputs
            digests = _digests(hasher, of_ids, places_of_rows.hashed(raw, inputs), config.shares.key)
            of_chunk = _truths(signature, chunk, refusals, labels, required=not layout.unanswered)
            truths.add(of_chunk)
            if printed.fields:
                printed.add(chunk.cells)
            waiting.append(_Hashing(raw, opened, of_chunk, digests))
            if not beside or len(waiting) > 1:  # the newest is hashed while the one before is placed
                place(waiting.pop(0))
        for last in waiting:
            place(last)
        hashes = np.concatenate([np.empty(0, np.uint64), *(of_rows.result()[0] for _, of_rows in hashed)])
    places_of_rows.require_known()
    labels.require_known()
    shares.require_known()
    twins, splits = placed(printed.pairs(), splits, ours) if printed.fields else (None, splits)
    test_places = np.concatenate([np.empty(0, np.int64), *(at for at, _ in hashed)])
    tested = splits[test_places] == CODES[TEST]
    return Identity(ids, where, splits, test_places[tested], hashes[tested], truths, twins)


def _fields(signature: Signature, layout: Layout) -> tuple[Field, ...]:
    """Return the inputs, as far as their kinds are known; of a wildcard those whose kind is stated."""
    stated = (
        Field(name, kind.removesuffix("?")) for name, kind in layout.kinds.items() if name in layout.inputs
    )
    return signature.inputs or tuple(stated)


@dataclass(frozen=True)
class _Hashing:
    """A chunk whose hashes are under way: of its inputs, then, unless rows lie by time, of what they lie by."""

    raw: Chunk
    opened: Chunk
    truths: pl.DataFrame
    digests: Callable[[], tuple[Digests, ...]]


def _digests(
    hasher: Hasher, inputs: RowTexts, places: RowTexts | None, key: str
) -> Callable[[], tuple[Digests, ...]]:
    """Return what waits for the digests of a chunk."""
    if places is inputs:
        return hasher.digests(inputs, ROW_ID, position_hash(key)).result
    pending = [hasher.digests(inputs, ROW_ID)]
    if places is not None:
        pending.append(hasher.digests(places, position_hash(key)))
    return lambda: tuple(one.result()[0] for one in pending)


def _truths(
    signature: Signature, chunk: Chunk, refusals: Refusals, labels: Labels, *, required: bool
) -> pl.DataFrame:
    return pl.DataFrame(
        [
            labels.renamed(
                field,
                refusals.parse(
                    field, OUTPUTS_AFTER + order, chunk, required=required and not _may_be_none(field)
                ),
            )
            for order, field in enumerate(signature.outputs)
        ]
    )


def _may_be_none(field: Field) -> bool:
    """Tell whether a row may have no value of an output: that nothing answers it is its truth."""
    return field.optional and kinds.value(field.kind).unanswered


OUTPUTS_AFTER = 1 << 20  # orders outputs after the inputs, however many of these the data turns out to have


class _SharesByClass:
    """Splits rows where their files leave it to us, by `split.classes` where it is set."""

    def __init__(self, signature: Signature, config: DataConfig) -> None:
        self._config = config
        self._field: Field | None = None
        self._known: set[str] = set()
        if config.split.classes:
            named = outputs_with_classes(signature)
            if not named:
                raise DataError(Problem("data.no-classes", outputs=list(map(str, signature.outputs))))
            self._field = next(field for field in signature.outputs if field.name == named[0])

    def split(self, given: str, where: NDArray[np.float64], truths: pl.DataFrame) -> NDArray[np.uint8]:
        """Return the code of the split (n,) of each row of a chunk; where (n,): their positions."""
        shares = self._config.shares
        labels = self._labels(truths[self._field.name]) if self._field is not None else {}
        if not self.splits(given):
            return np.full(where.shape, CODES[given], dtype=np.uint8)
        codes = places(where, shares)
        for label, rows in labels.items():
            if own := shares.classes.get(label):
                codes[rows] = places(where[rows], own)
        return codes

    def splits(self, given: str) -> bool:
        """Tell whether the rows of files that are for `given` are ours to split."""
        return given not in {TEST, VALIDATION} and not (
            given == TRAIN and self._config.validation is not None
        )

    def require_known(self) -> None:
        """Raise DataError for the classes of `split.classes` that no row has."""
        problems = list(unknown_split_classes(list(self._config.split.classes), sorted(self._known)))
        if problems:
            raise DataError(problems)

    def _labels(self, truths: pl.Series) -> dict[str, NDArray[np.int64]]:
        """Return the rows of each class in a chunk. A truth of several classes counts for the first one named."""
        assert self._field is not None
        value, column = kinds.value(self._field.kind), kinds.facet(self._field.kind, Column)
        named = self._config.split.classes
        found: dict[str, list[int]] = {}
        for place, truth in enumerate(column.values(truths)):
            if truth is not None:
                labels = value.labels(truth)
                self._known.update(labels)
                chosen = next((label for label in labels if label in named), None)
                if chosen is not None:
                    found.setdefault(chosen, []).append(place)
        return {label: np.array(rows, dtype=np.int64) for label, rows in found.items()}
