"""Quantities of the project file with their units: `5 %` as a fraction, `10 min` as seconds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from modelwright.core.messages import ProjectError, ValueProblem
from modelwright.core.units import Unit, parse_quantity


def _fraction(value: object) -> object:
    """Read `5 %` or 0.05 as a fraction; anything but a text is left for pydantic to judge."""
    if not isinstance(value, str):
        return value
    try:
        return parse_quantity(value, Unit.FRACTION)
    except ProjectError:
        raise ValueProblem("value.not-a-fraction", shown=value[:60]) from None


def _seconds(value: object) -> object:
    """Read `10 min` as seconds; a number without its unit is none."""
    if isinstance(value, float):  # the default, and what was read already
        return value
    try:
        return parse_quantity(str(value), Unit.SECONDS)
    except ProjectError:
        raise ValueProblem("value.not-a-time", shown=str(value)[:60]) from None


Fraction = Annotated[float, BeforeValidator(_fraction)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
