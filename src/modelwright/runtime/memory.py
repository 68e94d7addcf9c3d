"""The memory that a process takes, and took at its peak."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path


def peak_memory_bytes() -> int:
    """Return the most resident memory that this program ever held, in bytes."""
    # ru_maxrss of Linux outlives exec, and so may be the parent's; VmHWM belongs to this program alone
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # getrusage(2): kB on Linux
        return peak if sys.platform == "darwin" else peak * 1024


def resident_bytes(pid: int) -> int | None:
    """Return the resident memory of a process in bytes, or None where it is gone or this system does not tell."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])  # proc(5): size, resident, …
        return pages * resource.getpagesize()
    return None
