"""Why rows are refused: counted by source, field and rule, with the first rows; or kept, to be set aside with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.messages import DataError, Phrase, Problem, ValueProblem, catalog, shown
from modelwright.core.signature import Field
from modelwright.kinds.contract.column import Column, Parsed
from modelwright.stages.data.columns.written import Written
from modelwright.stages.data.corpus_rows import unknown_ids
from modelwright.stages.data.raw_rows import Chunk

SHOWN_ROWS = 5
REASONS = {"place": pl.UInt32, "order": pl.UInt32, "reason": pl.String}


@dataclass
class _Group:
    """Refusals of one field of one source by one rule; `first` orders the groups as a reader meets them."""

    first: tuple[int, int]
    kind: str  # of the field
    shown: list[tuple[int, ValueProblem | None, str | None]] = field(default_factory=list)
    words: dict[str, None] = field(default_factory=dict)  # that stand for nothing in the rows shown
    count: int = 0
    missing: list[NDArray[np.int64]] = field(
        default_factory=list
    )  # of all its rows: (place, number), (2, k) each


@dataclass
class Refusals:
    """Collects refused cells, chunk by chunk and field by field.

    `outputs`: those of the signature; `mask` (n,): which rows are refused; `written`: how
    the cells of each column are written; `keep`:
    also keep the reason of every refused row; `passages`: those of the corpus, by id.
    A row of several fields that has a value in none of them, as spreadsheets write below the last, is no mistake in any
    of them: see `blank`.
    """

    outputs: tuple[Field, ...]
    mask: NDArray[np.bool_]
    written: Written
    keep: bool
    passages: Mapping[str, str] = field(default_factory=dict)
    _groups: dict[tuple[str, str, str], _Group] = field(default_factory=dict)
    _reasons: list[pl.DataFrame] = field(default_factory=list)
    # (n,): fields of a row that have no value, and none refused
    _without: NDArray[np.uint32] = field(init=False)

    def __post_init__(self) -> None:
        self._without = np.zeros(len(self.mask), np.uint32)

    def parse(self, of: Field, order: int, chunk: Chunk, *, required: bool) -> pl.Series:
        """Return a field's column as its kind stores it; what is refused, or required and missing, is collected.

        `order` is the field's place in the signature: the refusals of one row are listed in this order.
        """
        return self.take(of, order, chunk, self.read(of, chunk), required=required)

    def read(self, of: Field, chunk: Chunk) -> Parsed:
        """Return a field's column as its kind reads it. It changes nothing here, so threads may."""
        parsed = kinds.facet(of.kind, Column).parse(
            chunk.cells[of.name], self.written.options(chunk.given, chunk.table.name, of.name)
        )
        if unread := chunk.refused.get(of.name):
            parsed = Parsed(parsed.values, {**parsed.refused, **unread})
        if kinds.value(of.kind).of_corpus and (unknown := unknown_ids(of, parsed.values, self.passages)):
            known = [None if place in unknown else one for place, one in enumerate(parsed.values.to_list())]
            values = pl.Series(parsed.values.name, known, dtype=parsed.values.dtype)
            parsed = Parsed(values, {**parsed.refused, **unknown})
        return parsed if of.range is None else _within(parsed, *of.range)

    def take(self, of: Field, order: int, chunk: Chunk, parsed: Parsed, *, required: bool) -> pl.Series:
        """Return the values of what `read` gave, and collect what is refused, or required and missing."""
        found: dict[int, ValueProblem | None] = dict(parsed.refused)
        nothing = parsed.values.is_null().to_numpy().copy()
        nothing[list(parsed.refused)] = False
        self._without[chunk.begin : chunk.end] += nothing
        if required:
            found |= dict.fromkeys(np.flatnonzero(nothing).tolist())
        if found:
            self._collect(of, order, chunk, {place: found[place] for place in sorted(found)})
        return parsed.values.alias(of.name)

    def misplaced(self, of: Field, order: int, chunk: Chunk, values: pl.Series, texts: pl.Series) -> None:
        """Collect the values of an output (n,) that are no places in the texts beside them."""
        kind, column = kinds.value(of.kind), kinds.facet(of.kind, Column)
        pairs = zip(column.values(values), texts.to_list(), strict=True)
        found = {
            place: problem
            for place, (value, text) in enumerate(pairs)
            if value is not None and (problem := kind.misplaced(value, text)) is not None
        }
        if found:
            self._collect(of, order, chunk, dict(found))

    def _collect(self, of: Field, order: int, chunk: Chunk, found: dict[int, ValueProblem | None]) -> None:
        groups: dict[str, _Group] = {}
        for place, problem in found.items():
            rule = "" if problem is None else problem.message.id
            if (group := groups.get(rule)) is None:
                first = (chunk.begin + place, order)
                group = self._groups.setdefault((chunk.table.name, of.name, rule), _Group(first, of.kind))
                group.first = min(group.first, first)
                groups[rule] = group
            group.count += 1
            if len(group.shown) < SHOWN_ROWS:
                group.shown.append((chunk.number + place, problem, chunk.file_of(of.name, place)))
                if problem is None and (word := _word(chunk.cells[of.name][place])):
                    group.words[word] = None
        if nothing := [place for place, problem in found.items() if problem is None]:
            here = np.array(nothing, np.int64)
            groups[""].missing.append(np.stack([here + chunk.begin, here + chunk.number]))
        places = np.fromiter(found, dtype=np.int64) + chunk.begin
        self.mask[places] = True
        if self.keep:
            texts = [_reason(of.name, problem) for problem in found.values()]
            columns = {"place": places, "order": [order] * len(found), "reason": texts}
            self._reasons.append(pl.DataFrame(columns, schema=REASONS))

    def blank(self, fields: int) -> NDArray[np.bool_]:
        """Return which rows (n,) lack what is required, and all else: of so many fields they have a value in none.

        A row of one field is none: there, a value is missing. Nor are there any where no row is another: what is to be
        read is not there then, which is told of each field.
        """
        found: NDArray[np.bool_] = self.mask & (self._without == fields)
        return found if fields > 1 and not found.all() else np.zeros_like(found)

    def require_none(self, blank: NDArray[np.bool_] | None = None) -> None:
        """Raise DataError when there are refusals: one problem a source, field and rule, with first rows.

        blank: (n,) rows that count for none.
        """
        groups = sorted(self._groups.items(), key=lambda pair: pair[1].first)
        problems = []
        for (source, name, rule), group in groups:
            left = group if rule or blank is None else _besides(group, blank)
            if left.count:
                problems.append(self._problem(source, name, left))
        if problems:
            raise DataError(problems)

    def reasons(self, blank: NDArray[np.bool_]) -> pl.DataFrame:
        """Return the refused rows by `place`, each with its `reason`; those of several fields are joined.

        blank: (n,) rows with a reason of their own.
        """
        places = np.flatnonzero(blank)
        every = pl.concat([pl.DataFrame(schema=REASONS), *self._reasons])
        every = every.filter(~pl.col("place").is_in(places)).sort("place", "order")
        found = every.group_by("place", maintain_order=True).agg(pl.col("reason").str.join("; "))
        with catalog.speaking(catalog.DEFAULT):  # sealed with the row
            reason = str(Phrase("data.reason-blank"))
        left_out = {"place": places, "reason": [reason] * places.size}
        return pl.concat([found, pl.DataFrame(left_out, schema=found.schema)])

    def _problem(self, source: str, name: str, group: _Group) -> Problem:
        more = group.count if group.count > SHOWN_ROWS else None
        numbers = [number for number, _, _ in group.shown]
        _, problem, _ = group.shown[0]
        if problem is None:
            output = any(name == one.name for one in self.outputs)
            return Problem(
                "data.missing-value",
                where=source,
                field=name,
                rows=numbers,
                words=list(group.words) or None,
                count=more,
                output=output,
                kind=group.kind,
                empty=kinds.value(group.kind).empty_cell,
            )
        cells = [
            Phrase("data.cell-in-row", problem=one.message, row=number, file=file)
            for number, one, file in group.shown
            if one is not None
        ]
        rule = problem.message
        return Problem("data.invalid-value", where=source, field=name, problem=rule, cells=cells, count=more)


