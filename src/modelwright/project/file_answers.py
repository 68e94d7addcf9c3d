"""Answers every row of a file that can be answered, and says of each other row why it cannot."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import merge
from pathlib import Path

from modelwright import kinds
from modelwright.core.digests import of_bytes
from modelwright.core.messages import DataError, Phrase, Place, Problem, RequestError, did_you_mean
from modelwright.core.messages.setting import setting
from modelwright.kinds.contract.cells import CellOptions
from modelwright.kinds.contract.settled_cells import NOT_SETTLED, SettledCells
from modelwright.kinds.shared.dates import FoundDates
from modelwright.kinds.shared.numbers import PLAIN, NumberCells, NumberForm
from modelwright.project.declaration.project_file import Opened
from modelwright.project.explained.reasons import require_some, with_reasons
from modelwright.project.file_rows import FileRows
from modelwright.project.input_file import input_columns
from modelwright.project.results.live_results import RowAnswer
from modelwright.runtime.function import Function
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.layout import beyond, first
from modelwright.tables.files.held_files import HeldFiles, file_in
from modelwright.tables.plain import PlainTable

CHUNK_BYTES = 64_000_000  # of the files of rows that are answered together


def answers(
    rows: FileRows,
    function: Function,
    version: int | None,
    opened: Opened,
    *,
    folder: Path,
    keep: Sequence[str] | None,
    probabilities: bool,
    batch: int,
    reasons: int | None = None,
) -> Iterator[RowAnswer]:
    """Return an answer for each row of a file, in its order; one that cannot be given has `problems` instead.

    folder: that of the file, in which paths of pictures and the like are looked up, and that they may not leave but
    for the project's; reasons: how many stand beside each answer, None: none are looked for; keep: columns of the
    file that stand beside the answer (None: all). Raises DataError for an input without a column, and for a column to
    keep that the file lacks.
    """
    require_some(reasons)
    table = rows.table
    nothing_read = table.separator is None and not table.rows  # lines of JSON, none of which is an object
    kept = () if nothing_read else _kept(keep, table)
    columns = {} if nothing_read else input_columns(table, function.signature, opened)
    options = written(table, columns, function, opened.file.data)
    reading = _Reading(function, columns, options, held_files(folder, opened))
    return _answers(rows, reading, version, kept, probabilities=probabilities, reasons=reasons, batch=batch)


def held_files(folder: Path, opened: Opened) -> HeldFiles:
    """Return what finds the files that the cells of a file in a folder name: beside it, else where the data's lie."""
    files = opened.file.data.files
    stated = () if files.folder is None else (opened.folder / files.folder,)
    return HeldFiles.within(folder, *stated, opened.folder, most_bytes=files.largest)


@dataclass(frozen=True)
class _Reading:
    """How the cells of a row become its values."""

    function: Function
    columns: Mapping[str, str]
    options: Mapping[str, CellOptions]
    files: HeldFiles

    def row(self, table: PlainTable, place: int, where: Place) -> tuple[object, ...]:
        """Return the canonical values of a row; raises RequestError."""
        cells = {name: self._cell(table, name, of, place) for name, of in self.columns.items()}
        row = self.function.rows.read(
            cells, lenient=True, where=where, options=self.options, files=self.files
        )
        self.function.require_fit(self.function.rows.columns([row]), [where])
        return row

    def _cell(self, table: PlainTable, name: str, column: str, place: int) -> object:
        """Return a cell; of a class that a file writes as a number its name, where training knew it by that."""
        cell, stated = table.columns[column][place], table.stated_names.get(column, ())
        named = stated[cell] if type(cell) is int and 0 <= cell < len(stated) else None
        return named if named is not None and named in self.function.known(name) else cell

    @cached_property
    def held(self) -> list[str]:
        """Return the columns that hold files."""
        inputs = {one.name: kinds.value(one.kind) for one in self.function.signature.inputs}
        return [column for name, column in self.columns.items() if inputs[name].holds_files]

    def size(self, table: PlainTable, place: int) -> int:
        """Return about how many bytes the files of a row have."""
        cells = (file_in(table.columns[column][place]) for column in self.held)
        return sum(
            self.files.size(cell) if isinstance(cell, str) else len(cell)
            for cell in cells
            if isinstance(cell, str | bytes)
        )


def _answers(
    rows: FileRows,
    reading: _Reading,
    version: int | None,
    kept: Sequence[str],
    *,
    probabilities: bool,
    reasons: int | None,
    batch: int,
) -> Iterator[RowAnswer]:
    table = rows.table
    # Each row's number, and its place in the table: None for one that is no row.
    read_rows = ((number, place) for place, number in enumerate(rows.numbers))
    every = merge(read_rows, ((number, None) for number in rows.broken), key=lambda row: row[0])
    for some in _batches(every, lambda place: reading.size(table, place), batch):
        read: dict[int, tuple[object, ...]] = {}
        problems: dict[int, tuple[Problem, ...]] = {}
        for number, place in some:
            if place is None:
                problems[number] = (rows.why(number),)
                continue
            where: Place = Phrase("place.row", file=table.name, row=number)
            try:
                read[number] = reading.row(table, place, where)
            except RequestError as error:
                problems[number] = error.problems
        answered, failed = _inferred(reading.function, read, table.name, probabilities=probabilities)
        problems |= failed
        for number, place in some:
            given = {} if place is None else {name: _plain(table.columns[name][place]) for name in kept}
            outputs, unseen = answered.get(number, ({}, ()))
            if outputs:
                outputs = with_reasons(reading.function, read[number], outputs, reasons)
            yield RowAnswer(version, outputs, unseen, number, given, problems.get(number, ()))


_Numbered = tuple[int, int | None]


