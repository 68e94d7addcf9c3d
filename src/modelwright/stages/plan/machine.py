"""What this machine offers: cores, memory and instruction set, with the limits of a container."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from modelwright.learners.base import Machine

# What libraries choose their code paths by; the first whose flags are all there names the machine.
_FLAGS = (
    ("avx512", frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"})),
    ("avx2", frozenset({"avx2", "fma"})),
    ("neon", frozenset({"asimd"})),
)


def machine(root: Path = Path("/")) -> Machine:
    """Return what this process may use; `root` is where /proc and /sys lie."""
    groups = list(_groups(root))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [limit for group in groups for limit in _memory_limits(group)]
    quotas = [quota for group in groups for quota in _core_quotas(group)]
    return Machine(
        cores=max(1, min([_cores(), *quotas])),
        memory_bytes=min([memory, *limits]),
        instruction_set=_instruction_set(root),
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _instruction_set(root: Path) -> str:
    """Return the name of the first set whose flags /proc/cpuinfo shows, else of the architecture."""
    flags: set[str] = set()
    for line in _text(root / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in {"flags", "Features"}:
            flags = set(value.split())
            break
    found = next((name for name, needed in _FLAGS if needed <= flags), None)
    architecture = platform.machine().lower()
    return found or ("neon" if architecture == "arm64" else architecture or "unknown")


def _groups(root: Path) -> Iterator[Path]:
    """Yield the control groups of this process and those around them: cgroups(7), versions 2 and 1."""
    mount = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")  # number:controllers:path
        controllers, _, path = rest.partition(":")
        for name in controllers.split(","):  # none in version 2
            group = mount / name if name else mount
            yield group
            for step in path.strip("/").split("/"):
                group = group / step
                yield group


def _memory_limits(group: Path) -> Iterator[int]:
    for name in ("memory.max", "memory.limit_in_bytes"):  # version 2, and 1
        with suppress(ValueError):  # absent, or "max"
            yield int(_text(group / name))


def _core_quotas(group: Path) -> Iterator[int]:
    """Yield how many cores the group's share of time makes, rounded up."""
    quota, _, period = _text(group / "cpu.max").strip().partition(" ")
    pairs = [(quota, period), (_text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us"))]
    for part, whole in pairs:
        with suppress(ValueError, ZeroDivisionError):
            if int(part) > 0:
                yield math.ceil(int(part) / int(whole))


def _text(path: Path) -> str:
    """Return a file of the system, or nothing where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