def _besides(group: _Group, blank: NDArray[np.bool_]) -> _Group:
    """Return a group of missing values without those of blank rows (n,)."""
    places, numbers = np.concatenate(group.missing, axis=1)
    left = numbers[~blank[places]]
    shown: list[tuple[int, ValueProblem | None, str | None]] = [
        (number, None, None) for number in left[:SHOWN_ROWS].tolist()
    ]
    return replace(group, shown=shown, count=left.size)


def _reason(name: str, problem: ValueProblem | None) -> str:
    """Return why a row is refused, in English: it is sealed with the row, and bits know no reader."""
    with catalog.speaking(catalog.DEFAULT):
        if problem is None:
            return str(Phrase("data.reason-missing", field=name))
        return str(Phrase("data.reason-refused", field=name, problem=problem.message))


def _word(cell: object) -> str | None:
    """Return the word of a cell that is missing; None for a blank."""
    match cell:
        case str():
            return cell.strip() or None
        case int() | float():
            return "NaN" if math.isnan(cell) else f"{cell:g}"
        case _:
            return None


def _within(parsed: Parsed, low: float, high: float) -> Parsed:
    """Return a column of which values outside of the declared range are refused."""
    values = parsed.values
    outside = ((values < low) | (values > high)).fill_null(value=False)
    refused = {
        place: ValueProblem(
            "value.out-of-range", shown=shown(values[place]), low=f"{low:g}", high=f"{high:g}"
        )
        for place in outside.arg_true().to_list()
    }
    return Parsed(values.set(outside, None), {**parsed.refused, **refused}) if refused else parsed
