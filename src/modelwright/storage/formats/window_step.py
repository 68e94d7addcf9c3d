"""How far apart the steps of a part's windows are: `windows.json` beside the rows, where they are windows of a clock.

A part whose rows are no windows has no such file, as one that an earlier version sealed has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modelwright.storage.formats.document import Document

_FILE = "windows.json"
_STEP = Document(_FILE, made_by="data")


@dataclass(frozen=True)
class WindowStep:
    """The seconds from one step of a window to the next."""

    seconds: float

    def write(self, folder: Path) -> None:
        """Write it into a part."""
        _STEP.write(folder, self)


def step_s(folder: Path) -> float | None:
    """Return the seconds of a step that a part states, None for none; raises StateError for another file."""
    return _STEP.read(folder, WindowStep).seconds if (folder / _FILE).exists() else None
