"""When memory runs out in a step."""

from __future__ import annotations

import torch

from modelwright.core.messages import MachineError, Problem

_WORDS = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "bad_alloc",
    "cannot allocate memory",
)


def ran_out(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out; torch says it of a processor's by words alone."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        word in str(error).lower() for word in _WORDS
    )


def smaller(parts: int, rows: int) -> int:
    """Return twice as many parts of a step's rows; raises MachineError where each is one row already."""
    if parts >= rows:
        raise MachineError(Problem("learn.one-row-too-large"))
    return min(2 * parts, rows)
