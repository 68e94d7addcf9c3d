"""How a text reads as a number, and which form the numbers of a column are written in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from modelwright.core.messages import ValueProblem, shown

# Narrower than float(): no "nan", no "infinity", no "1_000", no digits of other scripts.
_EXPONENT: Final = "([eE][+-]?[0-9]+)?"
# One sign with exactly three digits behind it and no more: "1,234" is a thousand to one reader, a fraction to
# another. Not "0,123" (no group of thousands begins with 0), not "12,34", not "1,234,567".
DOUBTFUL: Final = f"^[+-]?[1-9][0-9]{{0,2}}[.,][0-9]{{3}}{_EXPONENT}$"
MINUS: Final = "\u2212\u2013\ufe63\uff0d"  # the minus of typography and what office programs make of a hyphen
SPACES: Final = "\u00a0\u2007\u2009\u202f"  # no-break, figure, thin and narrow no-break space
APOSTROPHES: Final = "\u2019\u02bc"
# Signs of currencies (Unicode's category Sc) and of percent, before or behind a number: they are units, and the number
# is what stands beside them (5 % is 5). Written for the regular expressions of Python and of Polars alike.
CURRENCIES: Final = (
    "$\u00a2-\u00a5\u058f\u060b\u07fe\u07ff\u09f2\u09f3\u09fb\u0af1\u0bf9\u0e3f\u17db\u20a0-\u20c0\ua838\ufdfc\ufe69\uff04"
    "\uffe0\uffe1\uffe5\uffe6"
)
UNIT: Final = f"[{CURRENCIES}%\uff05]"
BEFORE: Final = f"^([+-]?) ?[{CURRENCIES}] ?([+-]?[0-9.,].*)$"
BEHIND: Final = f"^(.*[0-9.,]) ?{UNIT}$"
_UNIT, _BEFORE, _BEHIND = re.compile(UNIT), re.compile(BEFORE), re.compile(BEHIND)
_NORMAL: Final = str.maketrans(
    dict.fromkeys(MINUS, "-") | dict.fromkeys(SPACES, " ") | dict.fromkeys(APOSTROPHES, "'")
)
# Share of the doubtful cells: so many others at least must speak for a reading, or it stays in doubt.
EVIDENCE: Final = 0.05
DECIMALS: Final = (".", ",")
THOUSANDS: Final = (",", ".", " ", "'")


@dataclass(frozen=True, order=True)
class NumberForm:
    """How numbers are written: the decimal sign, and what groups thousands (None: nothing does).

    A space stands for every space that groups digits, an apostrophe for every apostrophe.
    """

    decimal: str = "."
    thousands: str | None = None

    @property
    def pattern(self) -> str:
        """Return the regular expression of a normalised text (`normal`) that is a number of this form."""
        return _pattern(self)

    def plain(self, text: str) -> str:
        """Return a text that matches `pattern` as Python writes the number."""
        grouped = text if self.thousands is None else text.replace(self.thousands, "")
        return grouped.replace(self.decimal, ".")


PLAIN: Final = NumberForm()


def candidates(decimal: str | None = None, thousands: str | None = None) -> tuple[NumberForm, ...]:
    """Return the forms that agree with what is stated, those that are tried first in front."""
    decimals = (decimal,) if decimal else tuple(one for one in DECIMALS if one != thousands)
    groups: tuple[str | None, ...] = (thousands,) if thousands else (None, *THOUSANDS)
    return tuple(NumberForm(one, group) for one in decimals for group in groups if group != one)


def normal(text: str) -> str:
    """Return a text without white space or a unit around it, with one sign each for minus, space and apostrophe."""
    stripped = text.strip()
    if not stripped.isascii():
        stripped = stripped.translate(_NORMAL)
    return _BEHIND.sub(r"\1", _BEFORE.sub(r"\1\2", stripped)) if _UNIT.search(stripped) else stripped


def unit_of(text: str) -> str | None:
    """Return the sign of a currency or of percent that stands beside the number of a text; None for none."""
    found = _UNIT.search(text)
    return found[0] if found is not None and normal(text)[-1:].isdecimal() else None


def read_number(text: str, form: NumberForm = PLAIN) -> float | None:
    """Return the number that a text is (infinite if it is huge); None for none, or one of another form."""
    written = normal(text)
    return float(form.plain(written)) if _compiled(form).fullmatch(written) else None


@cache
def compared_number(written: str | float | bool) -> float:  # noqa: FBT001 - as a slice has it
    """Return the number that values are compared with in a slice; raises ValueProblem for anything else."""
    number = read_number(written) if isinstance(written, str) else written
    if isinstance(number, bool) or number is None:
        raise ValueProblem("value.not-a-number", shown=shown(written))
    return float(number)


def _pattern(form: NumberForm) -> str:
    point = re.escape(form.decimal)
    whole = "[0-9]+"
    if form.thousands is not None:
        apart = re.escape(form.thousands)
        whole += f"|[1-9][0-9]{{0,2}}({apart}[0-9]{{3}})+"
        if form.thousands == ",":  # lakhs and crores: 12,34,567
            whole += f"|[1-9][0-9]?({apart}[0-9]{{2}})+{apart}[0-9]{{3}}"
    return f"^[+-]?(({whole})({point}[0-9]*)?|{point}[0-9]+){_EXPONENT}$"


@cache
def _compiled(form: NumberForm) -> re.Pattern[str]:
    return re.compile(_pattern(form))


_DOUBTFUL: Final = re.compile(DOUBTFUL)


@dataclass
class NumberCells:
    """What the cells of a column are as numbers, added up: so it is known which form they are written in.

    cells: those that are there; fits: how many of them each form reads; doubtful: how many read as other numbers
    where the decimal sign is the other one; example: one of these; unusual: how many are not written as Python would.
    units: how many have a sign of a currency or of percent, by the sign.
    """

    forms: tuple[NumberForm, ...] = field(default_factory=candidates)
    cells: int = 0
    fits: Counter[NumberForm] = field(default_factory=Counter)
    doubtful: int = 0
    unusual: int = 0
    example: str | None = None
    units: Counter[str] = field(default_factory=Counter)

    def add(self, text: str, count: int = 1) -> None:
        """Count a cell that stands there `count` times."""
        written = normal(text)
        self.cells += count
        for form in self.forms:
            if _compiled(form).fullmatch(written):
                self.fits[form] += count
        if _compiled(PLAIN).fullmatch(text.strip()) is None:
            self.unusual += count
        if (unit := unit_of(text)) is not None:
            self.units[unit] += count
        if _DOUBTFUL.fullmatch(written):
            self.doubtful += count
            self.example = self.example or text.strip()

    def add_plain(self, count: int) -> None:
        """Count cells that are numbers already, or are written like those of Python."""
        self.cells += count
        for form in self.forms:
            self.fits[form] += count

    def merge(self, other: NumberCells) -> None:
        """Add the counts of other cells of the same column."""
        self.cells += other.cells
        self.fits += other.fits
        self.doubtful += other.doubtful
        self.unusual += other.unusual
        self.units += other.units
        self.example = self.example or other.example

    def form(self, hint: str | None = None) -> FoundForm:
        """Return the form that reads the most cells; `hint` is a decimal sign that decides between equals."""
        most = max(self.fits[form] for form in self.forms)
        equal = [form for form in self.forms if self.fits[form] == most]
        chosen = next((form for form in equal if form.decimal == hint and self.doubtful), equal[0])
        rivals = [form for form in self.forms if form.decimal != chosen.decimal]
        rival = max(rivals, key=lambda form: self.fits[form], default=None)
        doubt = rival is not None and self.doubtful > 0
        if rival is not None and most - self.fits[rival] > EVIDENCE * self.doubtful:
            doubt = False
        # What is odd is neither a slip nor a unit.
        odd = self.unusual - (self.cells - most) - self.units.total()
        return FoundForm(
            chosen,
            reads=most,
            cells=self.cells,
            unusual=most if chosen.decimal != PLAIN.decimal else max(odd, 0),
            doubtful=self.doubtful,
            rival=rival if doubt else None,
            example=self.example if doubt else None,
        )


@dataclass(frozen=True)
class FoundForm:
    """The form of a column: `reads` of its `cells` are numbers in it, `unusual` of these not written as Python would.

    rival: a form that fits as well and reads `doubtful` cells, such as `example`, as other numbers; None: none does.
    """

    form: NumberForm
    reads: int
    cells: int
    unusual: int = 0
    doubtful: int = 0
    rival: NumberForm | None = None
    example: str | None = None


def found_form(
    texts: Iterable[tuple[str, int]], *, decimal: str | None = None, thousands: str | None = None
) -> FoundForm:
    """Return the form of a column of distinct texts, each with how often it stands there; blanks are left out.

    A column is one of numbers where `reads` is nearly `cells`. `decimal` and `thousands`: what the project states.
    """
    found = NumberCells(candidates(decimal, thousands))
    for text, count in texts:
        if text.strip():
            found.add(text, count)
    return found.form()
