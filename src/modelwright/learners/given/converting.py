"""Models of other libraries, which become a graph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from modelwright.core.messages import Problem

SUFFIXES = frozenset({".onnx"})


class Convertible(ABC):
    """A form of models that another library has written."""

    @abstractmethod
    def problems(self, path: Path, shown: str, *, trust: bool) -> Iterator[Problem]:
        """Yield why the file cannot be converted here; nothing of it is run."""

    @abstractmethod
    def convert(self, path: Path, shown: str, out: Path, *, trust: bool) -> None:
        """Write the graph into the file `out`; raises ProjectError and MachineError."""


def format_of(path: Path) -> Convertible | None:
    """Return the form of a file that is no graph; None of a graph."""
    return None
