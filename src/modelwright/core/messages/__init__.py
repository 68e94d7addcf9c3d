"""What people read: messages by id, their texts in one catalogue a language, and the errors that carry them."""

from __future__ import annotations

from modelwright.core.messages.catalog import preferred, use
from modelwright.core.messages.errors import (
    DataError,
    GateError,
    MachineError,
    ModelwrightError,
    PackageError,
    ProjectError,
    RequestError,
    StateError,
    UserError,
)
from modelwright.core.messages.message import Notice, Phrase, Place, Problem, ValueProblem
from modelwright.core.messages.near import did_you_mean
from modelwright.core.messages.shown import shown
from modelwright.core.messages.visible import visible

__all__ = [
    "DataError",
    "GateError",
    "MachineError",
    "ModelwrightError",
    "Notice",
    "PackageError",
    "Phrase",
    "Place",
    "Problem",
    "ProjectError",
    "RequestError",
    "StateError",
    "UserError",
    "ValueProblem",
    "did_you_mean",
    "preferred",
    "shown",
    "use",
    "visible",
]
