"""What this machine offers: cores, memory, instruction set and GPUs, with the limits of a container."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from modelwright.runtime.machine import ROOT, control_groups, cores, gpus, instruction_set, text
from modelwright.storage.formats.plan import Machine


def machine(root: Path = ROOT) -> Machine:
    """Return what this process may use; `root` is where /dev, /proc and /sys lie."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [limit for group in control_groups(root) for limit in _memory_limits(group)]
    return Machine(
        cores=cores(root),
        memory_bytes=min([memory, *limits]),
        instruction_set=instruction_set(root),
        gpus=_gpus(root),
    )


def _gpus(root: Path) -> tuple[str, ...]:
    """Return the names of the GPUs that torch sees; it is imported only where there may be one."""
    if not gpus(root):
        return ()
    from modelwright.learners.training.gpus import (
        names,
    )  # seconds, which a machine without a GPU need not spend

    return names()


def _memory_limits(group: Path) -> Iterator[int]:
    for name in ("memory.max", "memory.limit_in_bytes"):  # version 2, and 1
        with suppress(ValueError):  # absent, or "max"
            yield int(text(group / name))
