"""The facet `infer`: whether a column of raw cells is of a kind, where the signature leaves it to the data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

Cells = Mapping[tuple[type, Any], int]
"""How often each distinct raw cell stands in a column; by type too, since 1, 1.0 and True are equal."""


class Infer(ABC):
    """Says whether a column reads as a kind. Kinds are asked in the order of `rank`; the first that reads it has it.

    A kind without this facet is never taken for granted: a project names it.
    """

    rank: ClassVar[int]

    @abstractmethod
    def reads(self, cells: Cells) -> bool:
        """Tell whether a column with these cells, at least one of them not missing, is of the kind."""
