"""Finds the project file. Standard library only, so that a run with nothing to do stays quick."""

from __future__ import annotations

from pathlib import Path

from modelwright.core.messages import Problem, ProjectError

FILE_NAME = "modelwright.yaml"


def nearest(start: Path) -> Path | None:
    """Return the nearest project file in `start` or a folder above it, or None."""
    folder = start.absolute()
    for candidate in (folder, *folder.parents):
        path = candidate / FILE_NAME
        if path.is_file():
            return path
    return None


def find(start: Path) -> Path:
    """Return the nearest project file in `start` or a folder above it; raises ProjectError without one."""
    path = nearest(start)
    if path is None:
        raise ProjectError(Problem("project.none", name=FILE_NAME, folder=str(start)))
    return path
