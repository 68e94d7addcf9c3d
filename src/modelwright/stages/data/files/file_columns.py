"""From cells that name files to the bytes of the files, a chunk of rows at a time.

A chunk holds as many rows as their files allow, so that memory is bounded whatever the files are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from modelwright import kinds
from modelwright.core.messages import DataError, Problem, ValueProblem, shown
from modelwright.core.messages.setting import setting
from modelwright.core.signature import Field
from modelwright.kinds.contract.cells import CellOptions
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.layout import Layout
from modelwright.tables.encodings import MARKS
from modelwright.tables.files.file_sets import FILE
from modelwright.tables.files.held_files import HeldFiles, file_in
from modelwright.tables.files.lookup import lookup
from modelwright.tables.table import Table

Refused = Mapping[int, ValueProblem]


@dataclass(frozen=True)
class HeldColumn:
    """A column whose cells name files: the kind's words for nothing are no paths."""

    options: CellOptions
    words: bool

    def names_none(self, cell: object) -> bool:
        """Tell whether a cell stands for nothing, as the kind reads it."""
        return self.options.is_missing(cell, words=self.words)


@dataclass
class FileColumns:
    """The columns of the data that hold files, and where these lie.

    columns: by name in the data; texts: whether a field of another kind stands for the content of files that the
    project names, which is then read as text; project: the project's folder; chunk_bytes: of the files of one chunk,
    unless it has one row.
    """

    columns: Mapping[str, HeldColumn]
    texts: bool
    config: DataConfig
    project: Path
    chunk_bytes: int
    _lookups: dict[int, HeldFiles] = field(default_factory=dict)

    def heights(self, table: Table) -> list[int]:
        """Return how many rows the chunks of a table have: those in which it is stored, cut by the sizes of files."""
        names = [*self.columns, *([FILE] if self._is_text(table) else ())]
        if not names:
            return list(table.cells.heights())
        files = self._files(table)
        return [
            height
            for chunk in table.chunks(names)
            for height in _cut([self._size(row, files) for row in chunk.iter_rows()], self.chunk_bytes)
        ]

    def opened(self, table: Table, cells: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Refused]]:
        """Return the rows with bytes in place of paths, and by column which of them cannot be read (null)."""
        refused: dict[str, Refused] = {}
        held = [name for name in cells.columns if name in self.columns]
        for name in held:
            content, refused[name] = _bytes_of(cells[name], self.columns[name], self._files(table))
            cells = cells.with_columns(content)  # of an empty name, too, which a list would rename
        if self._is_text(table) and FILE in cells.columns:
            content, refused[FILE] = _texts_of(cells[FILE], self._files(table), self.config.encoding)
            cells = cells.with_columns(content)
        return cells, refused

    def _is_text(self, table: Table) -> bool:
        return self.texts and table.source is not None and table.source.files is not None

    def _files(self, table: Table) -> HeldFiles:
        if id(table) not in self._lookups:
            files = self.config.files
            self._lookups[id(table)] = lookup(table.source, self.project, files.folder, files.largest)
        return self._lookups[id(table)]

    def _size(self, row: Sequence[object], files: HeldFiles) -> int:
        size = 0
        for cell in row:
            match cell:
                case str() if cell.strip():
                    size += files.size(cell)
                case bytes():
                    size += len(cell)
                case dict():
                    size += self._size([file_in(cell)], files)
        return size


def file_columns(
    fields: Sequence[Field],
    layout: Layout,
    config: DataConfig,
    project: Path,
    tables: Sequence[Table],
    chunk_bytes: int,
) -> FileColumns:
    """Return the columns of the data whose kinds hold files; of a wildcard, those whose kind is stated.

    Raises DataError where a wildcard takes in files of no stated kind: the path of a file is no input.
    """
    unknown = [name for name in layout.wildcard if layout.inputs[name] == FILE and name not in layout.kinds]
    sets = [table for table in tables if table.source is not None and table.source.files is not None]
    if unknown and sets:
        every = [name for name in kinds.names() if kinds.value(name).holds_files]
        line = setting("data.kinds", {FILE: every[0]}) if every else None
        raise DataError(Problem("data.file-kind", source=sets[0].name, column=FILE, line=line, kinds=every))
    held = {field.name: field.kind.removesuffix("?") for field in fields if field.name in layout.fields} | {
        name: kind.removesuffix("?") for name, kind in layout.kinds.items() if name in layout.inputs
    }
    columns = {
        layout.fields[name]: HeldColumn(
            config.cell_options(name, layout.fields[name]), kinds.value(kind).takes_words
        )
        for name, kind in held.items()
        if kinds.value(kind).holds_files
    }
    texts = FILE not in columns and FILE in layout.fields.values()
    return FileColumns(columns, texts, config, project, chunk_bytes)


def _cut(sizes: Sequence[int], most: int) -> Iterator[int]:
    """Yield the numbers of rows that follow each other whose files have at most so many bytes, or that are one."""
    rows = held = 0
    for size in sizes:
        if rows and held + size > most:
            yield rows
            rows = held = 0
        rows, held = rows + 1, held + size
    if rows:
        yield rows


def _bytes_of(cells: pl.Series, held: HeldColumn, files: HeldFiles) -> tuple[pl.Series, Refused]:
    """Return a column of bytes, null where missing or refused, and why cells are refused."""
    if cells.dtype in {pl.Binary, pl.Null}:
        return cells.cast(pl.Binary), {}
    found: list[bytes | None] = []
    refused: dict[int, ValueProblem] = {}
    for place, cell in enumerate(map(file_in, cells.to_list())):
        content: bytes | None = None
        try:
            content = _content(cell, held, files)
        except ValueProblem as problem:
            refused[place] = problem.with_traceback(None)
        found.append(content)
    return pl.Series(cells.name, found, dtype=pl.Binary), refused


def _texts_of(cells: pl.Series, files: HeldFiles, encoding: str | None) -> tuple[pl.Series, Refused]:
    """Return a column of the texts of files, and why some cannot be read."""
    found: list[str | None] = []
    refused: dict[int, ValueProblem] = {}
    for place, cell in enumerate(cells.to_list()):
        text: str | None = None
        try:
            content = files.content(cell)
            text = content.decode(_codec(content, encoding))
        except ValueProblem as problem:
            refused[place] = problem.with_traceback(None)
        except UnicodeError:
            refused[place] = ValueProblem("file.no-text", shown=shown(cell), encoding=encoding or "UTF-8")
        found.append(text)
    return pl.Series(cells.name, found, dtype=pl.String), refused


def _codec(content: bytes, stated: str | None) -> str:
    """Return how a file is decoded. One alone is too short to tell any other encoding by than UTF-8."""
    return stated or next((codec for mark, codec in MARKS if content.startswith(mark)), "utf-8")


def _content(cell: object, held: HeldColumn, files: HeldFiles) -> bytes | None:
    if isinstance(cell, bytes):
        return cell
    if held.names_none(cell):
        return None
    if isinstance(cell, str):
        return files.content(cell)
    raise ValueProblem("file.no-path", shown=shown(cell))
