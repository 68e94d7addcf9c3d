"""Exporters by the name of their learner: how what it learned becomes a body.

An exporter is the module `export` of its learner's folder. It stands apart from the learner so that a
change of the export packages again and learns nothing again: the key of `learn` holds the learner's code alone.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

from modelwright.package.body import Body


class Exporter(Protocol):
    """What a module of this package offers."""

    def export(self, learned: Path) -> Body:
        """Return the body of what lies in the folder `learned`; equal folders give equal bytes."""

    def compress(self, body: Body) -> Body | None:
        """Return a smaller body (int8) whose answers do not depend on their batch, or None without one.

        A learner whose `compresses` is true has one for every body that is large enough.
        """


def module(learner: str) -> str:
    """Return the name of a learner's exporter, for the fingerprint of the code that packages."""
    return f"modelwright.learners.{learner}.export"


def get(learner: str) -> Exporter:
    """Return a learner's exporter."""
    return cast("Exporter", importlib.import_module(module(learner)))
