"""Reads rows of a signature's inputs: the same check for a call, a request and a table."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from modelwright import kinds
from modelwright.core.messages import Place, Problem, RequestError, ValueProblem, did_you_mean, shown
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.settled_cells import NOT_SETTLED, SettledCells, SettledReader
from modelwright.kinds.contract.value import AnyValue
from modelwright.storage import given_files
from modelwright.tables.files.held_files import HeldFiles, file_in

_SHOWN_CHARACTERS = 60
_NOTHING: Mapping[str, SettledCells] = MappingProxyType({})


class RowReader:
    """Turns what a caller gives into canonical values, in the order of the signature's inputs."""

    def __init__(self, signature: Signature, settled: Mapping[str, SettledCells] = _NOTHING) -> None:
        """Read for a signature; settled: how the inputs were written in the training data, where that is known."""
        self.signature = signature
        self.settled = settled
        self._names = {field.name for field in signature.inputs}
        self._fields = [
            (field, kind, SettledReader(kind, settled.get(field.name, NOT_SETTLED)))
            for field in signature.inputs
            for kind in (kinds.value(field.kind),)
        ]

    def read(
        self,
        row: object,
        *,
        lenient: bool = False,
        where: Place | None = None,
        options: Mapping[str, CellOptions] | None = None,
        files: HeldFiles | None = None,
    ) -> tuple[Any, ...]:
        """Return the row's values (None: missing); raises RequestError with all that is wrong.

        Strict takes JSON types only; lenient also reads text ("3", "yes"), as the cells of the training data were read;
        with `options`, by input, values are read as the cells of a table that is so written. Of an input whose kind
        holds files, a path object stands for the bytes of its file; a text does where `files` says where its path is
        looked up, as in a table.
        """
        if not isinstance(row, Mapping):
            raise RequestError(self._not_an_object(row, where))
        if row.keys() != self._names:
            row = _composed(row)
            self._require_names(row, where)
        values = []
        problems = []
        for field, kind, settled in self._fields:
            cell = row.get(field.name)
            try:
                if kind.holds_files:
                    cell = _content(cell, kind, files)
                if options is not None:
                    value = kind.read_cell(cell, options[field.name])
                else:
                    value = settled.cell(cell) if lenient else settled.json(cell)
            except ValueProblem as problem:
                problems.append(_wrong_value(field, problem, where))
                continue
            if value is None and not field.optional:
                problems.append(self._missing([field.name], where))
            values.append(value)
        if problems:
            raise RequestError(problems)
        return tuple(values)

    def columns(self, rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
        """Return the columns, by input name, of rows that `read` returned."""
        return {field.name: [row[i] for row in rows] for i, field in enumerate(self.signature.inputs)}

    def _require_names(self, row: Mapping[Any, object], where: Place | None) -> None:
        unknown = [str(name) for name in row if name not in self._names]
        if unknown:
            raise RequestError(
                Problem(
                    "request.unknown-input",
                    where=where,
                    unknown=[_short(name) for name in unknown[:3]],
                    inputs=[str(field) for field in self.signature.inputs],
                    near=did_you_mean(unknown[0][:200], sorted(self._names)),
                )
            )
        missing = [f.name for f in self.signature.inputs if not f.optional and f.name not in row]
        if missing:
            raise RequestError(self._missing(missing, where))

    def _missing(self, names: Sequence[str], where: Place | None) -> Problem:
        return Problem("request.missing-input", where=where, names=list(names), signature=str(self.signature))

    def _not_an_object(self, row: object, where: Place | None) -> Problem:
        example = ", ".join(f'"{field.name}": …' for field in self.signature.inputs)
        return Problem("request.not-an-object", where=where, shown=shown(row), example=f"{{{example}}}")


def _composed(row: Mapping[Any, object]) -> Mapping[Any, object]:
    """Return a row with its names in NFC, as a signature's are: callers may send ö as o and two dots."""
    if all(isinstance(name, str) and name.isascii() for name in row):
        return row
    composed = {
        unicodedata.normalize("NFC", name) if isinstance(name, str) else name: value
        for name, value in row.items()
    }
    return composed if len(composed) == len(row) else row  # of two forms of one name neither is meant


def _content(cell: object, kind: AnyValue, files: HeldFiles | None) -> object:
    """Return the bytes of the file that a cell leads to; raises ValueProblem. Any other cell is left as it is."""
    if isinstance(cell, Path):
        return given_files.content(cell)
    if files is None:
        return cell
    inner = file_in(cell)
    missing = DEFAULT_OPTIONS.is_missing(inner, words=kind.takes_words)
    return files.content(inner) if isinstance(inner, str) and not missing else inner


def _wrong_value(field: Field, problem: ValueProblem, where: Place | None) -> Problem:
    return Problem(
        "request.wrong-value", where=where, field=field.name, kind=field.kind, problem=problem.message
    )


def _short(name: str) -> str:
    return name if len(name) <= _SHOWN_CHARACTERS else f"{name[:_SHOWN_CHARACTERS]}…"
