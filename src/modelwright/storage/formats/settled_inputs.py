"""How inputs are written in the training data: `cells.json` beside the profile, where any is not written as usual.

A part whose inputs are all written as usual has no such file, as one that an earlier version sealed has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelwright.kinds.contract.settled_cells import SettledCells
from modelwright.storage.formats.document import Document

_FILE = "cells.json"
_CELLS = Document(_FILE, made_by="data")


@dataclass(frozen=True)
class SettledInputs:
    """What `data` settled of the inputs, by name; those that are written as usual are left out."""

    inputs: Mapping[str, SettledCells] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write it into a part `profile`, unless there is nothing to say."""
        if self.inputs:
            _CELLS.write(folder, self)


def settled_inputs(folder: Path) -> Mapping[str, SettledCells]:
    """Return what a part `profile` says of the inputs; raises StateError for another file."""
    return _CELLS.read(folder, SettledInputs).inputs if (folder / _FILE).exists() else {}
