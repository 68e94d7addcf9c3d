"""Writes the answers to the rows of a file: as JSON lines, delimited text or Parquet; and says what was left out."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from modelwright.cli import standard_streams
from modelwright.cli.predicting.predict_rows import as_line
from modelwright.core.messages import DataError, Phrase, Problem, visible
from modelwright.project.results.live_results import RowAnswer
from modelwright.storage import disk

DELIMITED = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet", ".pq")
ENDINGS = (*DELIMITED, *JSON_LINES, *PARQUET)
SHOWN_ROWS = 20
ENDS = ("low", "high")  # of an answer with an interval
ROW, VERSION, UNSEEN, ERROR, GIVEN = "row", "version", "unseen", "error", "given."
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
    """Write answers into a file, by its ending, or as JSON lines on stdout."""
    passing = tally.passed(answers)
    if out is None:
        with standard_streams.tolerant(sys.stdout):  # `… | head`: the reader has enough
            for answer in passing:
                print(standard_streams.json_line(answer.as_json()))
        return
    ending = out.suffix.lower()
    if ending in JSON_LINES:
        disk.write_atomically(out, "".join(f"{as_line(answer.as_json())}\n" for answer in passing))
        return
    columns = flat(list(passing))
    if ending in DELIMITED:
        disk.write_atomically(out, delimited(columns, DELIMITED[ending], tally))
    else:
        from modelwright.cli.predicting.answer_parquet import (
            write_parquet,
        )  # Polars, which the extra `learn` brings

        write_parquet(columns, out)


def flat(answers: Sequence[RowAnswer]) -> dict[str, list[object]]:
    """Return answers as columns: `row`, what is kept, then by output value, confidence, probabilities and interval.

    `unseen` are names with `;` between them; `error` says why a row has no answer. A column that is kept and has
    the name of one of these is called `given.NAME`.
    """
    outputs = dict.fromkeys(name for answer in answers for name in answer.outputs)
    labels = {
        name: dict.fromkeys(label for answer in answers for label in _probabilities(answer, name))
        for name in outputs
    }
    ends = {name: ENDS if any(_interval(answer, name) for answer in answers) else () for name in outputs}
    made = [ROW, VERSION]
    for name in outputs:
        made += [name, f"{name}.confidence", *(f"{name}.p[{label}]" for label in labels[name])]
        made += [f"{name}.{end}" for end in ends[name]]
    made += [UNSEEN, ERROR]
    kept = {
        name: f"{GIVEN}{name}" if name in made else name
        for name in dict.fromkeys(name for answer in answers for name in answer.given)
    }
    columns: dict[str, list[object]] = {ROW: [answer.row for answer in answers]}
    for name, called in kept.items():
        columns[called] = [answer.given.get(name) for answer in answers]
    columns[VERSION] = [answer.version for answer in answers]
    for name in outputs:
        found = [answer.outputs.get(name, {}) for answer in answers]
        columns[name] = [one.get("value") for one in found]
        columns[f"{name}.confidence"] = [one.get("confidence") for one in found]
        for label in labels[name]:
            columns[f"{name}.p[{label}]"] = [_probabilities(answer, name).get(label) for answer in answers]
        for end in ends[name]:
            columns[f"{name}.{end}"] = [_interval(answer, name).get(end) for answer in answers]
    columns[UNSEEN] = [";".join(answer.unseen) or None for answer in answers]
    columns[ERROR] = ["; ".join(one.found for one in answer.problems) or None for answer in answers]
    return columns


def delimited(columns: Mapping[str, Sequence[object]], separator: str, tally: Tally) -> str:
    """Return columns as delimited text; what a spreadsheet would run as a formula has a quote before it."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow([_cell(name, tally) for name in columns])
    for row in zip(*columns.values(), strict=True):
        writer.writerow([_cell(value, tally) for value in row])
    return text.getvalue()


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


def _probabilities(answer: RowAnswer, output: str) -> Mapping[str, float]:
    found = answer.outputs.get(output, {}).get("probabilities")
    return found if isinstance(found, dict) else {}


def _interval(answer: RowAnswer, output: str) -> Mapping[str, object]:
    found = answer.outputs.get(output, {}).get("interval")
    return found if isinstance(found, dict) else {}


def report(tally: Tally) -> None:
    """Say on stderr what a person should know of the answers."""
    with standard_streams.tolerant(sys.stderr):
        for line in tally.lines():
            print(visible(line), file=sys.stderr)
