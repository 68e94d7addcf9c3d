"""The reasons of an answer: the inputs that speak most for it, for whoever must tell them to somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelwright import kinds
from modelwright.core.messages import DataError, Problem
from modelwright.kinds.contract.show import Show
from modelwright.runtime.explaining import contributions
from modelwright.runtime.function import Function

ORDERS = 20  # of the inputs, where they are many: enough to rank those that weigh much, for many rows
LEAST = 0.005  # of the largest share: what weighs less is no reason

Outputs = Mapping[str, Mapping[str, object]]


def with_reasons(function: Function, row: Sequence[object], outputs: Outputs, most: int | None) -> Outputs:
    """Return the outputs of an answer, as JSON, each with `reasons`: at most so many inputs, the weightiest first.

    most: None leaves them as they are; row: the canonical values by the inputs' order. A reason has the input, its
    value as text, and its share: what it adds to the probability of what was answered (of a number: to the number;
    then also what takes from it). An output that is neither has none.
    """
    if most is None:
        return outputs
    fields = function.signature.inputs
    by_name = dict(zip((one.name for one in fields), row, strict=True))
    texts = {
        one.name: "" if value is None else kinds.facet(one.kind, Show).text(value)
        for one, value in zip(fields, row, strict=True)
    }
    found = contributions(function, by_name, orders=ORDERS)
    return {
        name: {
            **output,
            "reasons": [
                {"input": of, "value": texts[of], "share": share}
                for of, share in _weightiest(found[name].by_input, most, both=not found[name].chance)
            ]
            if name in found
            else [],
        }
        for name, output in outputs.items()
    }


def _weightiest(shares: Mapping[str, float], most: int, *, both: bool) -> list[tuple[str, float]]:
    """Return the inputs that add most; both: also those that take away."""
    largest = max(map(abs, shares.values()), default=0.0)
    speak = [
        (name, share) for name, share in shares.items() if (abs(share) if both else share) > LEAST * largest
    ]
    return sorted(speak, key=lambda one: -abs(one[1]))[:most]


def require_some(reasons: int | None) -> None:
    """Raise DataError where fewer than one reason is asked for."""
    if reasons is not None and reasons < 1:
        raise DataError(Problem("explain.reasons", reasons=reasons))
