"""Prints what a method of `Project` returned: one JSON object, or what a person reads first."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Protocol

from modelwright.cli import standard_streams
from modelwright.cli.problem_texts import report
from modelwright.project.results.run_result import RunResult


class Printable(Protocol):
    """What a verb answers."""

    def as_json(self) -> Mapping[str, object]:
        """Return the result for programs."""


def print_result(result: Printable, *, as_json: bool) -> None:
    """Print a result on stdout; the problems of a failed run go to stderr too."""
    if as_json:
        standard_streams.print_json(finite(result.as_json()))
    else:
        with standard_streams.tolerant(sys.stdout):
            _show(result)
    if problems := getattr(result, "problems", ()):
        report(problems, as_json=False)


def _show(result: Printable) -> None:
    if isinstance(result, RunResult):  # the one screen that must be there at once
        from modelwright.cli import tables  # Rich is for people only
        from modelwright.cli.run_screen import show_run

        show_run(result, tables.console())
    else:
        from modelwright.cli.screens import show

        show(result)


def finite(value: object) -> object:
    """Return JSON with null where a number is not finite, which JSON cannot say."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value
