"""The stage `data`: from sources to split, checked and counted rows.

train/rows.parquet  validation/rows.parquet  test/rows.parquet      id, inputs, outputs, what is kept
profile/profile.json  profile/signature.json                        of train and validation alone
census/census.json                                                  counts of every split
rejected/rows.parquet                                               rows that are not used, and why
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from modelwright.core.messages import DataError, Problem
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.stages.data.census import census, warnings
from modelwright.stages.data.checking import Checked, check_rows
from modelwright.stages.data.classes import class_name, class_problems, count_classes, outputs_with_classes
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.fields import Layout, layout
from modelwright.stages.data.profile import describe
from modelwright.stages.data.readers import read
from modelwright.stages.data.rows import gather
from modelwright.stages.data.sketch import sketch
from modelwright.stages.data.sources import resolve
from modelwright.stages.data.split import SPLITS, TEST, TRAIN, VALIDATION, as_text, position
from modelwright.stages.data.table import Table
from modelwright.stages.data.writing import kept_series, rows_frame, write_json, write_rows

Tables = Sequence[tuple[str, Table]]


def data(
    signature: Signature,
    config: DataConfig,
    folder: Path,
    out: Path,
    progress: Progress,
    *,
    open_inputs: bool = False,
) -> dict[str, Any]:
    """Write the data artifact into `out` and return its summary; raises DataError with all that is wrong.

    `folder` is the project's. `open_inputs`: the inputs are `"*"`, every column that is neither an output nor
    kept; the signature then has none. The same sources give the same bytes.
    """
    signature = Signature(signature.name, () if open_inputs else signature.inputs, signature.outputs)
    tables = _tables(config, folder, progress)
    # The files that train name the columns of "*".
    by_purpose = sorted(tables, key=lambda named: named[0] in {TEST, VALIDATION})
    columns = layout(signature, config, [table for _, table in by_purpose])
    with progress.task("checking rows"):
        rows = gather(tables, columns)
        checked = check_rows(signature, config, columns, rows)
    counts = count_classes(
        {
            field.name: [column[at] for at in checked.used(*SPLITS)]
            for field, column in checked.values.items()
            if field.name in outputs_with_classes(signature)
        },
        [checked.splits[at] for at in checked.used(*SPLITS)],
    )
    _require(checked, config, counts)
    summary = census(checked, counts, tables)
    with progress.task("writing rows"):
        _write(checked, columns, summary, sketch(tables, checked.used(TEST)), out)
    return {
        "signature": str(checked.signature),
        **summary,
        "warnings": [*columns.notes, *warnings(checked, config, summary, tables)],
    }


def _tables(config: DataConfig, folder: Path, progress: Progress) -> Tables:
    """Return the tables of all sources, test first: so its rows keep their ids whatever else is added."""
    files = resolve(config, folder)
    order = sorted(files, key=[TEST, VALIDATION, TRAIN, "source"].index)
    tables: list[tuple[str, Table]] = []
    problems: list[Problem] = []
    with progress.task("reading sources", sum(map(len, files.values()))) as task:
        for split in order:
            for file in files[split]:
                try:
                    table = read(file, encoding=config.encoding, separator=config.separator)
                except DataError as error:
                    problems += error.problems
                else:
                    tables.append((split, table))
                    task.advance(note=f"{table.rows:,} rows")
    if problems:
        raise DataError(problems)
    return tables


def _require(checked: Checked, config: DataConfig, counts: Mapping[str, Any]) -> None:
    """Raise DataError where there is nothing to learn from or nothing to prove with."""
    problems = [
        Problem(
            "data.no-rows-left",
            f"some rows are left to {purpose}",
            f"none of {checked.splits.count(split):,} that were read",
            "add rows, or look at `data.split` and at why rows were set aside",
        )
        for split, purpose in ((TRAIN, "learn from"), (VALIDATION, "choose by"), (TEST, "prove with"))
        if not checked.used(split)
    ]
    positions: dict[str, list[float]] | None = None
    if config.source is not None:
        positions = {}
        column = next((c for f, c in checked.values.items() if f.name in counts), [])
        for at in checked.used(*SPLITS) if column else []:
            where = position(checked.rows.inputs[at], config.shares.key)
            positions.setdefault(class_name(column[at]), []).append(where)
    if not problems:
        problems += class_problems(counts, untested=config.untested, positions=positions)
    if problems:
        raise DataError(problems)


def _write(
    checked: Checked, columns: Layout, summary: Mapping[str, Any], test_sketch: Sequence[str], out: Path
) -> None:
    kept = {name: kept_series(name, cells) for name, cells in checked.rows.kept.items()}
    for split in SPLITS:
        write_rows(rows_frame(checked.rows.ids, checked.values, kept, checked.used(split)), out / split)
    teaching = checked.used(TRAIN, VALIDATION)
    described = {
        field.name: describe(field, [column[at] for at in teaching])
        for field, column in checked.values.items()
    }
    for output, classes in summary["classes"].items():
        described[output]["splits"] = {
            name: {split: of_class[split] for split in (TRAIN, VALIDATION)}
            for name, of_class in classes.items()
            if of_class[TRAIN] or of_class[VALIDATION]
        }
    profile = {
        "format": 1,
        "rows": {split: len(checked.used(split)) for split in (TRAIN, VALIDATION)},
        "inputs": {field.name: described[field.name] for field in checked.signature.inputs},
        "outputs": {field.name: described[field.name] for field in checked.signature.outputs},
        "columns": {field.name: columns.fields[field.name] for field in checked.values},
        "keep": dict(columns.keep),
    }
    write_json(profile, out / "profile" / "profile.json")
    write_json(asdict(checked.signature), out / "profile" / "signature.json")
    write_json({"format": 1, **summary, "test_sketch": list(test_sketch)}, out / "census" / "census.json")
    write_rows(_rejected(checked, columns), out / "rejected")


def _rejected(checked: Checked, columns: Layout) -> pl.DataFrame:
    """Return the rows that are not used: their place in the source, the reason, the raw cells as JSON."""
    rows, places = checked.rows, sorted(checked.refusals)
    raw = [{columns.fields[name]: as_text(cells[at]) for name, cells in rows.cells.items()} for at in places]
    return pl.DataFrame(
        {
            "id": [rows.ids[at] for at in places],
            "split": [checked.splits[at] for at in places],
            "source": [rows.sources[at] for at in places],
            "row": [rows.numbers[at] for at in places],
            "reason": ["; ".join(map(str, checked.refusals[at])) for at in places],
            "raw": [json.dumps(cells) for cells in raw],
        },
        schema={
            "id": pl.String,
            "split": pl.String,
            "source": pl.String,
            "row": pl.Int64,
            "reason": pl.String,
            "raw": pl.String,
        },
    )
