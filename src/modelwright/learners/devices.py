"""What the steps of a training are computed on: as `learn.device` asks, of what the machine has. Imports no torch."""

from __future__ import annotations

from dataclasses import replace

from modelwright.core.messages import Problem, ProjectError
from modelwright.core.messages.setting import setting
from modelwright.storage.formats.plan import Execution, Machine

AUTO, PROCESSOR, GPU = "auto", "cpu", "cuda"


def execution(requested: str | None, machine: Machine, processes: int | None = None) -> Execution:
    """Return where steps are computed; requested: `learn.device`, None as `auto`; processes: `learn.processes`.

    Raises ProjectError for a device that the machine does not have, and for more processes than there are GPUs for.
    """
    processes = processes or 1
    if requested in {None, AUTO}:
        requested = GPU if machine.gpus else PROCESSOR
    if requested == PROCESSOR:
        return Execution(PROCESSOR, processes=processes)
    gpu = gpu_of(requested, machine)
    if gpu is None:
        raise ProjectError(
            Problem(
                "plan.no-device",
                key="learn.device",
                device=requested,
                last=len(machine.gpus) - 1 if machine.gpus else None,
                line=setting("learn.device", AUTO),
            )
        )
    if gpu_of(of_rank(requested, processes - 1), machine) is None:
        free = len(machine.gpus) - _number(requested)
        raise ProjectError(
            Problem(
                "plan.too-few-gpus",
                key="learn.processes",
                processes=processes,
                gpus=free,
                line=setting("learn.processes", free),
            )
        )
    return Execution(requested, gpu, processes)


def of_rank(device: str, rank: int) -> str:
    """Return the device of one of several processes: of GPUs, each has one of its own."""
    return device if device == PROCESSOR or not rank else f"{GPU}:{_number(device) + rank}"


def here(requested: object, planned: Execution, machine: Machine) -> Execution:
    """Return where the steps of a plan would be computed on a machine; requested: `learn.device`.

    What the machine does not have is left to the processor: the plan is another machine's.
    """
    if not isinstance(requested, str) or not requested:  # a learner that computes on processors alone
        return planned
    try:
        found = execution(requested, machine)
    except ProjectError:
        found = Execution()
    return replace(planned, device=found.device, gpu=found.gpu)


def gpu_of(device: str, machine: Machine) -> str | None:
    """Return the name of the GPU that a device is, as torch names it; None where it is none that the machine has."""
    place = _number(device)
    return machine.gpus[place] if device != PROCESSOR and place < len(machine.gpus) else None


def _number(device: str) -> int:
    return int(device.partition(":")[2] or 0)
