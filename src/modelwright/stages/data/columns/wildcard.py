"""What `inputs: "*"` takes in: the kind of each column, and a notice for each that a person would miss."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta

import polars as pl

from modelwright import kinds
from modelwright.core.messages import DataError, Notice, Phrase, Problem, ValueProblem, shown
from modelwright.core.messages.setting import setting
from modelwright.core.signature import Field
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.infer import Cells, Infer
from modelwright.kinds.contract.value import AnyValue
from modelwright.kinds.shared.dates import SHORT_FORMS, read_date
from modelwright.kinds.shared.numbers import found_form
from modelwright.stages.data.columns.distinct import DistinctCells
from modelwright.stages.data.columns.identifiers import Identifier, identifier_of

# A column that is not of a kind although most of its cells are: what keeps it from it is said.
NEARLY = 0.5
EXAMPLES = 3
SAMPLED = 32
ALL_BUT_SLIPS = 0.95  # of the cells of a column of dates are dates
DATA_URI = "data:"  # with which a text is what a file holds, and not its name
SOME_CELLS = 1_000  # are enough to name the kind of a column that is left out

Chunks = Callable[[str], Iterable[pl.Series]]  # the raw cells of an input, in chunks


@dataclass(frozen=True)
class Inputs:
    """The inputs that `"*"` stands for, and what is to be said about each column that it met."""

    fields: tuple[Field, ...]
    notices: tuple[Notice, ...]


def naming_columns(
    names: Mapping[str, str], stated: Mapping[str, str], cells: Chunks
) -> dict[str, Identifier]:
    """Return the inputs that name rows or things, which `"*"` leaves out unless `data.kinds` states their kind.

    names: input → column of the data; stated: input → kind; cells: of every row of the files that train. A column
    whose cells are paths of files (pictures, sounds) stands for what is in them, though each has a name of its own.
    """
    found = {name: identifier_of(column, cells(name)) for name, column in names.items() if name not in stated}
    return {
        name: one for name, one in found.items() if one is not None and not _names_files(name, cells(name))
    }


def _names_files(name: str, cells: Iterable[pl.Series]) -> bool:
    """Tell whether the first cells of a column read as a kind whose values are files."""
    field = infer(name, DistinctCells(itertools.islice((chunk.head(SOME_CELLS) for chunk in cells), 1)))
    return field is not None and kinds.value(field.kind).holds_files


def resolved(
    names: Mapping[str, str],
    stated: Mapping[str, str],
    cells: Chunks,
    options: Callable[[str], CellOptions],
) -> Inputs:
    """Return the inputs with their kinds; names: input → column of the data; stated: input → kind (`data.kinds`).

    `cells`: of rows that train and validate; options: how those of an input are written. The first kind that reads a
    column has it, in the order of `Infer.rank`; it is optional where a cell is missing. Raises DataError when no
    column is left to be an input.
    """
    fields: list[Field] = []
    notices: list[Notice] = []
    for name, column in names.items():
        counted = DistinctCells(cells(name))
        written = options(name)
        field = infer(name, counted, stated.get(name), written)
        left_out = None if name in stated else _left_out(column, field, counted)
        if left_out is not None:
            notices.append(left_out)
        elif field is not None:
            fields.append(field)
            notices += _taken(column, field, counted, written, is_stated=name in stated)
    if not fields:
        raise DataError(Problem("data.no-inputs", why=[one.found for one in notices] or None))
    return Inputs(tuple(fields), tuple(notices))


def infer(
    name: str, counted: DistinctCells, stated: str | None = None, options: CellOptions = DEFAULT_OPTIONS
) -> Field | None:
    """Return the field of a column, None for one that is empty or that holds what no kind reads."""
    every = counted.cells()
    if stated is not None:
        kind = stated.removesuffix("?")
        return Field(name, kind, optional=stated.endswith("?") or _missing(every, kind, counted, options) > 0)
    present = dict[bool, Cells]()
    for kind in _ranked() if every else ():
        words = kinds.value(kind).takes_words
        if words not in present:
            present[words] = _present(every, kind, options)
        there = present[words]
        if there and kinds.facet(kind, Infer).reads_written(there, options):
            return Field(name, kind, optional=_missing(every, kind, counted, options) > 0)
    return None


def _present(every: Cells, kind: str, options: CellOptions) -> Cells:
    """Return the cells that stand for something, to a kind: a word such as NA may be a name, and is no number."""
    words = kinds.value(kind).takes_words
    return [(cell, count) for cell, count in every if not options.is_missing(cell, words=words)]


def _missing(every: Cells, kind: str, counted: DistinctCells, options: CellOptions) -> int:
    """Return how many rows have no value of a kind."""
    return counted.rows - sum(count for _, count in _present(every, kind, options))


def identifier_notice(column: str, name: str, found: Identifier, cells: Iterable[pl.Series]) -> Notice:
    """Return what is said of a column that names rows or things, with the line that takes it in all the same."""
    some = DistinctCells(chunk.head(SOME_CELLS) for chunk in cells)
    field = infer(name, some)
    return Notice(
        "data.identifier",
        column=column,
        count=found.rows,
        distinct=found.distinct,
        names=found.names.value,
        line=None if field is None else setting("data.kinds", {column: field.kind}),
    )


def _ranked() -> list[str]:
    return sorted(kinds.having(Infer), key=lambda kind: kinds.facet(kind, Infer).rank)


def _left_out(column: str, field: Field | None, counted: DistinctCells) -> Notice | None:
    """Return why a column is left out, None for one that is not."""
    present = counted.cells()
    drop = setting("data.drop", [column])
    if not present:
        return Notice("data.empty-column", column=column, count=counted.rows, line=drop)
    there = sum(count for _, count in present)
    if field is None:
        what = _holds(present[0][0])
        return Notice("data.unread-column", column=column, count=there, what=what, line=drop)
    if kinds.value(field.kind).holds_files and _names_a_file(present[0][0]):
        # which files a project rests on must be known before its rows are read
        line = setting("data.kinds", {column: field.kind})
        return Notice("data.names-files", column=column, count=there, kind=field.kind, line=line)
    if len(present) == 1 and there == counted.rows:
        line = setting("data.kinds", {column: field.kind})
        value = shown(present[0][0])
        return Notice("data.constant-column", column=column, count=there, value=value, line=line)
    return None


def _names_a_file(cell: object) -> bool:
    return isinstance(cell, str) and not cell.strip().lower().startswith(DATA_URI)


def _holds(cell: object) -> Phrase:
    """Return what a cell is that no kind reads."""
    if isinstance(cell, bytes | bytearray | memoryview):
        form = "bytes"
    elif isinstance(cell, list | tuple):
        form = "list"
    elif isinstance(cell, dict):
        form = "object"
    elif isinstance(cell, date | time | timedelta):
        form = "time"
    else:
        form = "other"
    return Phrase("data.cell-form", form=form)


def _taken(
    column: str, field: Field, counted: DistinctCells, options: CellOptions, *, is_stated: bool
) -> Iterator[Notice]:
    """Yield what is worth knowing of a column that is an input: missing cells, and what else it looks like."""
    every = counted.cells()
    present = _present(every, field.kind, options)
    if missing := _missing(every, field.kind, counted, options):
        yield Notice(
            "data.optional-column",
            column=column,
            count=missing,
            rows=counted.rows,
            name=field.name,
            kind=field.kind,
        )
    if is_stated:
        return
    yield from _nearly(column, field, every, options)
    yield from _short_years(column, field, present)
    if kinds.has(field.kind, Infer):
        yield from kinds.facet(field.kind, Infer).remarks(column, present)


def _nearly(column: str, field: Field, every: Cells, options: CellOptions) -> Iterator[Notice]:
    """Yield a notice where most cells are of a narrower kind, and the others keep the column from it."""
    for kind in _ranked():
        if kind == field.kind:
            return
        value = kinds.value(kind)
        if value.fixed_labels:  # of few words: others are other classes
            continue
        present = _present(every, kind, options)
        some = _some(present)
        if some is not present and len(_strays(value, some, options)) == len(some):
            continue
        strays = _strays(value, present, options)
        there, stray = (sum(count for _, count in cells) for cells in (present, strays))
        if 0 < stray <= (1 - NEARLY) * there:
            yield Notice(
                "data.nearly",
                column=column,
                count=stray,
                rows=there,
                kind=field.kind,
                narrower=kind,
                cells=[shown(cell) for cell, _ in strays[:EXAMPLES]],
                line=setting("data.kinds", {column: kind}),
            )
            return


def _some(cells: Cells) -> Cells:
    """Return cells that stand for all: the most frequent, and of the others as many, evenly spaced.

    Where half of all cells are of a kind, one of these is, too; a table may have thousands of columns.
    """
    if len(cells) <= 2 * SAMPLED:
        return cells
    return [*cells[:SAMPLED], *cells[SAMPLED :: len(cells) // SAMPLED]]


def _strays(value: AnyValue, cells: Cells, options: CellOptions) -> Cells:
    """Return the cells that a kind does not read, with numbers in the form that most of them are written in."""
    texts = [(cell, count) for cell, count in cells if isinstance(cell, str)]
    form = found_form(texts).form if options.forms == DEFAULT_OPTIONS.forms else options.forms[0]
    written = replace(options, number=form)
    return [(cell, count) for cell, count in cells if not _reads(value, cell, written)]


def _short_years(column: str, field: Field, present: Cells) -> Iterator[Notice]:
    """Yield a notice where the texts of a column look like dates with years of two digits, which are not guessed."""
    if kinds.value(field.kind).date_cells((), DEFAULT_OPTIONS) is not None:
        return
    texts = [(cell.strip(), count) for cell, count in present if isinstance(cell, str)]
    there = sum(count for _, count in present)
    found = {form: _read_as(texts, form, ALL_BUT_SLIPS * there) for form in SHORT_FORMS}
    if most := max(found.values()):
        yield Notice(
            "data.short-years",
            column=column,
            count=most,
            example=texts[0][0],
            kind=field.kind,
            lines=[setting("data.dates", {column: form}) for form, count in found.items() if count == most],
        )


def _read_as(texts: Sequence[tuple[str, int]], form: str, least: float) -> int:
    """Return how many cells are dates of a form, 0 where fewer than `least`: which soon shows in a column of others."""
    left = sum(count for _, count in texts)
    for text, count in texts:
        if left < least:
            return 0
        if read_date(text, form) is None:
            left -= count
    return left if left >= least else 0


def _reads(value: AnyValue, cell: object, options: CellOptions) -> bool:
    try:
        value.read_cell(cell, options)
    except ValueProblem:
        return False
    return True
