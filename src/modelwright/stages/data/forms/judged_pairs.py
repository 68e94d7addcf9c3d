"""Judgements that name a question and a passage by their ids become rows: a question, and all passages that are right.

So test collections are published (Thakur et al. 2021, BEIR): `query-id`, `corpus-id`, `score` in one file, the texts
of the questions in another. A score above 0 says that a passage is right; a file without one names right ones alone.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from modelwright import kinds
from modelwright.core.messages import DataError, Notice, Phrase, Problem, ValueProblem, shown
from modelwright.core.progress import Progress
from modelwright.core.signature import Field, Signature
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.corpus_rows import first_of
from modelwright.stages.data.files.corpus_settings import QueriesConfig
from modelwright.stages.data.files.stated_tables import table_of
from modelwright.tables.series import series
from modelwright.tables.sources import resolve
from modelwright.tables.spool import Limits, Spool
from modelwright.tables.table import Table

# columns that need not be named
_IDS = ("id", "_id", "qid", "query_id", "query-id")
_TEXTS = ("text", "query", "question")
_QUESTIONS = ("query-id", "query_id", "qid", "topic", "query")
_PASSAGES = ("corpus-id", "corpus_id", "docid", "doc_id", "pid", "passage_id", "docno")
_SCORES = ("score", "relevance", "rel", "label")


@dataclass
class _Judged:
    """What the judgements of a file say: the right passages of each question, and what is left out."""

    right: dict[str, list[str]] = field(default_factory=dict)
    pairs: int = 0
    wrong: int = 0


def joined(
    signature: Signature,
    config: DataConfig,
    tables: list[tuple[str, Table]],
    folder: Path,
    scratch: Path,
    limits: Limits,
    progress: Progress,
) -> tuple[list[tuple[str, Table]], tuple[Notice, ...]]:
    """Return the tables with questions and the passages that are right, where `data.queries` names the questions.

    Raises DataError for columns that are not there, for scores that are no numbers, and for a function that does not
    choose a passage for one text.
    """
    if config.queries is None:
        _require_questions(signature, config, tables)
        return tables, ()
    given, answer = _fields(signature)
    texts = _questions(config.queries, config, folder, scratch, limits, progress)
    made, notices = [], []
    for number, (split, table) in enumerate(tables):
        columns = _columns(table, config, given, answer)
        judged = _read(table, columns)
        names = [config.columns.get(one.name, one.name) for one in (given, answer)]
        made.append((split, _made(table, judged, texts, names, scratch / f"judged-{number}")))
        without = sum(not passages for passages in judged.right.values())
        notices.append(
            Notice(
                "data.judged-pairs",
                file=table.name,
                pairs=judged.pairs,
                rows=len(judged.right) - without,
                wrong=judged.wrong or None,
                without=without or None,
            )
        )
    return made, tuple(notices)


def _require_questions(signature: Signature, config: DataConfig, tables: list[tuple[str, Table]]) -> None:
    """Raise DataError for tables that name questions by their ids, where no texts of questions are named."""
    if config.corpus is None or len(signature.inputs) != 1 or signature.inputs[0].name in config.columns:
        return
    problems = [
        Problem("queries.not-named", file=table.name, question=question)
        for _, table in tables
        if signature.inputs[0].name not in table.columns
        and first_of(_PASSAGES, table) in table.columns
        and (question := first_of(_QUESTIONS[:-1], table)) in table.columns
    ]
    if problems:
        raise DataError(problems)


def _fields(signature: Signature) -> tuple[Field, Field]:
    """Return the input and the output; raises DataError for a function that is not asked by one text."""
    inputs, outputs = signature.inputs, signature.outputs
    if len(inputs) != 1 or len(outputs) != 1 or not kinds.value(outputs[0].kind).of_corpus:
        raise DataError(Problem("queries.fits-not", signature=str(signature)))
    return inputs[0], outputs[0]


def _questions(
    stated: QueriesConfig, config: DataConfig, folder: Path, scratch: Path, limits: Limits, progress: Progress
) -> Mapping[str, object]:
    """Return the text of each question by its id; raises DataError, also for an id that stands before two texts."""
    found: dict[str, object] = {}
    twice: dict[str, None] = {}
    with progress.task(str(Phrase("work.reading-sources"))) as task:
        for number, file in enumerate(resolve({"queries": stated.source}, folder)["queries"]):
            table = table_of(file, scratch / f"queries-{number}", config, limits, stated.header)
            columns = (stated.id or first_of(_IDS, table), stated.text or first_of(_TEXTS, table))
            _require(table, dict(zip(("id", "text"), columns, strict=True)), own=True)
            for chunk in table.chunks(columns):
                for raw, text in zip(*(chunk[one].to_list() for one in columns), strict=True):
                    if found.setdefault(_id(raw), text) != text:
                        twice[_id(raw)] = None
            task.advance(note=f"{len(found):,}")
    if twice:
        raise DataError(Problem("queries.id-twice", count=len(twice), ids=list(twice)[:5]))
    return found


def _columns(table: Table, config: DataConfig, given: Field, answer: Field) -> tuple[str, str, str | None]:
    """Return the columns of questions, of passages and of scores; raises DataError where they are not there."""
    question = config.columns.get(given.name) or first_of(_QUESTIONS, table)
    passage = config.columns.get(answer.name) or first_of(_PASSAGES, table)
    _require(table, {given.name: question, answer.name: passage})
    return question, passage, next((one for one in _SCORES if one in table.columns), None)


def _require(table: Table, wanted: Mapping[str, str], *, own: bool = False) -> None:
    """Raise DataError for the columns that a table lacks.

    wanted: what each is for, and its name; own: the table is that of the questions.
    """
    problems = [
        Problem(
            "queries.no-column",
            file=table.name,
            key=key,
            column=name,
            columns=list(table.columns),
            own=own,
        )
        for key, name in wanted.items()
        if name not in table.columns
    ]
    if problems:
        raise DataError(problems)


def _read(table: Table, columns: tuple[str, str, str | None]) -> _Judged:
    """Return what judgements say; raises DataError for a score that is no number."""
    found = _Judged()
    *named, score = columns
    for chunk in table.chunks(tuple(one for one in columns if one is not None)):
        scores = chunk[score].to_list() if score is not None else [1] * chunk.height
        for question, passage, raw in zip(*(chunk[one].to_list() for one in named), scores, strict=True):
            found.pairs += 1
            right = found.right.setdefault(_id(question), [])
            if _score(raw, table, found.pairs) > 0:
                right.append(_id(passage))
            else:
                found.wrong += 1
    return found


def _score(raw: object, table: Table, row: int) -> float:
    with contextlib.suppress(ValueError):
        if math.isfinite(score := float(str(raw))):
            return score
    where = Phrase("place.row", file=table.name, row=row)
    raise DataError(Problem("queries.score", where=where, shown=shown(raw)))


def _made(
    table: Table, judged: _Judged, texts: Mapping[str, object], names: list[str], scratch: Path
) -> Table:
    """Return the table of questions that have a right passage; one that is not known is refused by its row."""
    spool = Spool(scratch, table.cells.limits)
    kept = [(one, right) for one, right in judged.right.items() if right]
    refused = {
        place: ValueProblem("value.no-such-query", shown=shown(one))
        for place, (one, _) in enumerate(kept)
        if one not in texts
    }
    size = table.cells.limits.rows
    for begin in range(0, len(kept), size):
        part = kept[begin : begin + size]
        # of one that is refused, the row shows its id
        spool.add(
            pl.DataFrame(
                [
                    series(names[0], [texts.get(one, one) for one, _ in part]),
                    series(names[1], [right for _, right in part]),
                ]
            )
        )
    if not kept:
        raise DataError(Problem("data.no-rows", where=table.name))
    return replace(table, columns=tuple(names), cells=spool, refused={names[0]: refused}, separator=None)


def _id(raw: object) -> str:
    return str(raw).strip()
