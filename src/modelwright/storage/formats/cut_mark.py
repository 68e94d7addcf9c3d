"""What a learning that the clock ended leaves beside its state, in its scratch folder: at which step it was."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from modelwright.storage import disk

NAME = "cut.json"


@dataclass(frozen=True)
class CutMark:
    """The training that was cut, at which of its steps, of how many; taken_up: whether it has gone on since."""

    training: str
    step: int
    steps: int
    taken_up: bool = False

    @classmethod
    def read(cls, scratch: Path) -> Self | None:
        """Read the mark of a scratch folder; None where there is none, or none of ours: it is learned on then."""
        try:
            found = json.loads((scratch / NAME).read_text(encoding="utf-8"))
            return cls(
                str(found["training"]), int(found["step"]), int(found["steps"]), bool(found["taken_up"])
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, scratch: Path) -> None:
        """Write it, after the state that it speaks of."""
        disk.write_atomically(scratch / NAME, json.dumps(asdict(self)))
