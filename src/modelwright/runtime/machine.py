"""The cores and the instruction set that this process may use, with the limits of a container. Light imports only."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path("/")  # where /dev, /proc and /sys lie

# of NVIDIA's driver, on its boards, under Windows' kernel, and of AMD's
_GPU = re.compile(r"nvidia\d+|nvhost-gpu|nvgpu|dxg|kfd")

# What libraries choose their code paths by; the first whose flags are all there names the machine.
_AVX512 = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"})
_AVX2 = frozenset({"avx2", "fma"})
_FLAGS = (
    ("avx512", _AVX512),
    ("avx2", _AVX2),
    ("neon", frozenset({"asimd"})),
)

# VNNI adds four products in 32 bits; before it, pairs were added in 16, which saturate.
_SIGNED = (_AVX512 | {"avx512_vnni"}, _AVX2 | {"avx_vnni"})


def cores(root: Path = ROOT) -> int:
    """Return how many cores this process may use: those it may run on, or its share of time, whichever is less."""
    quotas = [quota for group in control_groups(root) for quota in _core_quotas(group)]
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([affinity, *quotas]))


def instruction_set(root: Path = ROOT) -> str:
    """Return the name of the first set whose flags /proc/cpuinfo shows, else of the architecture."""
    flags = _flags(root)
    found = next((name for name, needed in _FLAGS if needed <= flags), None)
    architecture = os.uname().machine.lower()
    return found or ("neon" if architecture == "arm64" else architecture or "unknown")


def multiplies_signed_bytes(root: Path = ROOT) -> bool:
    """Tell whether unsigned bytes are multiplied with signed ones exactly, and quicker than with unsigned ones."""
    flags = _flags(root)
    return any(needed <= flags for needed in _SIGNED)


def _flags(root: Path) -> set[str]:
    for line in text(root / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in {"flags", "Features"}:
            return set(value.split())
    return set()


def gpus(root: Path = ROOT) -> tuple[str, ...]:
    """Return the device files of GPUs; where there are none, no library need be asked for one."""
    try:
        names = sorted(one.name for one in (root / "dev").iterdir())
    except OSError:
        return ()
    return tuple(name for name in names if _GPU.fullmatch(name))


def control_groups(root: Path = ROOT) -> Iterator[Path]:
    """Yield the control groups of this process and those around them: cgroups(7), versions 2 and 1."""
    mount = root / "sys/fs/cgroup"
    for line in text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")  # number:controllers:path
        controllers, _, path = rest.partition(":")
        for name in controllers.split(","):  # none in version 2
            group = mount / name if name else mount
            yield group
            for step in path.strip("/").split("/"):
                group = group / step
                yield group


def _core_quotas(group: Path) -> Iterator[int]:
    """Yield how many cores the group's share of time makes, rounded up."""
    quota, _, period = text(group / "cpu.max").strip().partition(" ")
    pairs = [(quota, period), (text(group / "cpu.cfs_quota_us"), text(group / "cpu.cfs_period_us"))]
    for part, whole in pairs:
        with suppress(ValueError, ZeroDivisionError):
            if int(part) > 0:
                yield math.ceil(int(part) / int(whole))


def text(path: Path) -> str:
    """Return a file of the system, or nothing where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
