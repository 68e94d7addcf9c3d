"""What a date is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import ClassVar

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import Comparable, Value
from modelwright.kinds.shared.dates import DateCells, read_date

# ISO 8601 as RFC 3339 narrows it, with what tables write, too: a space for the T, no seconds, an offset without
# its colon. No week or ordinal dates, no "20240301": that is a number more often than a day.
_ISO = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<offset>[Zz]|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)
LONGEST = 48  # characters; the longest form has 37


class DateValue(Value[str]):
    """A day, or a moment with or without its offset from UTC, as one ISO text.

    `2024-03-01` is a day, and the same value as its midnight; `2024-03-01T10:20:00` a moment of a clock
    whose place is unknown; `2024-03-01T10:20:00.5+02:00` and `2024-03-01T08:20:00Z` are moments in the world.
    A text, since that is what JSON and tables hold, it is frozen and can be a key, and it keeps the offset, so
    that the hour is that of the clock on the wall.
    """

    name: ClassVar[str] = "date"
    summary: ClassVar[str] = "a day, or a moment with its time and offset, as ISO 8601 writes it"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT})
    synonyms: ClassVar[tuple[str, ...]] = ("datetime", "timestamp", "time", "day", "moment")
    takes_words: ClassVar[bool] = True

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a date."""
        return {
            "type": "string",
            "maxLength": LONGEST,
            "description": "A day or a moment in ISO 8601, such as 2024-03-01 or 2024-03-01T10:20:00Z.",
        }

    def parse(self, raw: object, *, lenient: bool = False) -> str | None:
        """Return the ISO text in its shortest form; fractions of a second are cut to six digits.

        Lenient also takes the dates and moments of typed tables, and white space around a text. A blank is missing.
        """
        if raw is None:
            return None
        if lenient:
            if isinstance(raw, date):  # a datetime is one, too
                return _written(raw if isinstance(raw, datetime) else datetime(raw.year, raw.month, raw.day))
            if isinstance(raw, str):
                raw = raw.strip()
        if isinstance(raw, str) and not raw.strip():
            return None
        if not isinstance(raw, str):
            raise ValueProblem("value.not-a-date", shown=shown(raw))
        return _written(_read(raw))

    def read_cell(self, cell: object, options: CellOptions = DEFAULT_OPTIONS) -> str | None:
        """Return the ISO text of a cell in ISO 8601, or in the form of its column; whole numbers are 20241231."""
        if options.is_missing(cell, words=True):
            return None
        form = options.date
        if form is not None and not isinstance(cell, bool | datetime) and isinstance(cell, str | int):
            text = str(cell)
            if not is_iso(text):
                read = read_date(text, form)
                if read is None:
                    raise ValueProblem("value.not-in-form", shown=shown(cell), form=form)
                return _shortest(read)
        return self.parse(cell, lenient=True)

    def read_json(self, raw: object, options: CellOptions = DEFAULT_OPTIONS) -> str | None:
        """Return the ISO text of a text in ISO 8601, or in the form of the column."""
        in_form = isinstance(raw, str) and options.date is not None and not is_iso(raw)
        return self.read_cell(raw, options) if in_form else super().read_json(raw, options)

    def date_cells(self, cells: Iterable[object], options: CellOptions) -> DateCells:
        """Return how many cells each form reads; ISO 8601 and words for nothing are left out."""
        found = DateCells(options.date_forms)
        texts = (str(cell) for cell in cells if isinstance(cell, str | int) and not isinstance(cell, bool))
        for text, count in Counter(texts).items():
            if not options.is_missing(text, words=True) and not is_iso(text):
                found.add(text, count)
        return found

    def comparable(self, value: str) -> str:
        """Return the ISO text in UTC, without its Z; a moment without an offset as it stands.

        So texts compare as moments do, and a slice may name a day: `when >= '2024-01-01'`.
        """
        found = moment(value)
        return _shortest(found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None))

    def literal(self, written: str | float | bool, operator: str) -> Comparable:  # noqa: FBT001 - the contract's
        """Return the day or the moment as texts of them compare; a number is none."""
        return self.read_literal(written)


def moment(value: str) -> datetime:
    """Return a canonical value as a moment, aware where it has an offset."""
    return datetime.fromisoformat(value)


def is_iso(text: str) -> bool:
    """Tell whether a text is written as ISO 8601, white space around it aside."""
    return len(text) <= LONGEST and _ISO.fullmatch(text.strip()) is not None


def _read(text: str) -> datetime:
    found = _ISO.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        raise ValueProblem("value.not-a-date", shown=shown(text))
    year, month, day = map(int, found["day"].split("-"))
    microsecond = int((found["fraction"] or "0")[:6].ljust(6, "0"))
    try:
        read = datetime(
            year,
            month,
            day,
            int(found["hour"] or 0),
            int(found["minute"] or 0),
            int(found["second"] or 0),
            microsecond,
            _offset(found["offset"]),
        )
        if read.tzinfo is not None:
            read.astimezone(UTC)  # beyond the years 1 to 9999, there is no such moment
    except (ValueError, OverflowError):
        raise ValueProblem("value.no-such-date", shown=shown(text)) from None
    return read


def _offset(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in {"Z", "z"}:
        return UTC
    hours, minutes = int(text[1:3]), int(text[3:].removeprefix(":") or 0)
    if minutes > 59:
        raise ValueError(text)
    return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1))


def _written(read: datetime) -> str:
    """Return the shortest form of a moment; raises ValueProblem for an offset with seconds, of old local times."""
    offset = read.utcoffset()
    if offset is None:
        return _shortest(read)
    if offset % timedelta(minutes=1):
        raise ValueProblem("value.no-such-date", shown=shown(read.isoformat()))
    local = read.replace(tzinfo=None).isoformat()
    minutes = offset // timedelta(minutes=1)
    return f"{local}Z" if not minutes else f"{local}{'-' if minutes < 0 else '+'}{_clock(abs(minutes))}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _shortest(naive: datetime) -> str:
    """Return the day alone at midnight; no fraction where it is zero."""
    text = naive.isoformat()
    return text.removesuffix("T00:00:00")
