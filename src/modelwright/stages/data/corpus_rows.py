"""Reads the corpus of a project: its passages and their ids, each in its canonical form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from modelwright import kinds
from modelwright.core.messages import DataError, Notice, Phrase, Problem, ValueProblem, did_you_mean
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress
from modelwright.core.signature import Field
from modelwright.kinds.contract.column import Column
from modelwright.kinds.shared.strings import canonical
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.files.stated_tables import table_of
from modelwright.storage.formats.corpus import Corpus
from modelwright.tables.sources import resolve
from modelwright.tables.spool import Limits
from modelwright.tables.start import holds_a_value, looks_like_data
from modelwright.tables.table import Table

MOST_CHARACTERS = 100_000  # of a passage, as of a text
MOST_ID_CHARACTERS = 1_000
_SHOWN = 5
_SHOWN_CHARACTERS = 60  # of the name of a column, which may be a passage
# columns that need not be named
_IDS = ("id", "key", "_id", "docid", "doc_id", "pid", "passage_id", "corpus_id", "corpus-id")
_PASSAGES = ("passage", "text", "answer", "content")
_TITLE = "title"


@dataclass
class _Read:
    """The passages so far, and what is wrong with rows: what, and where."""

    ids: list[str] = field(default_factory=list)
    passages: list[str] = field(default_factory=list)
    place_of: dict[str, int] = field(default_factory=dict)
    blank: list[str] = field(default_factory=list)
    twice: dict[str, None] = field(default_factory=dict)
    repeated: int = 0
    refused: list[tuple[str, ValueProblem]] = field(default_factory=list)
    titled: list[tuple[str, str]] = field(default_factory=list)  # files with a title that is not read

    def add(self, raw_id: object, raw_texts: Sequence[object], place: str) -> None:
        """Take a row in, whose passage may be texts of several columns."""
        try:
            one = canonical(_text(raw_id), most_characters=MOST_ID_CHARACTERS)
            texts = " ".join(filter(str.strip, map(_text, raw_texts)))
            passage = canonical(texts, most_characters=MOST_CHARACTERS)
        except ValueProblem as problem:
            self.refused.append((place, problem))
            return
        if not one or not passage:
            self.blank.append(place)
            return
        before = self.place_of.get(one)
        if before is None:
            self.place_of[one] = len(self.ids)
            self.ids.append(one)
            self.passages.append(passage)
        elif self.passages[before] == passage:
            self.repeated += 1
        else:
            self.twice[one] = None


def read_corpus(
    config: DataConfig, folder: Path, scratch: Path, limits: Limits, progress: Progress
) -> tuple[Corpus | None, tuple[Notice, ...]]:
    """Return the corpus of a project, None where it declares none, and what is said of it; raises DataError.

    Of rows without an id or a passage, and of those that their kind refuses, `data.invalid` says what becomes.
    """
    if config.corpus is None:
        return None, ()
    found = _Read()
    with progress.task(str(Phrase("work.reading-corpus"))) as task:
        for number, file in enumerate(resolve({"corpus": config.corpus.source}, folder)["corpus"]):
            table = table_of(file, scratch / f"corpus-{number}", config, limits, config.corpus.header)
            columns = _columns(table, config)
            row = 0
            for chunk in table.chunks(tuple(dict.fromkeys(columns))):
                for raw_id, *texts in zip(*(chunk[one].to_list() for one in columns), strict=True):
                    row += 1
                    found.add(raw_id, texts, str(Phrase("place.row", file=table.name, row=row)))
                task.advance(len(chunk))
            if not config.corpus.passage and _TITLE in table.columns:
                found.titled.append((table.name, columns[1]))
    _require(found, config)
    corpus = Corpus(found.ids, found.passages)
    return corpus, tuple(_notices(found, corpus))


def _text(cell: object) -> str:
    """Return a cell as text; a whole number as it is written."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) and not isinstance(cell, bool):
        return str(cell)
    raise ValueProblem("value.not-a-text", shown=repr(cell)[:60])


def _columns(table: Table, config: DataConfig) -> tuple[str, ...]:
    """Return the column of ids and those of passages; raises DataError with all that are not there."""
    assert config.corpus is not None
    stated = config.corpus
    wanted = [
        ("id", stated.id or first_of(_IDS, table)),
        *(("passage", one) for one in stated.passage or (first_of(_PASSAGES, table),)),
    ]
    problems = [
        Problem(
            "corpus.no-column",
            file=table.name,
            key=key,
            column=name,
            near=did_you_mean(name, list(table.columns)),
            columns=[one[:_SHOWN_CHARACTERS] for one in table.columns],
            is_data=table.separator is not None
            and (looks_like_data(table.columns) or holds_a_value(table.columns)),
        )
        for key, name in wanted
        if name not in table.columns
    ]
    if problems:
        raise DataError(problems)
    return tuple(name for _, name in wanted)


def first_of(usual: Sequence[str], table: Table) -> str:
    """Return the first of the usual names that a table has; else the first."""
    return next((one for one in usual if one in table.columns), usual[0])


def _require(found: _Read, config: DataConfig) -> None:
    """Raise DataError with all that is wrong with a corpus."""
    problems = []
    if found.twice:
        names = list(found.twice)
        problems.append(Problem("corpus.id-twice", count=len(names), ids=names[:_SHOWN]))
    if config.invalid == "error":
        if found.blank:
            problems.append(Problem("corpus.blank", count=len(found.blank), places=found.blank[:_SHOWN]))
        if found.refused:
            place, first = found.refused[0]
            problems.append(
                Problem("corpus.refused", count=len(found.refused), place=place, problem=first.message)
            )
    if not problems and len(set(found.passages)) < 2:
        problems.append(Problem("corpus.nothing-to-choose", ids=len(found.ids)))
    if problems:
        raise DataError(problems)


def _notices(found: _Read, corpus: Corpus) -> Iterator[Notice]:
    for file, column in found.titled:
        line = setting("data.corpus.passage", [_TITLE, column])
        yield Notice("corpus.title-unread", file=file, column=column, line=line)
    left_out = len(found.blank) + len(found.refused)
    if left_out:
        yield Notice("corpus.left-out", count=left_out, line=setting("data.invalid", "error"))
    distinct, _ = corpus.distinct()
    equal = len(corpus) - len(distinct) + found.repeated
    if equal:
        yield Notice("corpus.equal", count=equal, ids=len(corpus) + found.repeated, passages=len(distinct))


def unknown_ids(of: Field, values: pl.Series, known: Mapping[str, str]) -> dict[int, ValueProblem]:
    """Return by position the truths (n,) that name a passage which the corpus does not have."""
    value, column = kinds.value(of.kind), kinds.facet(of.kind, Column)
    found = {}
    for place, truth in enumerate(column.values(values)):
        absent = () if truth is None else [one for one in value.passages(truth) if one not in known]
        if absent:
            found[place] = ValueProblem("value.no-such-passage", shown=absent[0], count=len(absent))
    return found


def named(corpus: Corpus, of: Sequence[Field], columns: Mapping[str, pl.Series]) -> Corpus:
    """Return the passages that the truths of some rows name, in the order of the corpus."""
    wanted: set[str] = set()
    for one in of:
        value, column = kinds.value(one.kind), kinds.facet(one.kind, Column)
        for truth in column.values(columns[one.name].unique()):
            wanted.update(() if truth is None else value.passages(truth))
    pairs = [
        (one, passage) for one, passage in zip(corpus.ids, corpus.passages, strict=True) if one in wanted
    ]
    return Corpus([one for one, _ in pairs], [passage for _, passage in pairs])
