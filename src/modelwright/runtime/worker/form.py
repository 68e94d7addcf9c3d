"""What a form for the function needs to know of its inputs, which only the worker has read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from modelwright.core.json_types import Json

if TYPE_CHECKING:  # the gateway reads what is known, and needs no function for it
    from modelwright.runtime.function import Function

MOST_KNOWN = 500  # names to pick from; a page with more is slow, and nobody reads it
LONGEST_KNOWN = 200  # characters of one


@dataclass(frozen=True)
class FormInput:
    """One input: the names to pick from and how many more there are, a typical value, where most values lie.

    `typical`, `low`, `high`: None where nothing is known, as of a private input or of a package made earlier.
    """

    known: list[str] = field(default_factory=list)
    more: int = 0
    typical: Json = None
    low: str | float | None = None
    high: str | float | None = None


def form_of(function: Function) -> dict[str, dict[str, object]]:
    """Return what is known of each input, as it crosses to the gateway."""
    found = {}
    for one in function.signature.inputs:
        known = function.known(one.name)
        short = [name for name in known[:MOST_KNOWN] if len(name) <= LONGEST_KNOWN]
        typical = function.typical.get(one.name)
        found[one.name] = asdict(
            FormInput(short, len(known) - len(short))
            if typical is None
            else FormInput(short, len(known) - len(short), typical.value, typical.low, typical.high)
        )
    return found
