"""The facet `samples`: values to try a kind with. The contract test of kinds reads it, and nothing else does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any


class Samples(ABC):
    """Cells and values of a kind, good and bad."""

    @abstractmethod
    def strict(self) -> Sequence[tuple[Any, Any]]:
        """Return JSON values, each with the canonical value that `parse` gives."""

    @abstractmethod
    def lenient(self) -> Sequence[tuple[Any, Any]]:
        """Return further cells of tables, each with the canonical value that `parse(…, lenient=True)` gives."""

    @abstractmethod
    def refused(self) -> Sequence[Any]:
        """Return what even `parse(…, lenient=True)` refuses."""

    @abstractmethod
    def values(self) -> Sequence[Any]:
        """Return a few dozen canonical values, missing ones among them, that a state can be fitted on."""

    def options(self) -> dict[str, Any]:
        """Return what `fit` needs beside the values (a tokenizer)."""
        return {}
