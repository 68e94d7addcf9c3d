"""What `judge` answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class JudgeReport:
    """How far the judging of a pair of versions has come.

    judged: what this judge said of rows; equal: rows whose two answers are the same text, ties of which nobody is
    asked; left: rows still to be judged by this one; by_judge: verdicts of everyone on the same two, skipped ones left
    out; without: rows that lack the other's text; gone: rows with verdicts that are no test rows any more.
    """

    version: int
    against: str
    judge: str
    rows: int
    judged: int
    skipped: int
    equal: int
    left: int
    by_judge: Mapping[str, int]
    without: int
    gone: int
    file: str
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON."""
        return asdict(self)
