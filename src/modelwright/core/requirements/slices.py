"""Slices: the rows that a requirement speaks of, `lang == 'zh' and age >= 60`; never evaluated as code.

A row whose value is missing (None) is in no slice that names the column, as in SQL: `lang != 'zh'` holds the
rows that are known to be of another language. Nor is one whose value has another type than the literal: such rows
cannot be judged, and are counted. `tags has 'urgent'` holds where a set has that member. What a column's values and
the literals beside it mean is its kind's to say (`kinds.slicing`).
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from modelwright.core.messages import Phrase, Problem, ProjectError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Literal = str | float | bool
Comparable = Literal | frozenset[str]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<column>`[^`]+`)
      | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)
      | (?P<word>[^\W\d]\w*)
      | (?P<sign>==|!=|<=|>=|<|>|\[|\]|,)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Condition:
    """One comparison: the column, the operator (`==`, …, `in`, `has`), and the literals (one, but for `in`)."""

    column: str
    operator: str
    literals: tuple[Comparable, ...]

    def __str__(self) -> str:
        column = self.column if _is_word(self.column) else f"`{self.column}`"
        shown = ", ".join(map(written, self.literals))
        return f"{column} {self.operator} {f'[{shown}]' if self.operator == 'in' else shown}"

    def holds(self, value: Any) -> bool | None:
        """Say whether a row with this value is in the slice, None where that cannot be judged.

        value: what `Value.comparable` gives, as the literals are; None (missing) and a value of another type than
        the literals cannot be judged.
        """
        if value is None:
            return None
        if self.operator == "has":
            return self.literals[0] in value if isinstance(value, Set) else None
        if not all(_same_type(value, literal) for literal in self.literals):
            return None
        if self.operator == "in":
            return value in self.literals
        return _COMPARE[self.operator](value, self.literals[0])

    def comparing(self, literals: Sequence[Comparable]) -> Condition:
        """Return the condition with the literals as the column's kind reads them."""
        return replace(self, literals=tuple(literals))


@dataclass(frozen=True)
class SlicedRows:
    """Which rows are in a slice, and which cannot be judged (a missing value, one that does not compare): (n,) each."""

    inside: NDArray[np.bool_]
    unjudged: NDArray[np.bool_]


@dataclass(frozen=True)
class Slice:
    """The rows for which every condition holds; sorted, so that equal slices are equal text."""

    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        return " and ".join(map(str, self.conditions))

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns that the slice reads, sorted."""
        return tuple(sorted({condition.column for condition in self.conditions}))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `COLUMN OP VALUE and …` (OP: == != < <= > >=, `in [VALUE, …]`, or `has VALUE`); raises ProjectError.

        Values are 'text', numbers, true or false; a column with an odd name stands in backquotes.
        """
        reader = _Reader(unicodedata.normalize("NFC", text))
        conditions = [_condition(reader)]
        while reader.take_word("and"):
            conditions.append(_condition(reader))
        reader.expect_end()
        # once each by its text: Python takes 1 and true for equal, and they are not the same rows
        return cls(tuple(one for _, one in sorted({str(one): one for one in conditions}.items())))

    def rows(self, columns: Mapping[str, Sequence[Any]]) -> SlicedRows:
        """Return which rows are in the slice; raises ProjectError for columns that are not there.

        As in SQL a row is in it where every condition holds, and out of it where one does not, whatever the others
        are; what is left cannot be judged.
        """
        import numpy as np  # here, because the command line parses slices and must start fast

        if unknown := self.unknown_columns(list(columns)):
            raise ProjectError(unknown)
        rows = [columns[condition.column] for condition in self.conditions]
        inside, unjudged = [], []
        for values in zip(*rows, strict=True):
            held = [c.holds(value) for c, value in zip(self.conditions, values, strict=True)]
            inside.append(all(held))
            unjudged.append(None in held and False not in held)
        return SlicedRows(np.array(inside, dtype=bool), np.array(unjudged, dtype=bool))

    def unknown_columns(self, known: Sequence[str]) -> list[Problem]:
        """Return a problem for each column of the slice that is none of those known."""
        return [
            Problem("slice.unknown-column", name=name, slice=str(self), near=did_you_mean(name, known))
            for name in self.columns
            if name not in known
        ]


def _is_word(text: str) -> bool:
    return text.isidentifier() and text not in ("and", "in", "true", "false")


def _same_type(value: Any, literal: Comparable) -> bool:
    """Say whether two values can be compared: true is no 1, and '1' is no 1."""
    if isinstance(literal, bool) or isinstance(value, bool):
        return isinstance(literal, bool) and isinstance(value, bool)
    if isinstance(literal, int | float):
        return isinstance(value, int | float)
    return isinstance(value, type(literal))


def written(literal: Comparable) -> str:
    """Return a literal as it stands in a slice."""
    if isinstance(literal, bool):
        return "true" if literal else "false"
    if isinstance(literal, str):
        return "'" + literal.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if isinstance(literal, frozenset):
        return f"[{', '.join(sorted(literal))}]"
    return repr(int(literal)) if literal.is_integer() and abs(literal) < 1e15 else repr(literal)


class _Reader:
    """Takes tokens off a text from the left."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def _peek(self) -> re.Match[str] | None:
        return _TOKEN.match(self._text, self._at)

    def take(self, *groups: str) -> str | None:
        """Return the next token if it is of one of the groups, and step over it."""
        token = self._peek()
        if token is None or token.lastgroup not in groups:
            return None
        self._at = token.end()
        return token[token.lastgroup]

    def take_word(self, word: str) -> bool:
        """Step over the next token if it is that word or sign."""
        token = self._peek()
        if token is None or token.lastgroup not in ("word", "sign") or token[token.lastgroup] != word:
            return False
        self._at = token.end()
        return True

    def expect_end(self) -> None:
        """Raise unless nothing but blanks is left."""
        if self._text[self._at :].strip():
            raise self.error("expected-end")

    def error(self, expected: str) -> ProjectError:
        """Return the error that something else stands here; `expected` names an entry of the catalogue."""
        rest = self._text[self._at :].lstrip()
        return ProjectError(
            Problem(
                "slice.syntax",
                slice=self._text,
                rest=rest[:20] or None,
                column=len(self._text) - len(rest) + 1,
                expected=Phrase(f"slice.{expected}"),
            )
        )


def _condition(reader: _Reader) -> Condition:
    column = reader.take("word", "column")
    if column is None or column in ("and", "in", "true", "false"):
        raise reader.error("expected-column")
    column = column.strip("`")
    if reader.take_word("in"):
        return Condition(column, "in", _list(reader))
    if reader.take_word("has"):
        return Condition(column, "has", (_literal(reader),))
    sign = reader.take("sign")
    if sign not in _COMPARE:
        raise reader.error("expected-operator")
    return Condition(column, sign, (_literal(reader),))


def _list(reader: _Reader) -> tuple[Literal, ...]:
    if not reader.take_word("["):
        raise reader.error("expected-bracket")
    literals = [_literal(reader)]
    while reader.take_word(","):
        literals.append(_literal(reader))
    if not reader.take_word("]"):
        raise reader.error("expected-comma")
    return tuple(one for _, one in sorted({written(one): one for one in literals}.items()))


def _literal(reader: _Reader) -> Literal:
    quoted = reader.take("quoted")
    if quoted is not None:
        return re.sub(r"\\(.)", r"\1", quoted[1:-1], flags=re.DOTALL)
    number = reader.take("number")
    if number is not None:
        return float(number)
    for word, value in (("true", True), ("false", False)):
        if reader.take_word(word):
            return value
    raise reader.error("expected-value")
