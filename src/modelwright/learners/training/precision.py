"""The type of numbers that a step computes in: bfloat16 where the processor has it and that was timed to be quicker.

float16 is taken where it is asked for alone: its small numbers need a loss that is scaled (`descent.scaling`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch

from modelwright.learners.contract.training import Precision

# Of a step in float32: less of a gain is not worth its digits. bfloat16 has 8 bits of them.
_WORTH = 0.9
_TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
_MULTIPLIES = ("avx512_bf16", "amx_bf16", "bf16")  # as torch names what a processor can do; the last on ARM


def computing_in(precision: str, device: str) -> AbstractContextManager[object]:
    """Return a context in which products of matrices and convolutions compute in that type (autocast).

    device: the type of it (`cpu`, `cuda`).
    """
    if precision not in _TYPES:
        return nullcontext()
    return torch.autocast(device, dtype=_TYPES[precision])


def quickest(
    requested: Precision | None, step_s: Callable[[Precision], float], device: str = "cpu"
) -> tuple[Precision, float]:
    """Return the type to compute in, and the seconds of a step in it.

    step_s: times a step. Where nothing is requested, bfloat16 is tried if the device computes in it.
    """
    if requested is not None:
        return requested, step_s(requested)
    exact_s = step_s("float32")
    if not has_bfloat16(device):
        return "float32", exact_s
    half_s = step_s("bfloat16")
    return ("bfloat16", half_s) if half_s < _WORTH * exact_s else ("float32", exact_s)


def has_bfloat16(device: str = "cpu") -> bool:
    """Return whether a device multiplies in bfloat16; without, it is imitated, slowly."""
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    can = torch.cpu.get_capabilities()
    return any(can.get(name) for name in _MULTIPLIES)
