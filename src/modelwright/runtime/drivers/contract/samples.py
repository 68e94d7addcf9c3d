"""The facet `samples`: a body to try a driver with. The contract test of drivers reads it, and nothing else does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from modelwright.package.body import Body


class Samples(ABC):
    """A small body that the driver runs, rows for it, and bodies that it refuses."""

    @abstractmethod
    def body(self) -> Body:
        """Return a body that names the driver."""

    @abstractmethod
    def columns(self) -> Mapping[str, Sequence[object]]:
        """Return some rows, at least three, as columns of canonical values by input."""

    @abstractmethod
    def refused(self) -> Sequence[Body]:
        """Return bodies that the driver cannot open, because their graphs, files or settings are others."""
