"""What a vector is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import ORDER, Value
from modelwright.kinds.shared.lists import number_lists
from modelwright.kinds.shared.numbers import PLAIN, NumberCells, NumberForm, read_number

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
            raw = _list_of(raw)
        if not isinstance(raw, list | tuple):
            raise ValueProblem("value.not-a-vector", shown=shown(raw))
        if not raw:
            raise ValueProblem("value.no-numbers")
        if len(raw) > MOST_NUMBERS:
            raise ValueProblem("value.too-many-numbers", count=len(raw), most=MOST_NUMBERS)
        return tuple(_number(one, place) for place, one in enumerate(raw, 1))

    def read_cell(self, cell: object, options: CellOptions = DEFAULT_OPTIONS) -> Vector | None:
        """Return the vector of one cell of a table, which has as many numbers as most cells of its column."""
        if isinstance(cell, str) and not options.is_missing(cell, words=True):
            cell = _list_of(cell, options.number)
        found = super().read_cell(cell, options)
        if found is not None and options.length is not None and len(found) != options.length:
            raise ValueProblem("value.other-length", count=len(found), wanted=options.length)
        return found

    def number_cells(self, cells: Iterable[object], options: CellOptions) -> NumberCells | None:
        """Return how many texts each form of numbers reads as a vector; words for nothing are left out."""
        return number_lists.count(number_lists.texts(cells, options, words=True), of_text, options.forms)

    def to_json(self, value: Vector) -> Json:
        """Return the list of numbers."""
        return [*value]

    def size(self, value: Vector) -> int:
        """Return how many numbers there are."""
        return len(value)

    def comparable(self, value: Vector) -> float:
        """Return the Euclidean length, which a slice compares."""
        return min(math.hypot(*value), 1.7976931348623157e308)


def of_text(text: str, form: NumberForm = PLAIN) -> list[float] | None:
    """Return the numbers of a text that is no JSON, written in a form; None for another text."""
    found: list[float] = []
    for part in number_lists.parts(text.strip(), form):
        number = read_number(part, form)
        if number is None:
            return None
        found.append(number)
    return found if len(found) > 1 else None  # one number alone is a number


def _list_of(text: str, form: NumberForm = PLAIN) -> object:
    """Return the list that a text is; raises ValueProblem."""
    found = number_lists.list_of(text, form, of_text)
    if found is None:
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
