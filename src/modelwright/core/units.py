"""Units: what a metric's value counts, and how people write it. Inside, values stand in base units."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from enum import StrEnum

from modelwright.core.messages import Problem, ProjectError


class Unit(StrEnum):
    """Names what a value counts. The base units are 1, seconds, bytes and 1/s."""

    FRACTION = "fraction"
    SECONDS = "seconds"
    BYTES = "bytes"
    PER_SECOND = "per second"
    OUTPUT = "the output's own unit"
    NUMBER = "a plain number"


# Symbol → size in the base unit, the largest first. Decimals, so that 15 ms is exactly the float 0.015.
SYMBOLS: dict[Unit, dict[str, Decimal]] = {
    Unit.FRACTION: {"": Decimal(1), "%": Decimal("0.01")},
    Unit.SECONDS: {
        "d": Decimal(86400),
        "h": Decimal(3600),
        "min": Decimal(60),
        "s": Decimal(1),
        "ms": Decimal("0.001"),
        "us": Decimal("0.000001"),
    },
    Unit.BYTES: {"GB": Decimal(10**9), "MB": Decimal(10**6), "kB": Decimal(10**3), "B": Decimal(1)},
    Unit.PER_SECOND: {"/s": Decimal(1)},
    Unit.OUTPUT: {"": Decimal(1)},
    Unit.NUMBER: {"": Decimal(1)},
}
_BINARY = {"KiB": Decimal(2**10), "MiB": Decimal(2**20), "GiB": Decimal(2**30)}
_EXAMPLES = {  # how a quantity is written
    Unit.FRACTION: "0.97",
    Unit.SECONDS: "15 ms",
    Unit.BYTES: "60 MB",
    Unit.PER_SECOND: "50 /s",
    Unit.OUTPUT: "2.5",
    Unit.NUMBER: "0.3",
}
_ROUND = frozenset({"d", "h", "min"})  # 100 s is no finite decimal of minutes: written only where it is whole
_QUANTITY = re.compile(r"\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*(?P<symbol>\S*)\s*")


def parse_quantity(text: str | float, unit: Unit) -> float:
    """Return a quantity ("15 ms", "97 %", 0.97) in the base unit; raises ProjectError.

    Time, bytes and rates need their symbol; a fraction stands as 0.97 or 97 %; other numbers stand alone.
    """
    read = _QUANTITY.fullmatch(str(text)) if not isinstance(text, bool) else None
    if read is None or not math.isfinite(float(read["number"])):
        raise ProjectError(Problem("unit.number", given=str(text), example=_EXAMPLES[unit]))
    symbols = SYMBOLS[unit]
    if read["symbol"] not in symbols:
        raise ProjectError(
            Problem(
                "unit.symbol",
                given=str(text).strip(),
                symbol=read["symbol"] or None,
                symbols=[symbol for symbol in symbols if symbol] or None,
                example=_EXAMPLES[unit],
            )
        )
    return float(Decimal(read["number"]) * symbols[read["symbol"]])


def parse_bytes(text: str) -> int:
    """Return a number of bytes ("2 MiB", "60 MB"); binary units are for limits, and no requirement has them."""
    read = _QUANTITY.fullmatch(text)
    if read is not None and read["symbol"] in _BINARY:
        return round(Decimal(read["number"]) * _BINARY[read["symbol"]])
    return round(parse_quantity(text, Unit.BYTES))


def exact_quantity(value: float, unit: Unit) -> str:
    """Return text that `parse_quantity` reads back as the same float, in the unit that people choose."""
    exact = Decimal(repr(float(value)))
    symbol = _symbol(value, unit)
    if symbol in _ROUND and (abs(value) >= 1e15 or exact % SYMBOLS[unit][symbol] != 0):
        symbol = "s"
    if not symbol:
        return _plain(exact)
    return f"{_plain(exact / SYMBOLS[unit][symbol])} {symbol}"


def format_quantity(value: float, unit: Unit) -> str:
    """Return a value rounded for people: "15 ms", "59.2 MB", "0.974", "312 /s"."""
    if not math.isfinite(value):
        return str(value)
    symbol = _symbol(value, unit)
    if symbol in _ROUND and abs(value) < 2 * float(SYMBOLS[unit][symbol]):
        symbol = {"d": "h", "h": "min", "min": "s"}[symbol]  # 90 s says more than 1.5 min
    return f"{_rounded(value / float(SYMBOLS[unit][symbol]), unit)} {symbol}".strip()


def format_duration(seconds: float) -> str:
    """Return a time that passed, in at most two units: "0.4 s", "12 s", "3 min 20 s", "5 h 2 min", "3 d 4 h"."""
    if not math.isfinite(seconds):
        return str(seconds)
    if seconds < 9.95:
        return f"{f'{seconds:.1f}'.removesuffix('.0')} s"
    rest, names = round(seconds), ("d", "h", "min", "s")
    sizes = [int(SYMBOLS[Unit.SECONDS][name]) for name in names]
    first = next(place for place, size in enumerate(sizes) if rest >= size)
    if first < 2:  # of hours and days the seconds say nothing: rounded to the unit that is shown second
        rest = round(rest / sizes[first + 1]) * sizes[first + 1]
        first = next(place for place, size in enumerate(sizes) if rest >= size)
    shown = []
    for name, size in list(zip(names, sizes, strict=True))[first : first + 2]:
        count, rest = divmod(rest, size)
        if count:
            shown.append(f"{count} {name}")
    return " ".join(shown)


def _rounded(scaled: float, unit: Unit) -> str:
    if unit is not Unit.FRACTION:
        return f"{scaled:.0f}" if 999.5 <= abs(scaled) < 1e15 else f"{scaled:.3g}"
    apart = min(abs(scaled), abs(1 - scaled)) or 1.0
    digits = min(max(3, 1 - math.floor(math.log10(apart))), 6)  # 0.9999 is not 1, and 0.0014 is not 0.001
    return f"{scaled:.{digits}f}".rstrip("0").rstrip(".")


def _symbol(value: float, unit: Unit) -> str:
    """Return the symbol of the largest unit in which the value is at least one, else of the smallest."""
    if unit is Unit.FRACTION:
        return ""
    sizes = SYMBOLS[unit]
    if value == 0:
        return "s" if unit is Unit.SECONDS else next(reversed(sizes))
    fitting = (symbol for symbol, size in sizes.items() if abs(value) >= size)
    return next(fitting, next(reversed(sizes)))


def _plain(number: Decimal) -> str:
    """Return a decimal without an exponent where that is short, and without trailing zeros."""
    number = number.normalize()
    shift = number.as_tuple().exponent
    assert isinstance(shift, int), "a finite number"
    return format(number, "f") if -12 <= shift <= 15 else str(number)
