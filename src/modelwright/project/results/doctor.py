"""What is there and what is missing on this machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from modelwright.core import extras
from modelwright.core.messages import Phrase
from modelwright.core.units import Unit, format_quantity
from modelwright.package import confinement, gpu
from modelwright.project.results.machine_results import DoctorReport, DoctorRow

LEAST_FREE_BYTES = 2 * 10**9  # a pretrained encoder, its export and a package fit several times


def doctor(folder: Path, project: tuple[DoctorRow, ...] = ()) -> DoctorReport:
    """Say what is missing on this machine, after what was found in a `project`, where there is one.

    folder: lies on the disk that artifacts are to be kept on.
    """
    cores = str(len(os.sched_getaffinity(0)))
    return DoctorReport(
        (
            *project,
            DoctorRow("Python", "ok", platform.python_version()),
            DoctorRow(str(Phrase("doctor.cores")), "ok", cores),
            _space(folder),
            _confinement(),
            *_gpu(),
            *_libraries(extras.SERVE, "missing"),
            *_libraries(extras.LEARN, "note", besides=extras.distributions(extras.SERVE)),
            *_libraries(extras.TRACKING, "note", besides=extras.distributions(extras.LEARN)),
        )
    )


def _confinement() -> DoctorRow:
    """Say whether a package can be opened where nothing else can be read."""
    what, has = str(Phrase("doctor.confinement")), confinement.version()
    if has is None:
        absent = str(Phrase("doctor.not-confined"))
        return DoctorRow(what, "note", absent, str(Phrase("doctor.confine")))
    return DoctorRow(what, "ok", f"Landlock {has}")


def _gpu() -> Iterator[DoctorRow]:
    """Say whether a GPU that is here can answer; nothing where there is none."""
    if not gpu.device_files():
        return
    from modelwright.package.ort import onnxruntime  # a tenth of a second, which others need not spend

    what = str(Phrase("doctor.gpu"))
    lacks = gpu.lack(onnxruntime.get_available_providers())
    if lacks is None:
        yield DoctorRow(what, "ok", "CUDA")
    else:
        yield DoctorRow(
            what, "note", str(Phrase("doctor.no-gpu", lacks=lacks)), str(Phrase("doctor.use-gpu"))
        )


def _libraries(extra: str, if_missing: str, besides: tuple[str, ...] = ()) -> Iterator[DoctorRow]:
    for name in extras.distributions(extra):
        if name not in besides:
            try:
                yield DoctorRow(name, "ok", importlib.metadata.version(name))
            except importlib.metadata.PackageNotFoundError:
                absent = str(Phrase("doctor.not-installed"))
                yield DoctorRow(name, if_missing, absent, f"pip install 'modelwright[{extra}]'")


def _space(folder: Path) -> DoctorRow:
    free = shutil.disk_usage(folder).free
    state = "ok" if free > LEAST_FREE_BYTES else "missing"
    next_step = "" if state == "ok" else str(Phrase("doctor.free-space"))
    return DoctorRow(str(Phrase("doctor.disk")), state, format_quantity(free, Unit.BYTES), next_step)
