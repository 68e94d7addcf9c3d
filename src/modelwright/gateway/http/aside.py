"""A request that several functions of one gateway are asked, of which some may refuse what another lets in."""

from __future__ import annotations

from collections.abc import MutableMapping
from enum import Enum
from typing import Any

_KEY = "modelwright.aside"


class Aside(Enum):
    """How far a function goes with such a request."""

    ANSWER = "answer"  # a refusal is not written down: the key may be meant for another function
    PROBE = "probe"  # neither that, nor is anything used up or kept: say only whether the request is for this function


def mark(scope: MutableMapping[str, Any], aside: Aside) -> None:
    """Mark a request."""
    scope[_KEY] = aside


def of(scope: MutableMapping[str, Any]) -> Aside | None:
    """Return the mark of a request, None for one that is for this function alone."""
    found: Aside | None = scope.get(_KEY)
    return found
