"""A number of bytes in the project file: `2 MiB`, or the plain number."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from modelwright.core.messages import ProjectError, ValueProblem
from modelwright.core.units import parse_bytes


def _bytes(value: object) -> object:
    """Read `2 MiB` as a number of bytes; anything else is left for pydantic to judge."""
    if not isinstance(value, str) or value.isdecimal():
        return value
    try:
        return parse_bytes(value)
    except ProjectError:
        raise ValueProblem("value.not-a-size", shown=value[:60]) from None


ByteCount = Annotated[int, BeforeValidator(_bytes)]
