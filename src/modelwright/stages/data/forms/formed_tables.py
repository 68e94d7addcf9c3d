"""Tables in a form of rows become tables with the columns of the function: what is asked, and the answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from modelwright import kinds
from modelwright.core.messages import DataError, Notice, Problem, ValueProblem
from modelwright.core.messages.setting import setting
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Form
from modelwright.kinds.turns import SYSTEM, TOOLS, USER, is_dialogue
from modelwright.stages.data.columns.numbered_classes import class_notice
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.forms.answer_problem import AnswerProblem
from modelwright.stages.data.forms.conversations import (
    Conversation,
    Row,
    of_alpaca,
    of_completion,
    of_preference,
    of_turns,
    of_verdict,
    verdict,
)
from modelwright.stages.data.forms.row_forms import MARKS, RowForm, columns_of, examples_of, recognised
from modelwright.stages.data.forms.tagged_tokens import of_tagged
from modelwright.storage.formats.examples import LESS_LIKED
from modelwright.tables.files.file_sets import FILE, FOLDER
from modelwright.tables.files.text_pieces import TEXT
from modelwright.tables.series import series
from modelwright.tables.sources import SourceFile
from modelwright.tables.spool import Spool
from modelwright.tables.table import Table

_MOST_SHOWN = 1_000  # characters of a row that is refused
_OF_TREES = frozenset({"message_id", "parent_id", "role", "text"})  # as OASST publishes dialogues
_WITH_LESS_LIKED = frozenset({RowForm.PREFERENCE, RowForm.VERDICT})


@dataclass(frozen=True)
class FormedTables:
    """Tables as the function takes them.

    config: the section, which keeps the answers that were liked less, where rows have such; by_answer: whether rows are
    told apart by their answers, as texts that nothing asks for; unanswered: whether rows may have no truth, as those
    whose answer was not liked.
    """

    tables: list[tuple[str, Table]]
    config: DataConfig
    by_answer: bool = False
    unanswered: bool = False
    notices: tuple[Notice, ...] = ()


@dataclass
class _Cells:
    """The columns of the function, row by row, and what was not read."""

    inputs: list[object] = field(default_factory=list)
    answers: list[object] = field(default_factory=list)
    rejected: list[object] = field(default_factory=list)
    refused: dict[int, ValueProblem] = field(default_factory=dict)
    refused_answers: dict[int, ValueProblem] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    astray: int = 0


def formed(
    signature: Signature, config: DataConfig, tables: list[tuple[str, Table]], scratch: Path
) -> FormedTables:
    """Return the tables with the columns of the function.

    A form is recognised where a table lacks a column of the function and has those of the form; `data.form` names it.
    Raises DataError for a table that is not of the form that is named, and for a function that it does not fit.
    """
    found: list[tuple[str, Table]] = []
    notices: list[Notice] = []
    forms: set[RowForm] = set()
    for number, (split, table) in enumerate(tables):
        form = _form(signature, config, table)
        if form is None:
            found.append((split, table))
            continue
        forms.add(form)
        given, answer = _fields(signature, form, table)
        names = [config.columns.get(one.name, one.name) for one in (given, answer)]
        columns = _columns(form, signature, config, table)
        made, of_table = _formed(form, columns, table, given, names, scratch / f"formed-{number}", config)
        found.append((split, made))
        notices += [one for one in of_table if config.form is None or one.id != "data.row-form"]
    if _WITH_LESS_LIKED & forms:
        config = config.model_copy(update={"keep": {**config.keep, LESS_LIKED: LESS_LIKED}})
    return FormedTables(
        found, config, forms == {RowForm.TEXT}, RowForm.VERDICT in forms, notices=tuple(notices)
    )


def one_by_one(signature: Signature, config: DataConfig, file: SourceFile, folder: Path) -> list[SourceFile]:
    """Return the files that a pattern or a folder names, where they are plain texts that are read in pieces.

    folder: the project's. Where a field takes the files themselves, or names stand in the pattern, they stay values.
    """
    found = file.files
    if found is None or found.names != (FOLDER,) or FILE in config.columns.values():
        return [file]
    is_text = config.form is RowForm.TEXT or (
        config.form is None and bool(signature.inputs) and _fits(signature, RowForm.TEXT)
    )
    if not is_text or not all(path.lower().removesuffix(".gz").endswith(TEXT) for path in found.paths):
        return [file]
    places = {Path(place): path for path, place in found.places().items()}
    return [
        SourceFile(place.relative_to(folder).as_posix() if place.is_relative_to(folder) else path, place)
        for place, path in places.items()
    ]


def _form(signature: Signature, config: DataConfig, table: Table) -> RowForm | None:
    """Return in which form a table is, None where it has the columns of the function; raises DataError."""
    if config.form == RowForm.COLUMNS or not signature.inputs:
        return None
    if config.form is not None:
        if not _columns(config.form, signature, config, table):
            raise DataError(
                Problem(
                    "data.not-of-form",
                    where=table.name,
                    form=config.form.value,
                    columns=examples_of(config.form),
                    found=list(table.columns[:8]),
                )
            )
        return config.form
    fields = [one.name for one in (*signature.inputs, *signature.outputs)]
    there = all(config.columns.get(one, one) in table.columns for one in fields)
    form = None if there else _recognised(table)
    if not there and set(table.columns) >= _OF_TREES and is_dialogue(signature.inputs[0]):
        raise DataError(Problem("data.message-tree", file=table.name))
    if not there and (form is None or signature.inputs[0].name in config.columns):
        form = RowForm.OPENAI if _dialogues(signature, config, table) else form
    return form if form is not None and _fits(signature, form) else None


def _dialogues(signature: Signature, config: DataConfig, table: Table) -> tuple[str, ...]:
    """Return the column of the one input, where it holds dialogues of which the last turn is the answer."""
    if not _fits(signature, RowForm.OPENAI) or not is_dialogue(signature.inputs[0]):
        return ()
    given, answer = (
        config.columns.get(one.name, one.name) for one in (*signature.inputs, *signature.outputs)
    )
    return (given,) if given in table.columns and answer not in table.columns else ()


def _columns(form: RowForm, signature: Signature, config: DataConfig, table: Table) -> tuple[str, ...]:
    """Return the columns that make a table one of a form; none where it is not."""
    usual = columns_of(form, table.columns) or ()
    if form in (RowForm.OPENAI, RowForm.SHAREGPT) and (
        not usual or signature.inputs[0].name in config.columns
    ):
        return _dialogues(signature, config, table) or usual
    return usual


def _recognised(table: Table) -> RowForm | None:
    """Return the form of a table by its columns; of marks of answers most must read as such."""
    form = recognised(table.columns)
    if form is not RowForm.VERDICT:
        return form
    (mark,) = (columns_of(form, table.columns) or ())[-1:]
    first = next(iter(table.chunks()), None)
    read = [] if first is None else [verdict(one) is not None for one in first[mark].to_list()]
    if 2 * sum(read) > len(read):
        return form
    return recognised([name for name in table.columns if name not in MARKS])


def _fits(signature: Signature, form: RowForm) -> bool:
    """Tell whether a function reads one text or dialogue and writes one text; nothing asks for plain texts.

    Tagged tokens are for one that names places in a text.
    """
    if len(signature.inputs) != 1 or len(signature.outputs) != 1:
        return False
    given, answer = signature.inputs[0], signature.outputs[0]
    is_written = kinds.arrays(answer.kind).output_form is Form.WRITTEN
    is_text = kinds.value(given.kind).schema().get("type") == "string"
    if form is RowForm.IOB:
        return is_text and kinds.arrays(answer.kind).output_form is Form.SPANS
    if not is_written or not (is_text or is_dialogue(given)):
        return False
    return form is not RowForm.TEXT or given.optional


def _fields(signature: Signature, form: RowForm, table: Table) -> tuple[Field, Field]:
    """Return the input and the output; raises DataError for a function that rows of the form do not fit."""
    if not _fits(signature, form):
        raise DataError(
            Problem("data.form-fits-not", where=table.name, form=form.value, signature=str(signature))
        )
    return signature.inputs[0], signature.outputs[0]


def _formed(
    form: RowForm,
    columns: tuple[str, ...],
    table: Table,
    given: Field,
    names: list[str],
    scratch: Path,
    config: DataConfig,
) -> tuple[Table, list[Notice]]:
    spool = Spool(scratch, table.cells.limits)
    tags = config.tags or table.stated_names.get(columns[-1], ())
    taken = _reader(form, columns, given, config, tags)
    is_text = not is_dialogue(given)
    others = [name for name in table.columns if name not in (*names, LESS_LIKED)]
    refused: tuple[dict[int, ValueProblem], dict[int, ValueProblem]] = ({}, {})  # inputs, answers
    dropped: Counter[str] = Counter()
    astray = 0
    for chunk in table.chunks():
        cells = _Cells()
        columns_of_cells = [chunk[name].to_list() for name in table.columns]
        for place, values in enumerate(zip(*columns_of_cells, strict=True), spool.rows):
            _add(cells, taken, dict(zip(table.columns, values, strict=True)), place, is_text=is_text)
        refused[0].update(cells.refused)
        refused[1].update(cells.refused_answers)
        dropped += cells.dropped
        astray += cells.astray
        made = [series(names[0], cells.inputs), series(names[1], cells.answers)]
        if form in _WITH_LESS_LIKED:
            made.append(series(LESS_LIKED, cells.rejected))
        spool.add(pl.DataFrame([*(chunk[name] for name in others), *made]))
    notices = [*_of_form(form, table, columns), *_dropped(dropped, table), *_astray(astray, table)]
    if form is RowForm.IOB and tags and not config.tags:
        notices.append(class_notice(table.name, columns[-1], tags))
    own = (LESS_LIKED,) if form in _WITH_LESS_LIKED else ()
    found = replace(
        table, columns=(*others, *names, *own), cells=spool, refused=dict(zip(names, refused, strict=True))
    )
    return found, notices


def _add(cells: _Cells, taken: Callable[[Row], Conversation], row: Row, place: int, *, is_text: bool) -> None:
    """Add a row; of one that is refused the cells show what it holds."""
    try:
        one = taken(row)
    except (ValueProblem, AnswerProblem) as problem:
        if isinstance(problem, AnswerProblem):
            cells.refused_answers[place] = problem.problem
        else:
            cells.refused[place] = problem
        raw = json.dumps(row, ensure_ascii=False, default=str)[:_MOST_SHOWN]
        one = Conversation([{"role": USER, "content": raw}], raw)
    value: object = list(one.turns) or None
    cells.inputs.append(one.turns[0]["content"] if is_text and one.turns else value)
    cells.answers.append(one.answer if one.places is None else one.places)
    cells.rejected.append(one.rejected)
    cells.dropped.update(set(one.dropped))
    cells.astray += one.astray


def _reader(
    form: RowForm, columns: tuple[str, ...], given: Field, config: DataConfig, tags: Sequence[str]
) -> Callable[[Row], Conversation]:
    """Return what reads a row of a form; a text, whose one turn is read, has no tools."""
    readers: Mapping[RowForm, Callable[[Row], Conversation]] = {
        RowForm.ALPACA: of_alpaca,
        RowForm.SHAREGPT: lambda row: of_turns(row, columns[0]),
        RowForm.OPENAI: lambda row: of_turns(row, columns[0]),
        RowForm.PREFERENCE: of_preference,
        RowForm.VERDICT: lambda row: of_verdict(row, columns),
        RowForm.COMPLETION: lambda row: of_completion(row, columns),
        RowForm.IOB: lambda row: _of_tagged(row, columns, tags),
        RowForm.TEXT: lambda row: Conversation([], _plain(row[columns[0]])),
    }
    taken = readers[form]
    if form in (RowForm.IOB, RowForm.TEXT):
        return taken
    if is_dialogue(given):
        return taken if config.tools else lambda row: _without_tools(taken(row))
    return lambda row: _as_text(_without_tools(taken(row)))


def _without_tools(one: Conversation) -> Conversation:
    """Return a row without the tools that it offers, which are named."""
    turns = [turn for turn in one.turns if turn["role"] != TOOLS]
    dropped = (*one.dropped, *([TOOLS] if len(turns) < len(one.turns) else []))
    return replace(one, turns=turns, dropped=dropped)


def _as_text(one: Conversation) -> Conversation:
    """Return a row whose one turn is a text; raises ValueProblem for several. A turn of the system is named."""
    spoken = [turn for turn in one.turns if turn["role"] != SYSTEM]
    if len(spoken) != 1 or spoken[0]["role"] != USER:
        raise ValueProblem("value.several-turns", count=len(spoken))
    dropped = (*one.dropped, *([SYSTEM] if len(spoken) < len(one.turns) else []))
    return replace(one, turns=[spoken[0]], dropped=dropped)


def _of_tagged(row: Row, columns: Sequence[str], names: Sequence[str]) -> Conversation:
    """Return the text of tagged tokens as what is asked, and its places as the answer."""
    tokens, tags = columns
    found = of_tagged(row[tokens], row[tags], names)
    turns = [{"role": USER, "content": found.text}]
    return Conversation(turns, None, places=found.places, astray=found.astray)


def _plain(raw: object) -> str | None:
    return raw if isinstance(raw, str) else None


def _of_form(form: RowForm, table: Table, columns: tuple[str, ...]) -> Iterator[Notice]:
    """Yield in which form a table is read."""
    yield Notice(
        "data.row-form",
        file=table.name,
        form=form.value,
        columns=list(columns),
        line=setting("data.form", form.value),
    )


def _astray(count: int, table: Table) -> Iterator[Notice]:
    """Yield how many tags go on with a place that has not begun."""
    if count:
        yield Notice("data.tags-astray", file=table.name, count=count)


def _dropped(dropped: Counter[str], table: Table) -> Iterator[Notice]:
    """Yield what rows hold and no column takes."""
    for name, count in sorted(dropped.items()):
        yield Notice("data.form-dropped", file=table.name, name=name, count=count)
