"""Columns of the kind `number`."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions, Survey
from modelwright.kinds.contract.column import (
    Chunks,
    Column,
    Parsed,
    parse_by_value,
    parse_rest_by_value,
    without_stated,
    words_of,
)
from modelwright.kinds.number.value import NumberValue
from modelwright.kinds.shared.numbers import (
    APOSTROPHES,
    BEFORE,
    BEHIND,
    DOUBTFUL,
    MINUS,
    PLAIN,
    SPACES,
    UNIT,
    NumberCells,
    NumberForm,
    unit_of,
)


class NumberColumn(Column[float]):
    """A column of `pl.Float64`."""

    of: ClassVar[NumberValue] = NumberValue()

    def dtype(self) -> type[pl.DataType]:
        """Return the type of the column in rows.parquet."""
        return pl.Float64

    def parse(self, cells: pl.Series, options: CellOptions = DEFAULT_OPTIONS) -> Parsed:
        """Return finite numbers.

        Of texts, Polars reads no finite number that `NumberValue` refuses, and rounds as it does; what Polars
        does not read may be blank, refused, of another form, or stand in white space of its own.
        """
        cells = without_stated(cells, options)
        blank = cells.is_null()
        if cells.dtype == pl.String:
            if options.number.decimal == PLAIN.decimal and not options.missing:
                values = cells.cast(pl.Float64, strict=False)
                if (values.is_finite().fill_null(value=False) | blank).all():
                    return Parsed(values, {})
            texts = cells.str.strip_chars()
            values = _of_texts(texts, options.number)
            blank |= (texts == "").fill_null(value=True)
        elif cells.dtype.is_integer() or cells.dtype.is_float():
            values = cells.cast(pl.Float64)
            nothing = values.is_nan().fill_null(value=False)
            values, blank = values.set(nothing, None), blank | nothing
        else:
            return parse_by_value(self, cells, options)
        if options.missing is not None and options.numbers:
            nothing = values.is_in(sorted(options.numbers)).fill_null(value=False)
            values, blank = values.set(nothing, None), blank | nothing
        sure = values.is_finite().fill_null(value=False) | blank
        return parse_rest_by_value(self, cells, values, sure, options)

    def survey(
        self, chunks: Chunks, options: CellOptions = DEFAULT_OPTIONS, *, thorough: bool = False
    ) -> Survey:
        """Return the words for nothing, and how many cells each form of numbers reads."""
        if not thorough and options.forms[0] == PLAIN:
            survey = Survey(numbers=NumberCells(options.forms))
            if all(self._all_plain(cells, options, survey) for cells in chunks()):
                return survey
        survey = Survey(numbers=NumberCells(options.forms))
        for cells in chunks():
            self._count(cells, options, survey)
        return survey

    def _all_plain(self, cells: pl.Series, options: CellOptions, survey: Survey) -> bool:
        """Count a chunk whose texts are numbers as they stand, blanks or words for nothing; False: some are not."""
        assert survey.numbers is not None
        if cells.dtype != pl.String:
            self._count(cells, options, survey)
            return cells.dtype != pl.Object
        present = cells.drop_nulls()
        values = present.cast(pl.Float64, strict=False)
        plain = values.is_finite().fill_null(value=False)
        if not plain.all():
            rest = present.filter(~plain).str.strip_chars()
            odd = _of_texts(rest, PLAIN).is_finite().fill_null(value=False)  # white space stood around them
            words = self._words(rest, options, survey)
            if not (odd | words | (rest == "")).all():
                return False
            survey.numbers.add_plain(int(odd.sum()))
        _count_numbers(values, options, survey)
        survey.numbers.add_plain(int(plain.sum()))
        return True

    def _count(self, cells: pl.Series, options: CellOptions, survey: Survey) -> None:
        assert survey.numbers is not None
        if cells.dtype == pl.Object:
            held = cells.to_list()
            survey.numbers.add_plain(sum(isinstance(one, int | float) for one in held))
            cells = pl.Series(
                [one for one in held if isinstance(one, str) and is_whole(one)], dtype=pl.String
            )
        if cells.dtype != pl.String:
            survey.merge(words_of(self.of, cells, options))
            if cells.dtype.is_integer() or cells.dtype.is_float():
                _count_numbers(cells, options, survey)
                survey.numbers.add_plain(len(cells) - cells.null_count())
            return
        texts = cells.drop_nulls().str.strip_chars()
        texts = texts.filter(texts != "")
        texts = texts.filter(~self._words(texts, options, survey))
        written = normalised(texts)
        found = survey.numbers
        found.cells += len(texts)
        for text, count in texts.filter(texts.str.contains(UNIT)).value_counts().iter_rows():
            if (unit := unit_of(text)) is not None:
                found.units[unit] += count
        found.unusual += len(texts) - int(_of_texts(texts, PLAIN).is_finite().sum())
        for form in found.forms:
            found.fits[form] += int(written.str.contains(form.pattern).sum())
        doubtful = written.str.contains(DOUBTFUL)
        if doubtful.any():
            found.doubtful += int(doubtful.sum())
            found.example = found.example or texts[int(doubtful.arg_true()[0])]
        _count_numbers(_of_texts(texts, options.number), options, survey)

    def _words(self, texts: pl.Series, options: CellOptions, survey: Survey) -> pl.Series:
        """Return which texts (n,) are words for nothing, and count them."""
        found = words_of(self.of, texts, options)
        survey.merge(found)
        return texts.is_in(list(found.missing)) if found.missing else pl.repeat(False, len(texts), eager=True)


def _of_texts(texts: pl.Series, form: NumberForm) -> pl.Series:
    """Return the numbers (n,) of texts without white space around them, null where a text is none of this form."""
    if form.decimal != PLAIN.decimal:
        return _of_form(texts, form)
    values = texts.cast(pl.Float64, strict=False)
    if form == PLAIN:
        return values
    rest = (values.is_null() & texts.is_not_null()).arg_true()
    return values if rest.is_empty() else values.scatter(rest, _of_form(texts.gather(rest), form))


def _of_form(texts: pl.Series, form: NumberForm) -> pl.Series:
    written = normalised(texts)
    written = written.set(~written.str.contains(form.pattern), None)
    if form.thousands is not None:
        written = written.str.replace_all(form.thousands, "", literal=True)
    return written.str.replace(form.decimal, ".", literal=True).cast(pl.Float64, strict=False)


def normalised(texts: pl.Series) -> pl.Series:
    """Return `shared.numbers.normal` of each text, white space at the ends aside."""
    for one, characters in (("-", MINUS), (" ", SPACES), ("'", APOSTROPHES)):
        texts = texts.str.replace_all(f"[{characters}]", one)
    if not texts.str.contains(UNIT).any():
        return texts
    return texts.str.replace(BEFORE, "${1}${2}").str.replace(BEHIND, "${1}")


def _count_numbers(values: pl.Series, options: CellOptions, survey: Survey) -> None:
    """Count numbers that stand for nothing, as -999 may."""
    if options.missing is not None and options.numbers:
        held = values.cast(pl.Float64)
        for number in sorted(options.numbers):
            if count := int((held == number).sum()):
                survey.missing[f"{number:g}"] += count


def is_whole(text: str) -> bool:
    """Tell whether a text has no half of a character, which Polars cannot hold."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
