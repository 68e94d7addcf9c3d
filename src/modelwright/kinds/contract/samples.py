"""The facet `samples`: values to try a kind with. The contract test of kinds reads it, and nothing else does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

V = TypeVar("V")  # the type of a canonical value


class Samples(ABC, Generic[V]):
    """Cells and values of a kind, good and bad. `modelwright.testing.kinds` tries a kind with them."""

    @abstractmethod
    def strict(self) -> Sequence[tuple[object, V]]:
        """Return JSON values that are there, each with the canonical value that `parse` gives.

        At least two canonical values among them differ.
        """

    @abstractmethod
    def lenient(self) -> Sequence[tuple[object, V | None]]:
        """Return cells of tables, each with the canonical value that `parse(…, lenient=True)` gives (or None)."""

    @abstractmethod
    def refused(self) -> Sequence[object]:
        """Return what even `parse(…, lenient=True)` refuses."""

    def refused_strictly(self) -> Sequence[object]:
        """Return what `parse` refuses in a request and may take from a table: the text "3", for a number."""
        return ()

    @abstractmethod
    def values(self) -> Sequence[V | None]:
        """Return a few dozen canonical values, missing ones (None) among them, that a state can be fitted on."""

    def right(self, truth: V, answer: V) -> bool:
        """Tell whether an answer is right beside a truth, as outcomes count it; by default where they are equal."""
        return truth == answer

    def column(self) -> Sequence[object]:
        """Return the cells of a column that is to be inferred as this kind; empty for one without `infer`."""
        return ()

    def options(self) -> dict[str, object]:
        """Return what `fit` needs beside the values (a tokenizer)."""
        return {}
