"""The facet `target`: writes a package as another system takes it.

class Docker(ExportTarget):
    def write(self, leaving, folder):
        ...                                        # files below `folder`
        return ExportNotes(next_steps=("docker compose up",))
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from modelwright.gateway.config import ServeConfig
from modelwright.package.packages import Package


@dataclass(frozen=True)
class Leaving:
    """What is exported: a package that was found whole, and how its project serves it.

    folder: the package's files, to copy and never to change; version: its number in the project.
    """

    package: Package
    folder: Path
    version: int
    serve: ServeConfig


@dataclass(frozen=True)
class ExportNotes:
    """What there is to say of an export: what was left out or assumed, and what a reader does next."""

    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()


class ExportTarget(ABC):
    """A form in which a package leaves."""

    @abstractmethod
    def write(self, leaving: Leaving, folder: Path) -> ExportNotes:
        """Write all files below `folder`, which is empty; equal packages and libraries give equal bytes.

        Nothing secret is written: keys are what the other system mounts. Raises UserError.
        """
