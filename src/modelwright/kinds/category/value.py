"""What a category is."""

from __future__ import annotations

import math
from typing import ClassVar

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import ORDER, Comparable, Value
from modelwright.kinds.shared.numbers import read_number
from modelwright.kinds.shared.strings import canonical


class CategoryValue(Value[str]):
    """The name of a class, in its canonical form (`shared.strings.canonical`)."""

    name: ClassVar[str] = "category"
    summary: ClassVar[str] = "one of a closed set of names, which the training rows show"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT, Role.OUTPUT})
    family: ClassVar[str | None] = "classes"
    takes_costs: ClassVar[bool] = True
    closed: ClassVar[bool] = True
    synonyms: ClassVar[tuple[str, ...]] = (
        *("class", "label", "enum", "code"),
        *("string", "str", "varchar"),  # as an output; as an input, a `text` is meant
    )
    most_characters: ClassVar[int] = 1_000

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a category; its classes are learned, and stand in the package."""
        return {
            "type": "string",
            "maxLength": self.most_characters,
            "description": "The name of a class. Runs of white space count as one space; Unicode is NFC.",
        }

    def given_schema(self) -> JsonObject:
        """Return the JSON Schema of a category in a request: a name, or a code as a typed table has it."""
        return {**self.schema(), "type": ["string", "number", "boolean"]}

    def parse(self, raw: object, *, lenient: bool = False) -> str | None:
        """Return the class's name in its canonical form (`shared.strings.canonical`); a blank is missing.

        The codes of typed data are read as text (1 → "1", 1.0 → "1", true → "true"), so that a value means the
        same in CSV, JSON and Parquet, in a request and in a table.
        """
        raw = _code(raw)
        if raw is None:
            return None
        if not isinstance(raw, str):
            raise ValueProblem("value.not-a-class", shown=shown(raw))
        return canonical(raw, most_characters=self.most_characters) or None

    def labels(self, value: str) -> tuple[str, ...]:
        """Return the class itself."""
        return (value,)

    def literal(self, written: str | float | bool, operator: str) -> Comparable:  # noqa: FBT001 - the contract's
        """Return the class's name; of codes that are numbers none comes before another, for "10" < "9" as texts."""
        if operator in ORDER and (not isinstance(written, str) or read_number(written) is not None):
            raise ValueProblem("slice.order-of-codes")
        return super().literal(written, operator)


def _code(raw: object) -> object:
    match raw:
        case bool():
            return str(raw).lower()
        case int() if raw.bit_length() <= 200:
            return str(raw)
        case float() if math.isfinite(raw):
            return str(int(raw)) if raw.is_integer() and abs(raw) < 2**53 else repr(raw)
        case _:
            return raw
