"""The stage `data`: from sources to split, checked and counted rows.

train/rows.parquet  validation/rows.parquet  test/rows.parquet      id, inputs, outputs, what is kept
train/near-twins.json  validation/…  test/…                         which rows are nearly the same, where any are
train/windows.json  validation/…  test/…                            of windows, how they were cut
corpus/passages.parquet                                             the passages from which an output is chosen
train/passages.parquet  validation/…  test/…                        those of them that the rows name
profile/profile.json  profile/signature.json                        of train and validation alone
profile/cells.json                                                  how inputs are written, where any is not as usual
counts/counts.json                                                  counts of every split
rejected/rows.parquet                                               rows that are not used, and why

Works by column and chunk: of all rows together it holds some fifty bytes a row; what is longer lies in a scratch
folder beside the parts while it is needed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import polars as pl

from modelwright import kinds
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import DataError, Notice, Phrase, Problem
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.kinds.contract.column import Column
from modelwright.kinds.outputs import in_text
from modelwright.stages.data.checking import Checked, check_rows, spellings
from modelwright.stages.data.classes import ClassCounts, class_problems, count_classes
from modelwright.stages.data.columns.leakage import leaks
from modelwright.stages.data.columns.look_alikes import look_alikes
from modelwright.stages.data.columns.numbered_classes import by_names
from modelwright.stages.data.columns.settled import settled_inputs
from modelwright.stages.data.columns.shared_texts import shared_texts
from modelwright.stages.data.columns.wildcard import identifier_notice, naming_columns, resolved
from modelwright.stages.data.columns.written import Written
from modelwright.stages.data.config import GROUP, DataConfig
from modelwright.stages.data.corpus_rows import named, read_corpus
from modelwright.stages.data.counts import count_rows, notices
from modelwright.stages.data.files.file_columns import file_columns
from modelwright.stages.data.files.stated_tables import table_of
from modelwright.stages.data.forms.formed_tables import FormedTables, formed, one_by_one
from modelwright.stages.data.forms.judged_pairs import joined
from modelwright.stages.data.identify import Identity, identify
from modelwright.stages.data.kept import KeptReader, written_fields
from modelwright.stages.data.layout import Layout, layout
from modelwright.stages.data.raw_rows import RawRows
from modelwright.stages.data.refusals import Refusals
from modelwright.stages.data.split import CODES, SPLITS, TEST, TRAIN, VALIDATION
from modelwright.stages.data.twins.twin_rows import twin_notices
from modelwright.stages.data.windows.windowing import Windowed, windowed
from modelwright.stages.data.writing import RowWriter, column_remarks, describe, write_rejected
from modelwright.storage.formats.corpus import Corpus
from modelwright.storage.formats.data import Counts, DataProfile, write_signature
from modelwright.storage.formats.window_form import WindowForm
from modelwright.tables.sources import resolve
from modelwright.tables.spool import Limits
from modelwright.tables.table import Table


def data(
    signature: Signature,
    config: DataConfig,
    folder: Path,
    out: Path,
    progress: Progress,
    *,
    open_inputs: bool = False,
) -> JsonObject:
    """Write the data artifact into `out` and return its summary; raises DataError with all that is wrong.

    `folder` is the project's. `open_inputs`: the inputs are `"*"`, every column that is neither an output nor
    kept; the signature then has none. The same sources give the same bytes.
    """
    given = Signature(signature.name, () if open_inputs else signature.inputs, signature.outputs)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=out) as scratch:
        return make(given, config, folder, out, progress, scratch=Path(scratch), limits=Limits())


def make(
    signature: Signature,
    config: DataConfig,
    folder: Path,
    out: Path,
    progress: Progress,
    *,
    scratch: Path,
    limits: Limits,
) -> JsonObject:
    """Do what `data` does, with a folder for what is only needed meanwhile. What is written depends on no limit."""
    in_form = _in_form(signature, config, folder, progress, scratch, limits)
    rows = RawRows(in_form.tables)
    of_rows = config = in_form.config
    cut = None if config.window is None else windowed(signature, config, rows, scratch, limits)
    if cut is not None:
        rows, config = cut.rows, cut.config
    corpus, of_corpus = read_corpus(config, folder, scratch, limits, progress)
    # The files that train name the columns of "*".
    by_purpose = sorted(rows.tables, key=lambda named: named[0] in {TEST, VALIDATION})
    columns = layout(
        signature,
        config,
        [table for _, table in by_purpose],
        by_answer=in_form.by_answer,
        unanswered=in_form.unanswered,
    )
    remarks = [*in_form.notices, *columns.notices, *(() if cut is None else cut.notices)]
    if cut is not None:
        columns = replace(columns, identity=cut.identity)
    open_inputs = not signature.inputs
    rows = rows.holding(
        file_columns(
            (*signature.inputs, *signature.outputs),
            columns,
            config,
            folder,
            [table for _, table in rows.tables],
            limits.file_bytes,
        )
    )
    with progress.task(str(Phrase("work.checking-rows"))):
        written = Written(config, rows, exact=bool(in_text(signature)))
        written.require_known(columns.fields)
        written.survey(signature.outputs, columns.outputs, outputs=True)
        refusals = Refusals(
            signature.outputs,
            np.zeros(len(rows), np.bool_),
            written,
            keep=config.invalid == "drop",
            passages={} if corpus is None else corpus.by_id(),
        )
        if open_inputs:
            columns, naming = _without_naming_columns(columns, rows)
            remarks += naming
        kept = written_fields(columns.keep, rows, config)
        places = {**columns.inputs, **columns.keep}
        with ThreadPoolExecutor(1) as beside:  # neither needs the other
            surveyed = None if open_inputs else beside.submit(written.survey, signature.inputs, places, kept)
            identity = identify(signature, config, columns, rows, refusals, scratch / "truths", limits)
        if surveyed is not None:
            surveyed.result()
        else:
            inputs = resolved(
                columns.inputs,
                columns.kinds,
                lambda name: _training_cells(name, columns, rows, identity),
                lambda name: config.cell_options(name, columns.inputs[name]),
            )
            signature = replace(signature, inputs=inputs.fields)
            remarks += inputs.notices
            written.survey(signature.inputs, places, kept)
        spelled = spellings(signature, columns, rows, identity, written)
        checked = check_rows(
            signature, config, columns, rows, identity, refusals, spelled, scratch / "values", limits
        )
    classes = count_classes(signature, lambda output, split: checked.column(output, checked.of(split)))
    _require(checked, config, classes)
    counts = count_rows(checked, classes, rows)
    with progress.task(str(Phrase("work.writing-rows"))):
        keeping = KeptReader(columns.keep, rows, config, written, kept)
        described = _write_rows(checked, columns, rows, keeping, counts, cut, out)
        if corpus is not None:
            _write_corpus(corpus, checked, out)
        described.write(out / "profile")
        write_signature(signature, out / "profile")
        settled_inputs(written, signature, None if cut is None else of_rows).write(out / "profile")
        counts.write(out / "counts")
    found = [
        *of_corpus,
        *remarks,
        *written.notices({**columns.fields, **columns.keep}),
        *keeping.notices(),
        *spelled.notices(),
        *look_alikes(checked, columns),
        *leaks(checked, columns),
        *shared_texts(checked, columns, config.group),
        *column_remarks(described),
        *notices(checked, config, counts, rows),
        *_of_twins(checked, rows),
    ]
    return {
        "signature": str(signature),
        **_summary(counts),
        "warnings": [notice.to_wire() for notice in found],
    }


def _write_rows(
    checked: Checked,
    columns: Layout,
    rows: RawRows,
    kept: KeptReader,
    counts: Counts,
    cut: Windowed | None,
    out: Path,
) -> DataProfile:
    """Write the rows of every split and those that are not used, and return what they look like."""
    with ThreadPoolExecutor(1) as beside:
        profile = beside.submit(describe, checked, columns, counts)
        writer = RowWriter(checked, columns, kept)
        for split in SPLITS:
            writer.write(split, out / split)
            if cut is not None:
                WindowForm(cut.step_s, cut.gaps).write(out / split)
        write_rejected(checked, columns, rows, writer, out / "rejected")
        return profile.result()


def _write_corpus(corpus: Corpus, checked: Checked, out: Path) -> None:
    """Write the corpus, and beside the rows of each split the passages that these name."""
    corpus.write(out / "corpus")
    chosen = [field for field in checked.signature.outputs if kinds.value(field.kind).of_corpus]
    for split in SPLITS:
        rows = checked.of(split)
        columns = {field.name: checked.column(field.name, rows) for field in chosen}
        named(corpus, chosen, columns).write(out / split)


def _of_twins(checked: Checked, rows: RawRows) -> Iterator[Notice]:
    """Yield what is said of near twins."""
    identity = checked.identity
    if identity.twins is not None:
        truths = next(iter(checked.truths.values()), identity.ids)
        used = checked.of(*SPLITS)
        yield from twin_notices(identity.twins, identity.ids, identity.splits, truths, used, rows)


def _summary(counts: Counts) -> JsonObject:
    """Return the counts as a summary names them."""
    summary: JsonObject = asdict(counts)
    del summary["test_sketch"]
    summary["read"] = summary.pop("rows_read")
    summary["sources"] = [
        {"for": one.split, **{name: value for name, value in asdict(one).items() if name != "split"}}
        for one in counts.sources
    ]
    return summary


def _in_form(
    signature: Signature, config: DataConfig, folder: Path, progress: Progress, scratch: Path, limits: Limits
) -> FormedTables:
    """Return the tables of all sources with the columns of the function."""
    tables = _tables(signature, config, folder, progress, scratch, limits)
    tables, of_queries = joined(signature, config, tables, folder, scratch, limits, progress)
    tables, of_classes = by_names(signature, config, tables)
    found = formed(signature, config, tables, scratch)
    return replace(found, notices=(*of_queries, *of_classes, *found.notices))


def _tables(
    signature: Signature, config: DataConfig, folder: Path, progress: Progress, scratch: Path, limits: Limits
) -> list[tuple[str, Table]]:
    """Return the tables of all sources, test first: so its rows keep their ids whatever else is added."""
    files = {
        split: [one for file in named for one in one_by_one(signature, config, file, folder)]
        for split, named in resolve(config.splits, folder).items()
    }
    order = sorted(files, key=[TEST, VALIDATION, TRAIN, "source"].index)
    tables: list[tuple[str, Table]] = []
    problems: list[Problem] = []
    with progress.task(str(Phrase("work.reading-sources")), sum(map(len, files.values()))) as task:
        named = [(split, file) for split in order for file in files[split]]
        for number, (split, file) in enumerate(named):
            try:
                table = table_of(file, scratch / f"table-{number}", config, limits, config.header)
            except DataError as error:
                problems += error.problems
            else:
                tables.append((split, table))
                task.advance(note=f"{table.rows:,} rows")
    if problems:
        raise DataError(problems)
    return tables


def _without_naming_columns(columns: Layout, rows: RawRows) -> tuple[Layout, list[Notice]]:
    """Return the layout without the columns of `"*"` that name rows or things, and a notice for each."""

    def cells(name: str) -> Iterator[pl.Series]:
        for chunk in rows.chunks({name: columns.inputs[name]}):
            if chunk.given != TEST:
                yield chunk.cells[name]

    found = naming_columns(columns.inputs, columns.kinds, cells)
    remarks = [identifier_notice(columns.inputs[name], name, one, cells(name)) for name, one in found.items()]
    if len(found) == len(columns.inputs):
        raise DataError(Problem("data.no-inputs", why=[one.found for one in remarks] or None))
    return columns.without(found), remarks


def _training_cells(name: str, columns: Layout, rows: RawRows, identity: Identity) -> Iterator[pl.Series]:
    """Yield the raw cells of an input that train and validate, in chunks."""
    for chunk in rows.chunks({name: columns.inputs[name]}):
        yield chunk.cells[name].filter(identity.splits[chunk.begin : chunk.end] != CODES[TEST])


def _require(checked: Checked, config: DataConfig, classes: ClassCounts) -> None:
    """Raise DataError where there is nothing to learn from, to validate with or to test with."""
    read = {split: int((checked.identity.splits == CODES[split]).sum()) for split in SPLITS}
    problems = [
        Problem(
            "data.no-rows-left",
            split=split,
            rows=read[split] or None,
            all=sum(read.values()),
            group=config.group if config.split.by == GROUP else None,
        )
        for split in SPLITS
        if not checked.of(split).any()
    ]
    if not problems:
        first = next(iter(classes), None)

        def nearest(label: str) -> float | None:
            if config.source is None or first is None:
                return None
            return _nearest(checked, first, label)

        placed = {one.name for one in checked.signature.outputs if kinds.value(one.kind).in_text}
        problems += class_problems(classes, untested=config.untested, nearest=nearest, placed=placed)
    if problems:
        raise DataError(problems)


def _nearest(checked: Checked, output: str, label: str) -> float | None:
    """Return the least position of the used rows of a class."""
    field = next(field for field in checked.signature.outputs if field.name == output)
    value, column = kinds.value(field.kind), kinds.facet(field.kind, Column)
    rows = checked.of(*SPLITS)
    truths = column.values(checked.column(output, rows))
    positions = checked.identity.positions[rows].tolist()
    return min(
        (where for truth, where in zip(truths, positions, strict=True) if label in value.labels(truth)),
        default=None,
    )
