"""Writes the answers to the rows of a file: as JSON lines, delimited text or Parquet; and says what was left out."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from modelwright.cli import standard_streams
from modelwright.cli.predicting.answer_columns import spooled
from modelwright.cli.predicting.predict_rows import as_line
from modelwright.core.messages import DataError, Phrase, Problem, visible
from modelwright.project.results.live_results import RowAnswer
from modelwright.storage import disk

DELIMITED = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet", ".pq")
ENDINGS = (*DELIMITED, *JSON_LINES, *PARQUET)
SHOWN_ROWS = 20
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the begin of a formula


class Tally:
    """Counts the answers that pass, and keeps what is said of them in the end."""

    def __init__(self) -> None:
        self.rows = 0
        self.failed = 0
        self.quoted = 0  # cells with a quote before what a spreadsheet would take for a formula
        self._shown: list[Problem] = []
        self._unseen: Counter[str] = Counter()

    def passed(self, answers: Iterable[RowAnswer]) -> Iterator[RowAnswer]:
        """Yield the answers as they come."""
        for answer in answers:
            self.rows += 1
            self.failed += bool(answer.problems)
            self._unseen.update(answer.unseen)
            if len(self._shown) < SHOWN_ROWS:
                self._shown += answer.problems
            yield answer

    def lines(self) -> Iterator[str]:
        """Yield what a person should know of the answers."""
        if self.failed:
            yield str(Phrase("predict.failed-rows", count=self.failed, rows=self.rows))
            yield from (f"  {problem}" for problem in self._shown[:SHOWN_ROWS])
            if self.failed > SHOWN_ROWS:
                yield f"  {Phrase('predict.more-rows', more=self.failed - SHOWN_ROWS)}"
        for name, count in self._unseen.items():
            yield str(Phrase("predict.unseen-rows", count=count, rows=self.rows, name=name))
        if self.quoted:
            yield str(Phrase("predict.quoted-cells", count=self.quoted))


def require_ending(out: Path) -> None:
    """Raise DataError for a file whose ending says no form that is written."""
    if out.suffix.lower() not in ENDINGS:
        raise DataError(Problem("predict.out-form", file=out.name, endings=list(ENDINGS)))


def write(answers: Iterable[RowAnswer], out: Path | None, tally: Tally) -> None:
    """Write answers into a file, by its ending, or as JSON lines on stdout: as they come, and none is held."""
    passing = tally.passed(answers)
    if out is None:
        with standard_streams.tolerant(sys.stdout):  # `… | head`: the reader has enough
            for answer in passing:
                print(standard_streams.json_line(answer.as_json()))
        return
    ending = out.suffix.lower()
    if ending in JSON_LINES:
        with disk.replacing(out) as fresh, fresh.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{as_line(answer.as_json())}\n" for answer in passing)
        return
    with disk.guard(out.parent), spooled(passing, out.parent) as (columns, rows):
        if ending in DELIMITED:
            with disk.replacing(out) as fresh, fresh.open("w", encoding="utf-8", newline="") as file:
                write_delimited(file, columns, rows, DELIMITED[ending], tally)
        else:
            # Polars, which the extra `learn` brings
            from modelwright.cli.predicting.answer_parquet import write_parquet

            write_parquet(columns, rows, out)


def write_delimited(
    file: TextIO, names: Sequence[str], rows: Iterable[Sequence[object]], separator: str, tally: Tally
) -> None:
    """Write rows as delimited text; what a spreadsheet would run as a formula has a quote before it."""
    writer = csv.writer(file, delimiter=separator, lineterminator="\n")
    writer.writerow([_cell(name, tally) for name in names])
    for row in rows:
        writer.writerow([_cell(value, tally) for value in row])


def _cell(value: object, tally: Tally) -> object:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str():
            if value.startswith(FORMULA) and not _is_number(value):
                tally.quoted += 1
                return f"'{value}"
            return value
        case int() | float():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def report(tally: Tally) -> None:
    """Say on stderr what a person should know of the answers."""
    with standard_streams.tolerant(sys.stderr):
        for line in tally.lines():
            print(visible(line), file=sys.stderr)
