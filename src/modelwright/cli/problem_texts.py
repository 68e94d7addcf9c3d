"""Prints problems: for a reader on stderr and, with --json, for a program on stdout."""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence

from modelwright.cli import standard_streams
from modelwright.core.messages import Phrase, Problem, visible

_WIDE = "\u2e80-\u9fff\uac00-\ud7a3\uff00-\uffef"  # scripts without spaces, which break between any two characters
_CLOSING = "、。，；：！？）」』》"  # never begins a line, as an opening bracket never ends one
# A word with the space before it, or one wide character with the punctuation that closes it.
_PIECES = re.compile(rf"\s*[（「『《]*(?:[{_WIDE}]|[^\s{_WIDE}]+)[{_CLOSING}]*|\s+")


def report(problems: Sequence[Problem], *, as_json: bool) -> None:
    """Print every problem; a terminal breaks long lines between words, a pipe gets them whole."""
    if as_json:
        try:
            standard_streams.print_json({"problems": [problem.as_json() for problem in problems]})
        except OSError:  # a full disk under stdout, which may be the very problem; stderr has it, too
            standard_streams.abandon(sys.stdout)
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
    with standard_streams.tolerant(sys.stderr):
        for problem in problems:
            print(worded(problem, width), file=sys.stderr)


def worded(problem: Problem, width: int | None = None) -> str:
    """Return a problem as a reader sees it: the finding; then the rule, the next step and the place; the id.

    Lines are broken at `width` columns; None breaks none.
    """
    parts = (
        (Phrase("problem.rule"), problem.rule),
        (Phrase("problem.next"), problem.next_step),
        (Phrase("problem.where"), visible(problem.where or "")),
    )
    lines = [
        (problem.found, 2),
        *((f"  {label}{text}", 2 + _columns(str(label))) for label, text in parts if text),
        (f"  [{problem.id}]", 2),
    ]
    return "\n".join(broken for line, indent in lines for broken in _broken(line, width, indent))


def _broken(line: str, width: int | None, indent: int) -> Sequence[str]:
    """Return a line, and what follows it, indented, where it is too long."""
    if width is None or _columns(line) <= width:
        return [line]
    broken, current = [], ""
    for piece in _PIECES.findall(line):
        if current.strip() and _columns(f"{current}{piece}".rstrip()) > width:
            broken.append(current.rstrip())
            current = " " * indent + piece.lstrip()
        else:
            current += piece
    return [*broken, current.rstrip()]


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: a wide character (Chinese, its punctuation) takes two."""
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)
