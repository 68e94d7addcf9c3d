"""When memory runs out in a step."""

from __future__ import annotations

from modelwright.core.messages import MachineError, Problem


def smaller(parts: int, rows: int) -> int:
    """Return twice as many parts of a step's rows; raises MachineError where each is one row already."""
    if parts >= rows:
        raise MachineError(Problem("learn.one-row-too-large"))
    return min(2 * parts, rows)
