"""What a series is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import ClassVar

from modelwright.core.json_types import Json, JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import ORDER, Comparable, Value
from modelwright.kinds.shared.lists import number_lists
from modelwright.kinds.shared.missing_words import is_missing_word
from modelwright.kinds.shared.numbers import PLAIN, NumberCells, NumberForm, read_number
from modelwright.kinds.timeseries.window import GAP, TimeWindow

MOST_STEPS = 100_000
MOST_NUMBERS = 1_000_000  # of all channels together


class TimeseriesValue(Value[TimeWindow]):
    """A `TimeWindow`: one or more numbers a step, in order of time. A series of gaps alone is missing."""

    name: ClassVar[str] = "timeseries"
    summary: ClassVar[str] = (
        "numbers over time, one or more a step; as an output a forecast with its interval"
    )
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT, Role.OUTPUT})
    family: ClassVar[str | None] = "series"
    synonyms: ClassVar[tuple[str, ...]] = ("series", "time_series", "signal", "forecast", "sequence")
    operators: ClassVar[frozenset[str]] = ORDER
    steps_of: ClassVar[str | None] = "number"

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a list of numbers, or of lists of numbers; null is a gap."""
        number: JsonObject = {"type": ["number", "null"]}
        return {
            "type": "array",
            "items": {"anyOf": [number, {"type": "array", "items": number, "minItems": 1}]},
            "minItems": 1,
            "maxItems": MOST_STEPS,
            "description": "Numbers in order of time, or a list of numbers a step; null is a gap.",
        }

    def parse(self, raw: object, *, lenient: bool = False) -> TimeWindow | None:
        """Return the series of a list of numbers (None: a gap), or of lists of numbers, one a step.

        Lenient also takes a text: the JSON of such a list, or numbers with `;`, commas or white space between them;
        and NaN and words for nothing as gaps.
        """
        if raw is None:
            return None
        if lenient and isinstance(raw, str):
            if not raw.strip():
                return None
            raw = _list_of(raw)
        if not isinstance(raw, list | tuple):
            raise ValueProblem("value.not-a-series", shown=shown(raw))
        if len(raw) > MOST_STEPS:
            raise ValueProblem("value.too-many-steps", count=len(raw), most=MOST_STEPS)
        if not raw:
            raise ValueProblem("value.no-steps")
        steps, channels = _steps(raw)
        numbers = [_number(one, lenient=lenient) for step in steps for one in step]
        return TimeWindow.of(numbers, channels) if any(one == one for one in numbers) else None  # noqa: PLR0124 - a gap is not itself

    def read_cell(self, cell: object, options: CellOptions = DEFAULT_OPTIONS) -> TimeWindow | None:
        """Return the series of a cell of a table; numbers that stood for nothing in the data are gaps."""
        if isinstance(cell, str) and not options.is_missing(cell, words=self.takes_words):
            cell = _list_of(cell, options.number)
        return _with_gaps(super().read_cell(cell, options), options.gaps)

    def read_json(self, raw: object, options: CellOptions = DEFAULT_OPTIONS) -> TimeWindow | None:
        """Return the series of a request; numbers that stood for nothing in the data are gaps."""
        return _with_gaps(super().read_json(raw, options), options.gaps)

    def number_cells(self, cells: Iterable[object], options: CellOptions) -> NumberCells | None:
        """Return how many texts each form of numbers reads as a series."""
        held = number_lists.texts(cells, options, words=self.takes_words)
        return number_lists.count(held, of_text, options.forms)

    def to_json(self, value: TimeWindow) -> Json:
        """Return a list of numbers, or of lists of several channels; None is a gap."""
        flat: list[Json] = [None if math.isnan(one) else one for one in value.flat]
        if value.channels == 1:
            return flat
        size = value.channels
        return [flat[begin : begin + size] for begin in range(0, len(flat), size)]

    def size(self, value: TimeWindow) -> int:
        """Return how many numbers there are."""
        return len(value.flat)

    def comparable(self, value: TimeWindow) -> Comparable:
        """Return the mean of the numbers, which a slice compares."""
        return value.level()


def _with_gaps(found: TimeWindow | None, gaps: tuple[float, ...]) -> TimeWindow | None:
    """Return a series with a gap in place of some numbers; one of gaps alone is missing."""
    if found is None or not gaps:
        return found
    numbers = [GAP if one in gaps else one for one in found.flat]
    return None if all(map(math.isnan, numbers)) else TimeWindow.of(numbers, found.channels)


def of_text(text: str, form: NumberForm = PLAIN) -> list[float | None] | None:
    """Return the numbers (None: a gap) of a text that is no JSON, written in a form; None for another text."""
    found: list[float | None] = []
    for part in _parts(text.strip(), form):
        number = read_number(part, form)
        if number is None and part.strip() and not is_missing_word(part):
            return None
        found.append(number)
    return found if len(found) > 1 else None  # one number alone is a number


def _parts(text: str, form: NumberForm) -> list[str]:
    """Return the parts of a text; a sign at its end separates nothing."""
    found = number_lists.parts(text, form)
    return found[:-1] if len(found) > 1 and not found[-1].strip() else found


def _list_of(text: str, form: NumberForm = PLAIN) -> object:
    """Return the list that a text is; raises ValueProblem."""
    found = number_lists.list_of(text, form, of_text)
    if found is None:
        raise ValueProblem("value.not-a-series", shown=shown(text))
    return found


def _steps(raw: Sequence[object]) -> tuple[Sequence[Sequence[object]], int]:
    """Return the channels of each step, and how many there are."""
    if not any(isinstance(one, list | tuple) for one in raw):
        return [raw], 1
    first = next(one for one in raw if isinstance(one, list | tuple))
    channels = len(first)
    if not channels or channels * len(raw) > MOST_NUMBERS:
        raise ValueProblem("value.too-many-channels", count=channels * len(raw), most=MOST_NUMBERS)
    steps: list[Sequence[object]] = []
    for place, one in enumerate(raw, 1):
        step = [None] * channels if one is None else one  # a gap of all channels
        if not isinstance(step, list | tuple):
            raise ValueProblem("value.not-a-series", shown=shown(one))
        if len(step) != channels:
            raise ValueProblem("value.ragged-series", step=place, count=len(step), wanted=channels)
        steps.append(step)
    return steps, channels


def _number(raw: object, *, lenient: bool) -> float:
    if raw is None:
        return GAP
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueProblem("value.not-in-a-series", shown=shown(raw))
    try:
        number = float(raw)
    except OverflowError:
        number = math.inf
    if math.isnan(number) and lenient:
        return GAP
    if not math.isfinite(number):
        raise ValueProblem("value.not-finite", shown=shown(raw))
    return number
