"""The facet `augment`: in which ways a value may vary without becoming another. Light: it only says so.

A kind without the facet is never varied. What a way does to arrays, a learner knows by the form of the arrays
(`learners.training.augmentation`); which ways are taken, and how far, a project declares under `data.augment`.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final


@dataclass(frozen=True)
class Variation:
    """One way to vary a value.

    summary: what an amount means; most: the largest amount, the least being 0 (not at all); usual: the amount that
    `true` stands for; on_request: only done where a project asks for it, for it changes some values into others.
    """

    name: str
    summary: str
    most: float
    usual: float
    on_request: bool = False


class Augment(ABC):
    """The ways in which values of a kind vary. Stateless."""

    variations: ClassVar[tuple[Variation, ...]]

    @final
    def variation(self, name: str) -> Variation | None:
        """Return the way of that name, or None."""
        return next((one for one in self.variations if one.name == name), None)

    @final
    def default_amounts(self) -> Mapping[str, float]:
        """Return the amounts that are taken without a declaration."""
        return {one.name: one.usual for one in self.variations if not one.on_request}
