"""The memory that this process took at its peak."""

from __future__ import annotations

import resource
import sys


def peak_memory_bytes() -> int:
    """Return the most resident memory that this process ever held, in bytes (getrusage(2): kB on Linux)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
