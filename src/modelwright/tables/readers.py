"""Reads a source file by its ending: delimited text, JSON, JSON lines or Parquet, plain or gzipped; IDX and NPZ."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import polars as pl

from modelwright.core.messages import DataError, Notice, Problem
from modelwright.core.messages.setting import setting
from modelwright.storage.disk import is_full
from modelwright.tables import objects
from modelwright.tables.arrays import idx_files
from modelwright.tables.arrays.npz_files import NpzFile
from modelwright.tables.bounds import too_many_columns
from modelwright.tables.delimited import DelimitedRows, Header, TextBlocks
from modelwright.tables.encodings import find_encoding, foreign_words
from modelwright.tables.files import annotated_tasks, text_pieces, token_lines
from modelwright.tables.files.class_names import class_names
from modelwright.tables.files.file_sets import FILE, FileSet
from modelwright.tables.files.question_lists import QuestionLists
from modelwright.tables.files.reviewed_tasks import ReviewedTasks
from modelwright.tables.files.text_pieces import COLUMN, PIECE, TEXT
from modelwright.tables.files.token_lines import TOKEN_LINES
from modelwright.tables.parquet import read_parquet
from modelwright.tables.quick import read_blocks
from modelwright.tables.series import series
from modelwright.tables.sources import NPZ, TABLES, SourceFile, is_idx
from modelwright.tables.spool import Limits, Spool
from modelwright.tables.start import SNIFFED_CHARACTERS, Start, begins_with_names, start_of
from modelwright.tables.table import Table
from modelwright.tables.unpacked import blocks, opened

SHOWN_WORDS = 3  # that show whether an encoding was the right one
SHOWN_PLACES = 5
BATCH_ROWS = 20_000  # JSON objects that become columns at once
BATCH_CELLS = 2_000_000  # or fewer objects, where they have many names
SLICE_CHUNKS = (
    4  # chunks that are read at once: what lies before a slice in its row group is unpacked each time
)
PARQUET = (".parquet", ".pq")
OBJECTS = (".json", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Apart:
    """What a project states of the cells of delimited text; see `read`."""

    separator: str | None
    skip: int | None
    header: Sequence[str]
    quotes: bool


def read(
    file: SourceFile,
    scratch: Path,
    *,
    encoding: str | None = None,
    separator: str | None = None,
    skip: int | None = None,
    header: Sequence[str] = (),
    quotes: bool = True,
    piece: int = PIECE,
    limits: Limits | None = None,
) -> Table:
    """Return the rows of one file; raises DataError for one that is empty, broken or of no known ending.

    `scratch`: a folder of the table's own, for what does not fit into memory. `encoding`, `separator` and `skip` (lines
    above the header) None: detected; `header`: names of the columns of delimited text whose first row holds none of
    them; `quotes`: whether they enclose its cells; `piece`: characters that a row of a plain text has at most. Cells
    of delimited text are text; those of JSON and Parquet have the types that they were written with. The cells do not
    depend on `limits`.
    """
    cells = Spool(scratch, limits or Limits())
    if file.files is not None:
        return _files(file, file.files, cells)
    if is_idx(file.path.name):
        with _readable(file):
            table = _arrays(file, cells, idx_files.frames(file))
        return _with_rows(table)
    if file.path.name.lower().endswith(NPZ):
        arrays = NpzFile(file)
        with _readable(file):
            table = _arrays(file, cells, arrays.frames())
        return _with_rows(replace(table, notices=arrays.notices))
    ending = _ending(file)
    if ending in PARQUET:
        table = _parquet(file, cells)
    else:
        with _readable(file):
            table = _text(
                file,
                ending,
                cells,
                encoding=encoding,
                apart=Apart(separator, skip, header, quotes),
                piece=piece,
            )
    return _with_rows(table)


def _with_rows(table: Table) -> Table:
    if not table.rows:
        raise DataError(Problem("data.no-rows", where=table.name))
    return table


def _arrays(file: SourceFile, cells: Spool, frames: Iterator[pl.DataFrame]) -> Table:
    columns: tuple[str, ...] = ()
    for frame in frames:
        columns = tuple(frame.columns)
        cells.add(frame)
    return Table(file.name, columns, cells, source=file)


def _files(file: SourceFile, files: FileSet, cells: Spool) -> Table:
    """Return the table of files that are values: a row each, with what their names say."""
    columns = (*files.names, FILE)
    of_names = zip(*files.cells, strict=True)
    cells.add(pl.DataFrame([*map(series, files.names, of_names), series(FILE, files.paths)]))
    return Table(file.name, columns, cells, notices=tuple(_of_files(file.name, files)), source=file)


def _of_files(name: str, files: FileSet) -> Iterator[Notice]:
    """Yield what is said of files: those that were left out, and names that read in two ways."""
    if files.beside:
        shown = list(files.beside[:SHOWN_PLACES])
        yield Notice("data.files-beside", file=name, count=len(files.beside), names=shown)
    if files.hidden:
        yield Notice("data.hidden-files", file=name, count=files.hidden)
    if files.empty:
        shown = list(files.empty[:SHOWN_PLACES])
        yield Notice("data.empty-classes", file=name, count=len(files.empty), names=shown)
    if (example := files.example) is not None:
        yield Notice(
            "data.two-ways",
            column=example.name,
            count=files.doubtful,
            file=example.file,
            taken=example.taken,
            other=example.other,
        )


def _parquet(file: SourceFile, cells: Spool) -> Table:
    columns: tuple[str, ...] = ()
    limits = cells.limits
    rows = limits.rows * SLICE_CHUNKS
    for frame in read_parquet(file.path, name=file.name, rows=rows, most_columns=limits.columns):
        columns = tuple(frame.columns)
        cells.add(frame)
    return Table(file.name, columns, cells, source=file, stated_names=class_names(file.path))


def _text(
    file: SourceFile,
    ending: str,
    cells: Spool,
    *,
    encoding: str | None,
    apart: Apart,
    piece: int,
) -> Table:
    found = find_encoding(lambda: blocks(file), name=file.name, stated=encoding)
    foreign = foreign_words(found.start, SHOWN_WORDS)
    delimited = ending in {".csv", ".tsv"}
    # Lines of JSON end at a line feed alone; those of delimited text end as the reader says.
    with opened(file) as raw, io.TextIOWrapper(raw, found.codec, newline="" if delimited else "\n") as text:
        if delimited:
            if apart.separator is None and ending == ".tsv":
                apart = replace(apart, separator="\t")
            rows, start = _delimited(text, file.name, apart, cells)
            names = tuple(filter(None, rows.header.names))
            notices = _of_lines(rows, start, stated=apart.skip is not None)
            return Table(
                file.name, names, cells, found.name, foreign, rows.separator, notices=notices, source=file
            )
        if ending == TEXT:
            # pieces of one text are not independent: `data.group: file` says so
            rows_of_text = ({COLUMN: one, FILE: file.name} for one in text_pieces.pieces(text, piece))
            columns = _add_objects(rows_of_text, cells, file.name)
            return Table(file.name, columns, cells, found.name, foreign, source=file)
        if ending in TOKEN_LINES:
            tagged = token_lines.texts(objects.bounded_lines(text, name=file.name), file.name)
            columns = _add_objects(map(dict, tagged), cells, file.name)
            return Table(file.name, columns, cells, found.name, foreign, source=file)
        remarks: list[Notice] = []
        rows_of_objects: Iterable[objects.Row]
        if ending == ".json" and not objects.are_lines(found.start):
            content = objects.read_rows(objects.whole(text, name=file.name), name=file.name)
            tasks = annotated_tasks.as_rows(content.rows)
            made, rows_of_objects = content.made, tasks.rows
            if tasks.tasks:
                remarks.append(
                    Notice(
                        "data.annotated-tasks",
                        file=file.name,
                        tasks=tasks.tasks,
                        rows=len(tasks.rows),
                        bare=tasks.bare or None,
                    )
                )
            if content.beside:
                remarks.append(
                    Notice("data.rows-within", file=file.name, name=content.within, names=content.beside)
                )
        else:
            made = frozenset()
            rows_of_objects = objects.read_lines(objects.bounded_lines(text, name=file.name), name=file.name)
        lists, reviewed = QuestionLists(), ReviewedTasks()
        kept = reviewed.accepted(rows_of_objects)
        columns = _add_objects(lists.opened(kept), cells, file.name)
        remarks += _of_questions(file.name, lists, cells.rows)
        if reviewed.rejected or reviewed.ignored:
            remarks.append(
                Notice(
                    "data.reviewed-tasks",
                    file=file.name,
                    rejected=reviewed.rejected,
                    ignored=reviewed.ignored,
                )
            )
        return Table(
            file.name, columns, cells, found.name, foreign, made=made, notices=tuple(remarks), source=file
        )


def _of_questions(name: str, lists: QuestionLists, rows: int) -> Iterator[Notice]:
    """Yield what is said of texts whose questions became rows."""
    if lists.texts:
        yield Notice(
            "data.question-lists", file=name, texts=lists.texts, rows=rows, empty=lists.empty or None
        )


def _delimited(text: io.TextIOWrapper, name: str, apart: Apart, cells: Spool) -> tuple[DelimitedRows, Start]:
    blocks = TextBlocks(text, cells.limits.characters, name)
    start = start_of(
        blocks.start,
        whole=blocks.whole,
        separator=apart.separator,
        skip=apart.skip,
        header=apart.header,
        quotes=apart.quotes,
    )
    rows = DelimitedRows(name, start.separator, most_columns=cells.limits.columns, quotes=apart.quotes)
    lines = blocks.lines()
    rows.skip(lines, start.lines)
    if apart.header and not begins_with_names(blocks.start, start, apart.header, quotes=apart.quotes):
        rows.header = Header(tuple(apart.header))
    else:
        rows.read_header(lines)
    for frame in read_blocks(blocks, rows):
        cells.add(frame, frame.height)
    rows.finish()
    return rows, start


def _add_objects(rows: Iterator[objects.Row], cells: Spool, name: str) -> tuple[str, ...]:
    """Add rows in batches and return the columns of all names that any object has, as first seen.

    Raises DataError for more columns than `cells.limits` allows.
    """
    seen: dict[str, None] = {}
    batch: list[objects.Row] = []
    names: dict[str, None] = {}
    size = min(BATCH_ROWS, cells.limits.rows)
    for row in rows:
        batch.append(row)
        names |= dict.fromkeys(row)
        if len(names) > cells.limits.columns:
            raise too_many_columns(name, cells.limits.columns)
        if len(batch) >= size or len(batch) * len(names) > BATCH_CELLS:
            _add_batch(batch, names, seen, cells, name)
            batch, names = [], {}
    if batch:
        _add_batch(batch, names, seen, cells, name)
    return tuple(seen)


def _add_batch(
    batch: Sequence[objects.Row], names: Mapping[str, None], seen: dict[str, None], cells: Spool, name: str
) -> None:
    seen |= names
    if len(seen) > cells.limits.columns:
        raise too_many_columns(name, cells.limits.columns)
    cells.add(pl.DataFrame({one: series(one, [row.get(one) for row in batch]) for one in names}), len(batch))


def _of_lines(rows: DelimitedRows, start: Start, *, stated: bool) -> tuple[Notice, ...]:
    """Return what is said of a delimited file: lines and cells that are left out."""
    found: list[Notice] = []
    if start.lines and not stated and not start.declared:
        line = setting("data.skip_lines", start.lines)
        found.append(
            Notice("data.lines-above", file=rows.name, count=start.lines, first=start.first, line=line)
        )
    if places := rows.header.unnamed:
        shown = list(places[:SHOWN_PLACES])
        found.append(Notice("data.unnamed-column", file=rows.name, count=len(places), places=shown))
    if rows.swallowed:
        line = setting("data.quotes", False)
        found.append(Notice("data.swallowed-lines", file=rows.name, count=rows.swallowed, line=line))
    if rows.trailing:
        found.append(Notice("data.trailing-cells", file=rows.name, count=rows.trailing))
    return tuple(found)


def _ending(file: SourceFile) -> str:
    name = PurePosixPath(file.path.name.lower())
    ending = PurePosixPath(name.stem).suffix if name.suffix == ".gz" else name.suffix
    # files of tagged tokens are called `train.txt`, `eng.testa` or `dev.tsv`, too
    if ending not in {*OBJECTS, *TOKEN_LINES, *PARQUET} and token_lines.are_tagged(_first_text(file)):
        return TOKEN_LINES[0]
    if ending not in (*TABLES, TEXT, *TOKEN_LINES) or (name.suffix == ".gz" and ending in PARQUET):
        known = [*TABLES, NPZ, TEXT, *TOKEN_LINES]
        raise DataError(Problem("data.unknown-format", where=file.name, file=file.path.name, endings=known))
    return ending


def _first_text(file: SourceFile) -> str:
    """Return the first characters of a file as far as they are ASCII; nothing of one that cannot be read."""
    try:
        return next(blocks(file), b"")[:SNIFFED_CHARACTERS].decode("latin-1")
    except (OSError, EOFError, zlib.error):  # whoever reads it says what is wrong
        return ""


@contextmanager
def _readable(file: SourceFile) -> Iterator[None]:
    """Raise DataError for a file that cannot be read, or unpacked."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        if is_full(error):  # of the scratch folder: no fault of the source
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(Problem("data.unreadable-file", where=file.name, error=str(reason))) from None
