"""Whether graphs can be run on a GPU here: what ONNX Runtime was built with, and the device files of NVIDIA's driver.

Light imports only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

PROVIDER = "CUDAExecutionProvider"
# TF32 cuts the mantissa of a product's factors to 10 bits. Algorithms of convolutions are chosen by a rule: a search by
# time finds another one each time, and with it other bits.
OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
# What CUDA asks the kernel of the boards and of itself, read-only; the device files beside it are written as well.
FACTS = tuple(
    map(
        Path,
        (
            "/proc/driver/nvidia",
            "/proc/devices",
            "/proc/self/maps",
            "/proc/sys/vm",
            "/sys/bus/pci",
            "/sys/module",
        ),
    )
)
_BOARD = re.compile(r"nvidia\d+")
_FILE = re.compile(r"nvidia(\d+|ctl|-uvm|-uvm-tools|-modeset)")
_ROOT = Path("/")

Lack = Literal["runtime", "device"]


def lack(providers: Sequence[str], root: Path = _ROOT) -> Lack | None:
    """Return what is missing for running graphs on a GPU, None where nothing is.

    providers: what ONNX Runtime was built with (`get_available_providers`); root: where /dev lies.
    """
    if PROVIDER not in providers:
        return "runtime"
    return None if any(_BOARD.fullmatch(one.name) for one in device_files(root)) else "device"


def device_files(root: Path = _ROOT) -> tuple[Path, ...]:
    """Return the files through which NVIDIA's driver is asked."""
    try:
        return tuple(sorted(one for one in (root / "dev").iterdir() if _FILE.fullmatch(one.name)))
    except OSError:
        return ()
