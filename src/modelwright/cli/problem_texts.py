"""Prints problems: for a reader on stderr and, with --json, for a program on stdout."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Sequence

from modelwright.core.messages import Phrase, Problem


def report(problems: Sequence[Problem], *, as_json: bool) -> None:
    """Print every problem; a terminal breaks long lines between words, a pipe gets them whole."""
    if as_json:
        print(json.dumps({"problems": [problem.as_json() for problem in problems]}, ensure_ascii=False))
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
    for problem in problems:
        print(worded(problem, width), file=sys.stderr)


def worded(problem: Problem, width: int | None = None) -> str:
    """Return a problem as a reader sees it: the finding; then the rule, the next step and the place; the id.

    Lines are broken at `width` columns; None breaks none.
    """
    parts = (
        (Phrase("problem.rule"), problem.rule),
        (Phrase("problem.next"), problem.next_step),
        (Phrase("problem.where"), problem.where or ""),
    )
    lines = [problem.found, *(f"  {label} {text}" for label, text in parts if text), f"  [{problem.id}]"]
    return "\n".join(broken for line in lines for broken in _broken(line, width))


def _broken(line: str, width: int | None) -> Sequence[str]:
    """Return a line, and what follows it, indented, where it is too long."""
    if width is None or len(line) <= width:
        return [line]
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=" " * 9 if line.startswith(" ") else "  ",
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
