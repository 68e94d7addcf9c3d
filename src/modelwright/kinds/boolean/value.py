"""What a truth value is."""

from __future__ import annotations

from typing import ClassVar

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import EQUALITY, Value

WORDS = {
    **dict.fromkeys(("yes", "y", "true", "t", "1", "1.0"), True),
    **dict.fromkeys(("no", "n", "false", "f", "0", "0.0"), False),
}


class BooleanValue(Value[bool]):
    """True or False."""

    name: ClassVar[str] = "boolean"
    summary: ClassVar[str] = "true or false"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT, Role.OUTPUT})
    family: ClassVar[str | None] = "classes"
    takes_costs: ClassVar[bool] = True
    fixed_labels: ClassVar[tuple[str, ...]] = ("false", "true")
    positive: ClassVar[str | None] = "true"
    synonyms: ClassVar[tuple[str, ...]] = ("bool", "flag", "logical")
    takes_words: ClassVar[bool] = True
    operators: ClassVar[frozenset[str]] = EQUALITY

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a truth value."""
        return {"type": "boolean"}

    def parse(self, raw: object, *, lenient: bool = False) -> bool | None:
        """Return True or False. Lenient also reads yes/no, y/n, true/false, t/f, 1/0, 1.0/0.0, in any case."""
        if raw is None or isinstance(raw, bool):
            return raw
        if lenient:
            if isinstance(raw, str):
                word = raw.strip().lower()
                if not word:
                    return None
                if word in WORDS:
                    return WORDS[word]
            elif isinstance(raw, int | float) and raw in {0, 1}:
                return bool(raw)
            raise ValueProblem("value.not-yes-or-no", shown=shown(raw))
        raise ValueProblem("value.not-true-or-false", shown=shown(raw))

    def labels(self, value: bool) -> tuple[str, ...]:  # noqa: FBT001 - the contract's
        """Return `true` or `false`."""
        return ("true" if value else "false",)
