"""Modelwright: a learned program as a function with a typed signature and requirements.

The names below are the public interface; everything else may change. They are looked up when first used, so
that `import modelwright` costs nothing and a machine that only serves needs no learner.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelwright.client.connecting import connect as connect
    from modelwright.core.evidence.measurement import Measurement as Measurement
    from modelwright.core.evidence.verdict import Verdict as Verdict
    from modelwright.core.messages import DataError as DataError
    from modelwright.core.messages import GateError as GateError
    from modelwright.core.messages import MachineError as MachineError
    from modelwright.core.messages import ModelwrightError as ModelwrightError
    from modelwright.core.messages import PackageError as PackageError
    from modelwright.core.messages import Problem as Problem
    from modelwright.core.messages import ProjectError as ProjectError
    from modelwright.core.messages import RequestError as RequestError
    from modelwright.core.messages import StateError as StateError
    from modelwright.core.messages import UserError as UserError
    from modelwright.core.requirements.requirement import Requirement as Requirement
    from modelwright.core.signature import Field as Field
    from modelwright.core.signature import Signature as Signature
    from modelwright.project import Project as Project
    from modelwright.project.results.run_result import RunResult as RunResult
    from modelwright.runtime.function import Function as Function
    from modelwright.runtime.function import Prediction as Prediction
    from modelwright.runtime.function import load as load

__version__ = "0.1.0"

_HOMES = {
    "DataError": "core.messages",
    "Field": "core.signature",
    "Function": "runtime.function",
    "GateError": "core.messages",
    "MachineError": "core.messages",
    "Measurement": "core.evidence.measurement",
    "ModelwrightError": "core.messages",
    "PackageError": "core.messages",
    "Prediction": "runtime.function",
    "Problem": "core.messages",
    "Project": "project",
    "ProjectError": "core.messages",
    "RequestError": "core.messages",
    "Requirement": "core.requirements.requirement",
    "RunResult": "project.results.run_result",
    "Signature": "core.signature",
    "StateError": "core.messages",
    "UserError": "core.messages",
    "Verdict": "core.evidence.verdict",
    "connect": "client.connecting",
    "load": "runtime.function",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'modelwright' has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
