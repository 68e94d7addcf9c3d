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
        raise ProjectError(
            Problem(
                "project.none",
                f"a verb works on a project: the nearest `{FILE_NAME}` upwards",
                f"none in {start} or above it",
                "go into a project, name one with --project PATH, or begin one with `modelwright new DIR`",
            )
        )
    return path
