"""What a number is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import time, timedelta
from typing import ClassVar

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import Value
from modelwright.kinds.shared.numbers import PLAIN, NumberCells, read_number


class NumberValue(Value[float]):
    """A finite float64."""

    name: ClassVar[str] = "number"
    summary: ClassVar[str] = "a finite real number"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT, Role.OUTPUT})
    family: ClassVar[str | None] = "numbers"
    ranged: ClassVar[bool] = True
    spanned: ClassVar[bool] = True
    synonyms: ClassVar[tuple[str, ...]] = ("float", "integer", "int", "double", "decimal", "real")
    takes_words: ClassVar[bool] = True

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a number."""
        return {"type": "number"}

    def read_cell(self, cell: object, options: CellOptions = DEFAULT_OPTIONS) -> float | None:
        """Return the number of a cell of a table, written in the form of its column."""
        if options.is_missing(cell, words=True):
            return None
        if not isinstance(cell, str) or options.number == PLAIN:
            read = self.parse(cell, lenient=True)
        else:
            number = read_number(cell, options.number)
            if number is None:
                raise ValueProblem("value.not-a-number", shown=shown(cell))
            read = self.parse(number)
        if read is not None and options.missing and read in options.numbers:
            return None
        return read

    def number_cells(self, cells: Iterable[object], options: CellOptions) -> NumberCells | None:
        """Return how many cells each form reads; words for nothing are left out."""
        found = NumberCells(options.forms)
        for cell, count in Counter(cell for cell in cells if isinstance(cell, str)).items():
            if not options.is_missing(cell, words=True):
                found.add(cell, count)
        return found

    def parse(self, raw: object, *, lenient: bool = False) -> float | None:
        """Return a finite float. Lenient reads "3" and " 1e3 " too; a truth value is never a number.

        Lenient, durations and times of day of a typed table are seconds.
        """
        if raw is None:
            return None
        if lenient and isinstance(raw, timedelta | time):
            return in_seconds(raw)
        if lenient and isinstance(raw, str):
            if not raw.strip():
                return None
            read = read_number(raw)
            if read is None:
                raise ValueProblem("value.not-a-number", shown=shown(raw))
            number = read
        elif isinstance(raw, bool) or not isinstance(raw, int | float):
            raise ValueProblem("value.not-a-number", shown=shown(raw))
        else:
            try:
                number = float(raw)
            except OverflowError:
                number = math.inf
        if not math.isfinite(number):
            raise ValueProblem("value.not-finite", shown=shown(raw))
        return number


def in_seconds(raw: timedelta | time) -> float:
    """Return a duration, or a time of day since midnight, in seconds."""
    if isinstance(raw, timedelta):
        return raw.total_seconds()
    return timedelta(
        hours=raw.hour, minutes=raw.minute, seconds=raw.second, microseconds=raw.microsecond
    ).total_seconds()
