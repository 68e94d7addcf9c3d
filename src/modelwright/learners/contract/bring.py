"""The facet `bring`: files that a project brings instead of having something learned. Light, but for `prepare`.

The order of calls: `files` (which they are, so that their content is in the key of `plan`) → `problems` (in `check` and
`plan`; runs nothing of them) → `prepare` (in `plan`). What `prepare` writes is sealed with the choice, and `forecast`
and `learn` find its folder under `BROUGHT` (`storage.formats.plan`) among the pretrained weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.messages import Problem
from modelwright.core.signature import Signature


class Bring(ABC):
    """Reads files of the project. Abstract; a learner that has it is taken only where the project names it."""

    @abstractmethod
    def files(self, options: BaseModel, folder: Path) -> tuple[Path, ...]:
        """Return the files that the options name, those that they rest on among them; the named one is the first.

        folder: the project's. Raises ProjectError where one is not there.
        """

    @abstractmethod
    def problems(self, signature: Signature, options: BaseModel, folder: Path) -> Iterator[Problem]:
        """Yield why the files do not fit the signature, as far as reading them shows it; nothing of them is run."""

    @abstractmethod
    def prepare(self, options: BaseModel, folder: Path, out: Path) -> None:
        """Write into the folder `out`, which is there and empty, all that `forecast` and `learn` read of the files.

        Raises ProjectError and MachineError.
        """

    def credits(self, brought: Path) -> Mapping[str, str]:
        """Return works of others in what `prepare` wrote into a folder, each with its licence; by default none."""
        return {}
