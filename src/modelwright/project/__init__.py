"""The project: its file, the table of stages, and the loop. `Project` is the one façade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelwright.project.facade import Project as Project


def __getattr__(name: str) -> Any:
    if name != "Project":  # looked up when used, so that a run with nothing to do loads none of it
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from modelwright.project.facade import Project

    return Project