def _batches(
    rows: Iterable[_Numbered], size_at: Callable[[int], int], most: int
) -> Iterator[list[_Numbered]]:
    """Yield the rows that are read together: at most so many, and CHUNK_BYTES of files unless it is one.

    size_at: gives the bytes of the files of a row, by its place.
    """
    some: list[_Numbered] = []
    held = 0
    for row in rows:
        size = 0 if row[1] is None else size_at(row[1])
        if some and (len(some) >= most or held + size > CHUNK_BYTES):
            yield some
            some, held = [], 0
        some.append(row)
        held += size
    if some:
        yield some


_Answered = dict[int, tuple[Mapping[str, Mapping[str, object]], tuple[str, ...]]]


def _inferred(
    function: Function, rows: Mapping[int, tuple[object, ...]], name: str, *, probabilities: bool
) -> tuple[_Answered, dict[int, tuple[Problem, ...]]]:
    """Return outputs and unseen inputs by row, and why the body fails on some: its answer is no number."""
    if not rows:
        return {}, {}
    columns = function.rows.columns(list(rows.values()))
    try:
        found = function.answer(columns, probabilities=probabilities)
    except FloatingPointError:
        if len(rows) == 1:
            (number,) = rows
            place = Phrase("place.row", file=name, row=number)
            return {}, {number: (Problem("predict.body-failed", where=place),)}
        answered: _Answered = {}
        failed: dict[int, tuple[Problem, ...]] = {}
        for number, row in rows.items():
            one, none = _inferred(function, {number: row}, name, probabilities=probabilities)
            answered |= one
            failed |= none
        return answered, failed
    unseen = function.unseen(columns)
    return {
        number: (function.prediction(answer).as_json(), unseen.get(place, ()))
        for place, (number, answer) in enumerate(zip(rows, found, strict=True))
    }, {}


def written(
    table: PlainTable, columns: Mapping[str, str], function: Function, config: DataConfig
) -> dict[str, CellOptions]:
    """Return how the cells of each input are written: as `data` states it, else as the cells of the file show.

    What the project file does not state is as it was in training. Cells that read as two values each are what training
    took them for; raises DataError where that is not known.
    """
    found: dict[str, CellOptions] = {}
    problems: list[Problem] = []
    for one in function.signature.inputs:
        column = columns.get(one.name, one.name)
        options = config.cell_options(one.name, column)
        learned = None if function.settled is None else function.settled.get(one.name, NOT_SETTLED)
        if learned is not None:
            options = replace(
                options,
                missing=learned.missing if options.missing is None else options.missing,
                tag_separator=options.tag_separator
                if "tag_separator" in config.model_fields_set
                else learned.tag_separator,
                gaps=learned.gaps,
            )
        cells = table.columns.get(column, ())
        numbers = kinds.value(one.kind).number_cells(cells, options)
        if numbers is not None:
            form, problem = _number_form(numbers, learned, table.name, column)
            problems += problem
            options = replace(options, number=form)
        dates = kinds.value(one.kind).date_cells(cells, options)
        days = None if dates is None else dates.form()
        if days is not None:
            date, problem = _date_form(days, learned, table.name, column)
            problems += problem
            options = replace(options, date=date)
        found[one.name] = options
    if problems:
        raise DataError(problems)
    return found


def _number_form(
    numbers: NumberCells, learned: SettledCells | None, file: str, column: str
) -> tuple[NumberForm, list[Problem]]:
    """Return the form of a column of numbers, and what is wrong where it cannot be told from another."""
    found = numbers.form()
    if found.rival is None:
        return found.form, []
    known = () if learned is None else learned.numbers or (PLAIN,)
    fitting = [form for form in known if numbers.fits[form] == found.reads]
    if len(fitting) == 1:
        return fitting[0], []
    if learned is None and found.form == PLAIN:
        return PLAIN, []
    lines = [setting("data.decimal", {column: each.decimal}) for each in (found.form, found.rival)]
    return found.form, [
        Problem("predict.two-readings", where=file, column=column, example=found.example, lines=lines)
    ]


def _date_form(
    found: FoundDates, learned: SettledCells | None, file: str, column: str
) -> tuple[str, list[Problem]]:
    """Return the form of a column of dates, and what is wrong where it cannot be told from another."""
    if found.rival is None:
        return found.form, []
    known = () if learned is None else learned.dates
    fitting = [form for form in (found.form, found.rival) if form in known]
    if len(fitting) == 1:
        return fitting[0], []
    lines = [setting("data.dates", {column: each}) for each in (found.form, found.rival)]
    return found.form, [
        Problem("data.two-days", where=file, column=column, example=found.example, lines=lines)
    ]


def _kept(keep: Sequence[str] | None, table: PlainTable) -> Sequence[str]:
    if keep is None:
        return list(table.columns)
    problems = [
        Problem(
            "predict.unknown-keep",
            where=table.name,
            column=name,
            near=did_you_mean(name, list(table.columns)),
            there=first(table.columns),
            more=beyond(table.columns),
        )
        for name in keep
        if name not in table.columns
    ]
    if problems:
        raise DataError(problems)
    return list(dict.fromkeys(keep))


def _plain(cell: object) -> object:
    """Return a cell as JSON has it: bytes as digest and size, what JSON has no word for as text, NaN as nothing."""
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    if cell is None or isinstance(cell, str | int | bool):
        return cell
    if isinstance(cell, bytes):
        return {"sha256": of_bytes(cell), "bytes": len(cell)}
    if isinstance(cell, list | tuple):
        return [_plain(one) for one in cell]
    if isinstance(cell, Mapping):
        return {str(name): _plain(one) for name, one in cell.items()}
    return str(cell)
