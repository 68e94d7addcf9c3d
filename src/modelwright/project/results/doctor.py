"""What is there and what is missing on this machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from pathlib import Path

from modelwright.core.units import Unit, format_quantity
from modelwright.project.results.machine_results import DoctorReport, DoctorRow

NEEDED = {  # what a verb needs, by the extra that brings it
    "learn": ("torch", "transformers", "polars", "lightgbm", "onnx", "scikit-learn"),
    "serve": ("onnxruntime", "tokenizers", "starlette", "uvicorn", "prometheus-client"),
}


def doctor(folder: Path) -> DoctorReport:
    """Say what is missing on this machine; `folder` lies on the disk that artifacts are to be kept on."""
    rows = [
        DoctorRow("Python", "ok", platform.python_version()),
        DoctorRow("cores", "ok", str(len(os.sched_getaffinity(0)))),
        _space(folder),
    ]
    for extra, distributions in NEEDED.items():
        for name in distributions:
            try:
                rows.append(DoctorRow(name, "ok", importlib.metadata.version(name)))
            except importlib.metadata.PackageNotFoundError:
                state = "missing" if extra == "serve" else "note"
                rows.append(DoctorRow(name, state, "not installed", f"pip install 'modelwright[{extra}]'"))
    return DoctorReport(tuple(rows))


def _space(folder: Path) -> DoctorRow:
    free = shutil.disk_usage(folder).free
    state = "ok" if free > 2 * 10**9 else "missing"
    next_step = "" if state == "ok" else "free some: `modelwright gc`"
    return DoctorRow("free disk", state, format_quantity(free, Unit.BYTES), next_step)
