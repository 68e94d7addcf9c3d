"""Prints problems: for a reader on stderr and, with --json, for a program on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from modelwright.core.messages import Problem


def report(problems: Sequence[Problem], *, as_json: bool) -> None:
    """Print every problem."""
    if as_json:
        print(json.dumps({"problems": [problem.as_json() for problem in problems]}, ensure_ascii=False))
    for problem in problems:
        print(told(problem), file=sys.stderr)


def told(problem: Problem) -> str:
    """Return a problem as a reader sees it: the place, the rule, what was found, the next step, the id."""
    place = f"{problem.where}: " if problem.where else ""
    return f"{place}{problem.rule}\n  found: {problem.found}\n  next:  {problem.next_step}\n  [{problem.id}]"
