"""How the windows of a part were cut: `windows.json` beside the rows, where rows are windows.

A part whose rows are no windows has no such file, as one that an earlier version sealed has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modelwright.storage.formats.document import Document

_FILE = "windows.json"
_FORM = Document(_FILE, made_by="data")


@dataclass(frozen=True)
class WindowForm:
    """The seconds from one step to the next, None where steps are counted, or months; and what became of gaps."""

    step_s: float | None = None
    gaps: Literal["missing", "previous", "linear"] = "missing"

    def write(self, folder: Path) -> None:
        """Write it into a part."""
        _FORM.write(folder, self)


def window_form(folder: Path) -> WindowForm | None:
    """Return how a part says that its windows were cut, None for none; raises StateError for another file."""
    return _FORM.read(folder, WindowForm) if (folder / _FILE).exists() else None
