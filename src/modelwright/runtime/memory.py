"""The memory that a process takes, and took at its peak, and what is free."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from modelwright.runtime.machine import ROOT, control_groups, text


def peak_memory_bytes() -> int:
    """Return the most resident memory that this program ever held, in bytes."""
    # ru_maxrss of Linux outlives exec, and so may be the parent's; VmHWM belongs to this program alone
    if known := _bytes_of("/proc/self/status", "VmHWM:"):
        return sum(known)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # getrusage(2): kB on Linux
    return peak if sys.platform == "darwin" else peak * 1024


def resident_bytes(pid: int) -> int | None:
    """Return the resident memory of a process in bytes, or None where it is gone or this system does not tell."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])  # proc(5): size, resident, …
        return pages * resource.getpagesize()
    return None


def processes_below(pid: int) -> list[int]:
    """Return the processes that one has started, and those that these have; none where this system does not tell."""
    started: dict[int, list[int]] = {}
    for one in Path("/proc").glob("[0-9]*"):
        # proc(5): `pid (command) state parent …`, and a command may hold anything
        after = text(one / "stat").rpartition(")")[2].split()
        if len(after) > 1:
            started.setdefault(int(after[1]), []).append(int(one.name))
    found = list(started.get(pid, ()))
    for one_found in found:  # which grows meanwhile
        found += started.get(one_found, ())
    return found


def bytes_of_all(pid: int, below: Sequence[int]) -> int:
    """Return the resident memory of a process and of those below it, in bytes; 0 where they are gone or nothing tells.

    Of those below it, what is of no file: the pages of libraries are shared, and would count several times.
    """
    own = resident_bytes(pid) or 0
    return own + sum(sum(_bytes_of(f"/proc/{one}/status", "RssAnon:", "RssShmem:")) for one in below)


def _bytes_of(file: str | Path, *names: str) -> list[int]:
    """Return the lines of these names in bytes; proc(5) has them in kB."""
    return [int(line.split()[1]) * 1024 for line in text(Path(file)).splitlines() if line.startswith(names)]


def free_bytes(root: Path = ROOT) -> int | None:
    """Return the memory that programs may still take, with the limits of a container; None where nothing tells."""
    found = _bytes_of(root / "proc/meminfo", "MemAvailable:")
    for group in control_groups(root):
        for most, used in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            with contextlib.suppress(ValueError):  # absent, or "max"
                found.append(max(0, int(text(group / most)) - int(text(group / used))))
    return min(found, default=None)


def give_back_freed() -> None:
    """Give the system back what this process has freed, where the C library is glibc, which keeps most of it.

    It takes some ms, in which others who allocate wait (malloc_trim(3)).
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


# what libraries in C++ say, torch's allocators among them, where they raise no MemoryError
_RAN_OUT = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "bad_alloc",
    "cannot allocate memory",
)


def ran_out(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, a processor's or a GPU's."""
    if isinstance(error, MemoryError):
        return True
    # of files that are mapped; from Rust with its text alone, and no number
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    return isinstance(error, (RuntimeError, OSError)) and any(word in str(error).lower() for word in _RAN_OUT)
