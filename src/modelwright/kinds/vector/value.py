"""What a vector is."""

from __future__ import annotations

import json
import math
from typing import ClassVar, cast

from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import ORDER, Value
from modelwright.kinds.shared.numbers import read_number

Vector = tuple[float, ...]
MOST_NUMBERS = 65_536


class VectorValue(Value[Vector]):
    """A tuple of finite floats; -0.0 is 0.0. How many there are is the same in a whole column."""

    name: ClassVar[str] = "vector"
    summary: ClassVar[str] = "a fixed number of floats, such as an embedding"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT, Role.OUTPUT})
    family: ClassVar[str | None] = "vectors"
    synonyms: ClassVar[tuple[str, ...]] = ("embedding", "array", "floats")
    operators: ClassVar[frozenset[str]] = ORDER
    takes_words: ClassVar[bool] = True

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a list of numbers."""
        return {
            "type": "array",
            "items": {"type": "number"},
            "minItems": 1,
            "maxItems": MOST_NUMBERS,
            "description": "A list of finite numbers, as many as in training.",
        }

    def parse(self, raw: object, *, lenient: bool = False) -> Vector | None:
        """Return the vector of a list of numbers.

        Lenient also takes a text: the JSON of such a list, or numbers with `;`, commas or white space between them.
        """
        if raw is None:
            return None
        if lenient and isinstance(raw, str):
            if not raw.strip():
                return None
            raw = _of_text(raw)
        if not isinstance(raw, list | tuple):
            raise ValueProblem("value.not-a-vector", shown=shown(raw))
        if not raw:
            raise ValueProblem("value.no-numbers")
        if len(raw) > MOST_NUMBERS:
            raise ValueProblem("value.too-many-numbers", count=len(raw), most=MOST_NUMBERS)
        return tuple(_number(one, place) for place, one in enumerate(raw, 1))

    def read_cell(self, cell: object, options: CellOptions = DEFAULT_OPTIONS) -> Vector | None:
        """Return the vector of one cell of a table, which has as many numbers as most cells of its column."""
        found = super().read_cell(cell, options)
        if found is not None and options.length is not None and len(found) != options.length:
            raise ValueProblem("value.other-length", count=len(found), wanted=options.length)
        return found

    def to_json(self, value: Vector) -> Json:
        """Return the list of numbers."""
        return [*value]

    def size(self, value: Vector) -> int:
        """Return how many numbers there are."""
        return len(value)

    def comparable(self, value: Vector) -> float:
        """Return the Euclidean length, which a slice compares."""
        return min(math.hypot(*value), 1.7976931348623157e308)


def _of_text(text: str) -> object:
    """Return the list of a text; one sign throughout: `1,5;2,5` is no vector of four numbers."""
    stripped = text.strip()
    if stripped.startswith("["):
        try:
            return cast("object", json.loads(stripped))
        except (ValueError, RecursionError):
            raise ValueProblem("value.not-a-vector", shown=shown(text)) from None
    sign = next((one for one in ";," if one in stripped), None)
    found = [read_number(part) for part in stripped.split(sign)]
    if len(found) < 2 or None in found:  # one number alone is a number
        raise ValueProblem("value.not-a-vector", shown=shown(text))
    return found


def _number(raw: object, place: int) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueProblem("value.not-in-a-vector", shown=shown(raw), place=place)
    try:
        number = float(raw)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueProblem("value.not-finite-in-a-vector", shown=shown(raw), place=place)
    return number + 0.0
