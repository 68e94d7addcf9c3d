"""Modelwright: a learned program as a function with a typed signature and requirements.

The names below are the public interface; everything else may change. They are looked up when first used, so
that `import modelwright` costs nothing and a machine that only serves needs no learner.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelwright.core.errors import DataError as DataError
    from modelwright.core.errors import GateError as GateError
    from modelwright.core.errors import MachineError as MachineError
    from modelwright.core.errors import ModelwrightError as ModelwrightError
    from modelwright.core.errors import PackageError as PackageError
    from modelwright.core.errors import Problem as Problem
    from modelwright.core.errors import ProjectError as ProjectError
    from modelwright.core.errors import RequestError as RequestError
    from modelwright.core.errors import StateError as StateError
    from modelwright.core.errors import UserError as UserError
    from modelwright.core.measurement import Measurement as Measurement
    from modelwright.core.requirement import Requirement as Requirement
    from modelwright.core.signature import Field as Field
    from modelwright.core.signature import Signature as Signature
    from modelwright.core.verdict import Verdict as Verdict
    from modelwright.project import Project as Project
    from modelwright.project.results import RunResult as RunResult
    from modelwright.serve.function import Function as Function
    from modelwright.serve.function import Prediction as Prediction
    from modelwright.serve.function import load as load

__version__ = "0.1.0"

_HOMES = {
    "DataError": "core.errors",
    "Field": "core.signature",
    "Function": "serve.function",
    "GateError": "core.errors",
    "MachineError": "core.errors",
    "Measurement": "core.measurement",
    "ModelwrightError": "core.errors",
    "PackageError": "core.errors",
    "Prediction": "serve.function",
    "Problem": "core.errors",
    "Project": "project",
    "ProjectError": "core.errors",
    "RequestError": "core.errors",
    "Requirement": "core.requirement",
    "RunResult": "project.results",
    "Signature": "core.signature",
    "StateError": "core.errors",
    "UserError": "core.errors",
    "Verdict": "core.verdict",
    "load": "serve.function",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'modelwright' has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
