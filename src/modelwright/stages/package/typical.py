"""What training rows mostly have of each input, packed so that a form can begin from it."""

from __future__ import annotations

from collections.abc import Collection

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.kinds.contract.show import Show
from modelwright.package.manifest import Typical
from modelwright.storage.formats.data import DataProfile

LOW, HIGH = "0.05", "0.95"  # the quantiles of a profile between which most values lie


def typical_values(
    signature: Signature, profile: DataProfile, private: Collection[str]
) -> dict[str, Typical]:
    """Return by input a typical value (a median, the most frequent class), less those that are private.

    An input of which nothing is typical, as of a text, is left out.
    """
    found = {}
    for one in signature.inputs:
        column = profile.inputs.get(one.name)
        if column is None or one.name in private:
            continue
        value = kinds.facet(one.kind, Show).example(column.figures)
        if value is None:
            continue
        quantiles = column.figures.get("quantiles")
        low, high = (quantiles.get(share) if isinstance(quantiles, dict) else None for share in (LOW, HIGH))
        found[one.name] = Typical(value=value, low=_end(low), high=_end(high))
    return found


def _end(value: object) -> str | float | None:
    return value if isinstance(value, str | float) else None
