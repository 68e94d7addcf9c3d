"""How a text reads as a day or a moment, and which form the dates of a column are written in. Light: no tables.

A form is written as strftime writes it: `%d.%m.%Y` is 31.12.2024. ISO 8601 is read in every column beside its form.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Final

FORMS: Final = (
    *(
        "%Y-%m-%d",
        "%d.%m.%Y",
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%d-%m-%Y",
        "%m-%d-%Y",
        "%Y/%m/%d",
        "%Y.%m.%d",
        "%Y%m%d",
    ),
    *("%d %b %Y", "%d-%b-%Y", "%d. %b %Y", "%b %d, %Y", "%b %d %Y", "%Y年%m月%d日"),
)
"""The forms that are tried; others can be stated. No years of two digits: which century they mean is not seen."""

SHORT_FORMS: Final = (
    "%d.%m.%y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d-%m-%y",
    "%m-%d-%y",
    "%y-%m-%d",
    "%y/%m/%d",
    "%d-%b-%y",
    "%d %b %y",
)
"""Forms with years of two digits, which are only read where they are stated."""

RIVALS: Final = {
    "%d/%m/%Y": "%m/%d/%Y",
    "%m/%d/%Y": "%d/%m/%Y",
    "%d-%m-%Y": "%m-%d-%Y",
    "%m-%d-%Y": "%d-%m-%Y",
}
"""Form → the one that reads the same cells as other days, while no day is beyond the 12th."""

LONGEST: Final = 48  # characters of a cell
# Of the cells that both forms read: so many others at least must speak for one, or it stays in doubt.
EVIDENCE: Final = 0.05
_DIRECTIVES: Final = {
    "%Y": "(?P<year>[0-9]{4})",
    "%y": "(?P<short>[0-9]{2})",
    "%m": "(?P<month>[0-9]{1,2})",
    "%d": "(?P<day>[0-9]{1,2})",
    "%b": r"(?P<name>[^\W\d_]+\.?)",
    "%B": r"(?P<name>[^\W\d_]+\.?)",
    "%H": "(?P<hour>[0-9]{1,2})",
    "%M": "(?P<minute>[0-9]{2})",
    "%S": "(?P<second>[0-9]{2})",
}
_NEEDED: Final = (("%Y", "%y"), ("%m", "%b", "%B"), ("%d",))
_CLOCK: Final = (
    r"(?:[T ,] ?(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?)?"
)
# English, German, French, Spanish; any of them can be cut short to three letters or more, where that leaves one month.
_MONTHS: Final = (
    ("january", "januar", "jaenner", "janvier", "enero"),
    ("february", "februar", "fevrier", "febrero"),
    ("march", "marz", "maerz", "mars", "marzo", "mrz"),
    ("april", "avril", "abril"),
    ("may", "mai", "mayo"),
    ("june", "juni", "juin", "junio"),
    ("july", "juli", "juillet", "julio"),
    ("august", "aout", "agosto"),
    ("september", "septembre", "septiembre"),
    ("october", "oktober", "octobre", "octubre"),
    ("november", "novembre", "noviembre"),
    ("december", "dezember", "decembre", "diciembre"),
)
_SHORTEST_NAME: Final = 3
_PIVOT: Final = 69  # of a stated %y, as POSIX has it: 69 to 99 are of the last century


def is_form(form: str) -> bool:
    """Tell whether a stated form says year, month and day, each once, and holds nothing that is not known."""
    found = re.findall("%.?", form)
    known = all(one in _DIRECTIVES for one in found) and len(set(found)) == len(found)
    return known and all(sum(one in found for one in some) == 1 for some in _NEEDED)


def read_date(text: str, form: str) -> datetime | None:
    """Return the moment that a text of this form is, midnight of a day alone; None for none, or no day there is."""
    found = _pattern(form).fullmatch(text.strip()) if len(text) <= LONGEST else None
    if found is None:
        return None
    parts = found.groupdict()
    month = int(parts["month"]) if parts.get("month") else _month(parts.get("name") or "")
    hour = int(parts.get("hour") or 0)
    if half := parts.get("half"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half in "pP" else 0)
    if parts.get("year"):
        year = int(parts["year"])
    else:
        year = int(parts["short"])
        year += 1900 if year >= _PIVOT else 2000
    microsecond = int((parts.get("fraction") or "0")[:6].ljust(6, "0"))
    try:
        minute, second = int(parts.get("minute") or 0), int(parts.get("second") or 0)
        return datetime(year, month or 0, int(parts["day"]), hour, minute, second, microsecond)
    except ValueError:
        return None


@cache
def _pattern(form: str) -> re.Pattern[str]:
    parts = re.split("(%.)", form)
    adjacent = "%Y%m%d" in form  # digits alone: then each has all of its places
    written = "".join(_DIRECTIVES.get(part, re.escape(part)) for part in parts)
    if adjacent:
        written = written.replace("{1,2}", "{2}")
    return re.compile(written if "%H" in form else written + _CLOCK)


@cache
def _month(name: str) -> int | None:
    plain = unicodedata.normalize("NFKD", name.rstrip(".").casefold())
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    if len(plain) < _SHORTEST_NAME:
        return None
    found = [place for place, names in enumerate(_MONTHS, 1) if any(one.startswith(plain) for one in names)]
    return found[0] if len(found) == 1 else None


@dataclass
class DateCells:
    """What the texts of a column are as dates, added up.

    cells: those that are there and no ISO 8601; fits: how many of them each form reads; both: how many a form and its
    rival read; example: of these.
    """

    forms: tuple[str, ...] = FORMS
    cells: int = 0
    fits: Counter[str] = field(default_factory=Counter)
    both: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, text: str, count: int = 1) -> None:
        """Count a cell that is no ISO 8601 and stands there `count` times."""
        self.cells += count
        read = {form: found for form in self.forms if (found := read_date(text, form)) is not None}
        for form, found in read.items():
            self.fits[form] += count
            other = read.get(RIVALS.get(form, ""))
            if other is not None and other != found:
                self.both[form] += count
                self.examples.setdefault(form, text.strip())

    def merge(self, other: DateCells) -> None:
        """Add the counts of other cells of the same column."""
        self.cells += other.cells
        self.fits += other.fits
        self.both += other.both
        self.examples = other.examples | self.examples

    def form(self) -> FoundDates | None:
        """Return the form that reads the most cells, those that are tried first in front; None where none reads any."""
        chosen = max(self.forms, key=lambda form: self.fits[form], default=None)
        if chosen is None or not self.fits[chosen]:
            return None
        rival = RIVALS.get(chosen)
        if rival not in self.forms or self.fits[chosen] - self.fits[rival] > EVIDENCE * self.both[chosen]:
            rival = None
        return FoundDates(chosen, self.fits[chosen], rival, self.examples.get(chosen) if rival else None)


@dataclass(frozen=True)
class FoundDates:
    """The form of a column, which reads `reads` of its cells.

    rival: a form that reads them as well, and `example` as another day; None: none does.
    """

    form: str
    reads: int
    rival: str | None = None
    example: str | None = None
