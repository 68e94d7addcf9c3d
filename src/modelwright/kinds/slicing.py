"""What slices compare: values as their kinds make them comparable, literals as these kinds read them.

A column that is kept beside the signature's has no kind of its own. It is compared as the kind that its cells have in
the table (numbers, truth values, dates); a column of texts as the literals are, so that `age >= 60` reads the numbers
of a column that holds one odd cell too, and that cell is one that cannot be judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from modelwright import kinds
from modelwright.core.messages import Problem, ProjectError, ValueProblem, did_you_mean, shown
from modelwright.core.requirements.slices import Condition, Slice, SlicedRows, written
from modelwright.core.signature import Signature
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS
from modelwright.kinds.contract.value import ORDER, AnyValue, Comparable
from modelwright.kinds.shared.numbers import PLAIN

_KEPT: tuple[
    tuple[type | tuple[type, ...], str], ...
] = (  # the cells of a kept column, and the kind that reads them
    (bool, "boolean"),
    ((int, float), "number"),
    (date, "date"),  # a datetime is one, too
)
_DAYS = "date"
_TEXTS = "category"  # a kept column of texts, beside a literal that is one


def slice_rows(where: str, signature: Signature, columns: Mapping[str, Sequence[Any]]) -> SlicedRows:
    """Return which rows are in a slice, and which it cannot judge; raises ProjectError for what does not compare.

    columns: by name, canonical values of the signature's fields (None: missing), kept columns as they are.
    """
    bound = _bound(where, signature, columns)
    # by place: two conditions on one kept column of texts may read it as numbers and as texts
    conditions = tuple(replace(one.condition, column=str(place)) for place, one in enumerate(bound))
    return Slice(conditions).rows({str(place): one.values for place, one in enumerate(bound)})


def slice_problems(
    where: str, signature: Signature, *, kept: Collection[str], open_inputs: bool = False
) -> Iterator[Problem]:
    """Yield what is wrong with a slice as far as the signature tells, before there is data.

    kept: names of the columns that are kept beside the signature's; open_inputs: the data has more inputs to say.
    """
    found = Slice.parse(where)
    fields = {field.name: field for field in (*signature.inputs, *signature.outputs)}
    if not open_inputs:
        yield from found.unknown_columns([*fields, *kept])
    for condition in found.conditions:
        if condition.column in fields:
            yield from _reading_problems(where, condition, fields[condition.column].kind)


def unshown_values(
    where: str, signature: Signature, columns: Mapping[str, Sequence[Any]]
) -> Iterator[Problem]:
    """Yield a problem for each name that a slice compares a column with, and that no row of it shows.

    Only of kinds whose values are names of a closed set, and of kept columns of texts. Raises as `slice_rows` does.
    """
    for column in _bound(where, signature, columns):
        condition = column.condition
        if not column.kind.closed or condition.operator in ORDER:
            continue
        known: set[str] = set()
        for value in column.values:
            known |= value if isinstance(value, frozenset) else {value} if isinstance(value, str) else set()
        for literal in condition.literals:
            if isinstance(literal, str) and literal not in known:
                yield Problem(
                    "slice.unknown-value",
                    slice=where,
                    column=condition.column,
                    value=literal,
                    near=did_you_mean(literal, sorted(known)),
                    known=sorted(known)[:_MOST_SHOWN],
                )


_MOST_SHOWN = 10
_LEADING_ZERO = re.compile(r"[+-]?0\d")


@dataclass(frozen=True)
class _Bound:
    """A condition with its literals as the kind reads them, and the values of its column as they compare."""

    condition: Condition
    values: Sequence[Comparable | None]
    kind: AnyValue


def _bound(where: str, signature: Signature, columns: Mapping[str, Sequence[Any]]) -> list[_Bound]:
    found = Slice.parse(where)
    problems = found.unknown_columns(list(columns))
    if problems:
        raise ProjectError(problems)
    fields = {field.name: field for field in (*signature.inputs, *signature.outputs)}
    bound = []
    for condition in found.conditions:
        name, column = condition.column, columns[condition.column]
        kind = fields[name].kind if name in fields else _kind_of_kept(condition, column)
        if kind is None:
            cell = next(cell for cell in column if cell is not None)
            problems.append(Problem("slice.column", slice=where, column=name, cell=shown(cell)))
            continue
        wrong = list(_reading_problems(where, condition, kind))
        if wrong:
            problems += wrong
            continue
        value = kinds.value(kind)
        literals = [value.literal(one, condition.operator) for one in _plain(condition)]
        read = value.comparable if name in fields else _cell_reader(value, column)
        values = [None if cell is None else read(cell) for cell in column]
        if (
            name not in fields
            and all(one is None for one in values)
            and any(one is not None for one in column)
        ):
            # text in every row beside a literal that is none: no row could be judged
            problems.append(_no_such_cell(where, condition, value, column))
            continue
        bound.append(_Bound(condition.comparing(literals), values, value))
    if problems:
        raise ProjectError(problems)
    return bound


def _plain(condition: Condition) -> list[str | float | bool]:
    """Return the literals as they were parsed from text."""
    return [one for one in condition.literals if not isinstance(one, frozenset)]


def _kind_of_kept(condition: Condition, column: Sequence[Any]) -> str | None:
    """Return the kind that reads a kept column; None where its cells are nothing that compares."""
    present = next((cell for cell in column if cell is not None), None)
    for types, kind in _KEPT:
        if isinstance(present, types):
            return kind
    if not (present is None or isinstance(present, str)):
        return None
    literals = _plain(condition)
    for types, kind in _KEPT:
        if all(isinstance(one, types) for one in literals):
            return kind
    if condition.operator in ORDER and all(_is_day(one) for one in literals):
        return _DAYS  # texts of days come one before another as days, not as texts
    return _TEXTS


def _is_day(literal: str | float | bool) -> bool:  # noqa: FBT001 - as a slice has it
    try:
        return isinstance(literal, str) and kinds.value(_DAYS).parse(literal) is not None
    except ValueProblem:
        return False


def _cell_reader(kind: AnyValue, column: Sequence[Any]) -> Callable[[Any], Comparable | None]:
    """Return how a kept cell becomes what compares; None for a cell that is no value of the kind.

    Numbers in text are read in the form that most cells show; of two forms that read as many as other numbers, neither
    is taken, so that such a cell cannot be judged.
    """
    known: dict[Any, Comparable | None] = {}
    options, doubtful = DEFAULT_OPTIONS, False
    numbers = kind.number_cells((cell for cell in column if isinstance(cell, str)), options)
    if numbers is not None and numbers.cells:
        form = numbers.form()
        options, doubtful = replace(options, number=form.form), form.rival is not None and form.form != PLAIN

    def read(cell: Any) -> Comparable | None:
        if cell not in known:
            try:
                unread = _is_code(cell, kind) or (doubtful and isinstance(cell, str))
                value = None if unread else kind.read_cell(cell, options)
            except ValueProblem:
                value = None
            known[cell] = None if value is None else kind.comparable(value)
        return known[cell]

    return read


def _is_code(cell: Any, kind: AnyValue) -> bool:
    """Tell whether a cell is a code with leading zeros (a postcode), which is no number: 02139 is not 2139."""
    return isinstance(cell, str) and not kind.labelled and _LEADING_ZERO.match(cell.strip()) is not None


def _reading_problems(where: str, condition: Condition, kind: str) -> Iterator[Problem]:
    """Yield why a kind cannot be asked so, or does not read a literal."""
    value = kinds.value(kind)
    if condition.operator not in value.operators:
        yield Problem(
            "slice.operator",
            slice=where,
            column=condition.column,
            kind=kind,
            op=condition.operator,
            fitting=sorted(value.operators),
        )
        return
    for literal in _plain(condition):
        try:
            value.literal(literal, condition.operator)
        except ValueProblem as problem:
            yield Problem(
                "slice.literal",
                slice=where,
                column=condition.column,
                kind=kind,
                literal=written(literal),
                why=problem.message,
                near=_near_literal(value, literal, condition.operator),
            )


def _near_literal(kind: AnyValue, literal: str | float | bool, operator: str) -> str | None:  # noqa: FBT001 - as a slice has it
    """Return the literal in quotes, where the kind would read it so."""
    if isinstance(literal, str):
        return None
    quoted = written(literal)
    try:
        kind.literal(quoted, operator)
    except ValueProblem:
        return None
    return written(quoted)


def _no_such_cell(where: str, condition: Condition, kind: AnyValue, column: Sequence[Any]) -> Problem:
    literal = _plain(condition)[0]
    return Problem(
        "slice.no-such-cell",
        slice=where,
        column=condition.column,
        kind=kind.name,
        cell=shown(next(cell for cell in column if cell is not None)),
        near=None if isinstance(literal, str) else written(written(literal)),
    )
