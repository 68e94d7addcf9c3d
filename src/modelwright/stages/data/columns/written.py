"""How the columns of each file are written: words for nothing, and the form of numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from modelwright import kinds
from modelwright.core.messages import DataError, Notice, Problem, did_you_mean
from modelwright.core.messages.setting import setting
from modelwright.core.signature import Field
from modelwright.kinds.contract.cells import CellOptions, Survey
from modelwright.kinds.contract.column import Column
from modelwright.kinds.shared.dates import FoundDates
from modelwright.kinds.shared.numbers import PLAIN, FoundForm, NumberCells, NumberForm, read_number
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.raw_rows import RawRows
from modelwright.stages.data.split import TEST
from modelwright.tables.table import Table

SHOWN_WORDS = 5


@dataclass
class _Seen:
    """What the files together show of one column."""

    survey: Survey = field(default_factory=Survey)
    found: Counter[FoundForm] = field(
        default_factory=Counter
    )  # but for the plain form; by cells that it reads
    dates: Counter[str] = field(
        default_factory=Counter
    )  # forms that are no ISO 8601, by cells that they read


@dataclass
class Written:
    """The options by which each column of each file is read; `survey` finds them, from the cells of the file.

    A file has its own: one may be exported in one country, the next in another. exact: the texts of inputs are kept to
    the character.
    """

    config: DataConfig
    rows: RawRows
    exact: bool = False
    _options: dict[tuple[str, str, str], CellOptions] = field(default_factory=dict)
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _doubts: dict[str, FoundDates] = field(default_factory=dict)
    _kept: set[str] = field(default_factory=set)

    def require_known(self, fields: Collection[str]) -> None:
        """Raise DataError for a setting of single columns that names one that there is not."""
        known = list(
            dict.fromkeys([*fields, *(name for _, table in self.rows.tables for name in table.columns)])
        )
        problems = [
            Problem("data.unknown-cells", setting=setting, name=name, near=did_you_mean(name, known))
            for setting, name in self.config.columns_of_cells
            if name not in known
        ]
        if problems:
            raise DataError(problems)

    def survey(
        self,
        fields: Iterable[Field],
        columns: Mapping[str, str],
        kept: Iterable[Field] = (),
        *,
        outputs: bool = False,
    ) -> None:
        """Settle how fields are written in every file; columns: name of the field → column of the data.

        kept: more of them, which stand beside the signature's; outputs: the fields are outputs. Raises DataError for
        dates of the others that are two days each.
        """
        fields, kept = tuple(fields), tuple(kept)
        self._kept |= {one.name for one in kept}
        for given, table in self.rows.tables:
            surveys: dict[str, tuple[Survey, Column[object], CellOptions]] = {}
            for one in (*fields, *kept):
                column = kinds.facet(one.kind, Column)
                options = self.config.cell_options(one.name, columns[one.name])
                options = replace(options, lines=outputs, exact=self.exact and one in fields and not outputs)
                surveys[one.name] = (
                    column.survey(_cells(table, columns[one.name]), options),
                    column,
                    options,
                )
            hint = _decimal_of_file(survey for survey, _, _ in surveys.values())
            for name, (survey, column, options) in surveys.items():
                if hint not in {None, PLAIN.decimal} and survey.numbers is not None:
                    survey = column.survey(_cells(table, columns[name]), options, thorough=True)  # noqa: PLW2901
                self._settle(name, (given, table.name, name), survey, options, hint)
        self._require_one_reading(columns)
        for key, options in self._options.items():
            # of lengths that are as frequent the least, so that the order of the files decides nothing
            lengths = sorted(self._seen[key[2]].survey.lengths.items(), key=lambda pair: (-pair[1], pair[0]))
            if lengths:
                self._options[key] = replace(options, length=lengths[0][0])

    def _require_one_reading(self, columns: Mapping[str, str]) -> None:
        """Raise DataError for dates that are two days each: a wrong day is seen by nobody, so that none is guessed."""
        problems = []
        for name, found in self._doubts.items():
            if name in self._kept:
                continue
            problems.append(_two_days(columns[name], found))
        if problems:
            raise DataError(problems)

    def _settle(
        self, name: str, key: tuple[str, str, str], survey: Survey, options: CellOptions, hint: str | None
    ) -> None:
        seen = self._seen.setdefault(name, _Seen())
        if survey.numbers is not None:
            found = survey.numbers.form(hint)
            options = replace(options, number=found.form)
            if (
                count := found.doubtful
                if found.rival is not None and (found.form != PLAIN or hint)
                else found.unusual
            ):
                seen.found[replace(found, reads=0, cells=0, unusual=0, doubtful=0)] += count
        if survey.dates is not None and (dates := survey.dates.form()) is not None:
            if dates.rival is not None:
                self._doubts.setdefault(name, dates)
            options = replace(options, date=dates.form)
            seen.dates[dates.form] += dates.reads
        seen.survey.merge(survey)
        self._options[key] = options

    @property
    def two_days(self) -> frozenset[str]:
        """Return the kept columns whose dates are two days each, and are not read as dates."""
        return frozenset(self._doubts) & self._kept

    def options(self, given: str, file: str, name: str) -> CellOptions:
        """Return how a field is written in a file that is for the split `given`."""
        return self._options[given, file, name]

    def of_training(self, name: str) -> list[CellOptions]:
        """Return how a field is written in each file that trains; one that is for the test alone has no say in it."""
        return [one for (given, _, field), one in self._options.items() if field == name and given != TEST]

    def notices(self, columns: Mapping[str, str]) -> Iterator[Notice]:
        """Yield what was taken for nothing, what only looks like it, and numbers that are not written plainly."""
        for name, seen in self._seen.items():
            column, survey = columns[name], seen.survey
            if name in self.two_days:
                yield _kept_two_days(column, self._doubts[name], seen.dates.total())
                continue
            if survey.missing:
                line = setting("data.missing", {column: []})
                count = survey.missing.total()
                yield Notice(
                    "data.missing-words", column=column, count=count, words=_words(survey.missing), line=line
                )
            if survey.names:
                words = _words(survey.names)
                line = setting("data.missing", {column: words})
                yield Notice(
                    "data.word-as-name", column=column, count=survey.names.total(), words=words, line=line
                )
            if survey.numbers is not None and survey.numbers.units:
                yield _unit_notice(column, survey.numbers)
            if not self.config.states_dates(name, column):
                for form, count in seen.dates.items():
                    line = setting("data.dates", {column: form})
                    yield Notice("data.date-form", column=column, count=count, form=form, line=line)
            if not self.config.states_form(name, column):
                for found, count in seen.found.items():
                    yield _form_notice(column, found, count)


def settled(survey: Survey, options: CellOptions, column: str) -> CellOptions:
    """Return how the cells of a column are written by what they show, for a column that is no field.

    Raises DataError for dates that are two days each.
    """
    if survey.numbers is not None:
        options = replace(options, number=survey.numbers.form().form)
    if survey.dates is not None and (dates := survey.dates.form()) is not None:
        if dates.rival is not None:
            raise DataError(_two_days(column, dates))
        options = replace(options, date=dates.form)
    return options


def _two_days(column: str, found: FoundDates) -> Problem:
    """Return what is said of dates that two forms read as two days, with the line for each."""
    assert found.rival is not None
    lines = [setting("data.dates", {column: one}) for one in (found.form, found.rival)]
    return Problem("data.two-days", column=column, example=found.example, lines=lines)


def _kept_two_days(column: str, found: FoundDates, count: int) -> Notice:
    """Return what is said of such dates in a column that is kept, which stay text."""
    lines = [setting("data.dates", {column: one}) for one in (found.form, found.rival)]
    return Notice("data.kept-two-days", column=column, count=count, example=found.example, lines=lines)


def _unit_notice(column: str, numbers: NumberCells) -> Notice:
    """Return what is said of signs of currencies and percent; several, or only some of percent, are in doubt."""
    units, count = numbers.units, numbers.units.total()
    mixed = len(units) > 1 or (count < numbers.cells and not {"%", "\uff05"}.isdisjoint(units))
    return Notice(
        "data.units",
        column=column,
        count=count,
        units=_words(units),
        mixed=mixed,
        bare=numbers.cells - count,
        line=setting("data.drop", [column]),
    )


def _cells(table: Table, column: str) -> Callable[[], Iterator[pl.Series]]:
    return lambda: (chunk[column] for chunk in table.chunks([column]))


def _decimal_of_file(surveys: Iterable[Survey]) -> str | None:
    """Return the decimal sign of columns that read in one way alone; None where they show none, or both."""
    found = [one.numbers.form() for one in surveys if one.numbers is not None]
    signs = {one.form.decimal for one in found if one.form != PLAIN and one.rival is None and one.reads}
    return signs.pop() if len(signs) == 1 else None


def _words(counted: Counter[str]) -> list[str]:
    """Return the most frequent words, those of equal count in their own order."""
    return [word for word, _ in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN_WORDS]]


def _form_notice(column: str, found: FoundForm, count: int) -> Notice:
    """Return what is said of numbers in another form; where another reading fits, with the line for each."""
    form, rival = found.form, found.rival
    if rival is not None and found.example is not None:
        return Notice(
            "data.two-readings",
            column=column,
            count=count,
            example=found.example,
            read=_value(found.example, form),
            other=_value(found.example, rival),
            line=setting("data.decimal", {column: form.decimal}),
            other_line=setting("data.decimal", {column: rival.decimal}),
        )
    if form == PLAIN:
        return Notice("data.number-signs", column=column, count=count)
    other = form.decimal != PLAIN.decimal
    key, sign = ("data.decimal", form.decimal) if other else ("data.thousands", form.thousands)
    return Notice(
        "data.number-form",
        column=column,
        count=count,
        decimal=form.decimal if other else None,
        thousands=form.thousands,
        line=setting(key, {column: sign}),
    )


def _value(text: str, form: NumberForm) -> str:
    read = read_number(text, form)
    return text if read is None else f"{read:.10g}"
