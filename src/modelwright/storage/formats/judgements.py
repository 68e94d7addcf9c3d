"""What people said of pairs of answers: a file of the project with a line of JSON each, which only grows.

    {"row": "1f0c…", "package": "9a77…", "against": "42be…", "answer": "…", "other": "…", "first": "other",
     "verdict": "better", "judge": "anna", "at": "2026-01-31T10:00:00+00:00"}

Several processes may append at once. A kill leaves whole lines, or one without an end, which the next one removes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from modelwright.core.messages import DataError, Problem
from modelwright.storage import disk, locks

FILE_NAME = "judgements.jsonl"
Side = Literal["answer", "other"]
Preferred = Literal["better", "worse", "tie", "skip"]
SHOWN_PROBLEMS = 10  # of a file
CHAMPION = "champion"  # the name of the version in production
EVEN = 0.5  # points of a tie


@dataclass(frozen=True)
class Judgement:
    """What one judge said of one row: of the `answer` of a package, beside the `other` of what it is held against.

    package, against: SHA-256 of the package and of the other (a package, or a baseline's texts). verdict: of `answer`;
    first: which of both was shown first, None where both are the same text, so that nobody was asked.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    row: str
    package: str
    against: str
    answer: str
    other: str
    verdict: Preferred
    judge: str
    at: str
    first: Side | None = None

    @property
    def counts(self) -> bool:
        """Tell whether something was said of the pair."""
        return self.verdict != "skip"

    @property
    def points(self) -> float:
        """Return 1 for an answer that won, 0 for one that lost, and a half for a tie."""
        return {"better": 1.0, "worse": 0.0}.get(self.verdict, EVEN)


@dataclass(frozen=True)
class Versus:
    """What the answers of an output are held against, and all that people said of exactly these two.

    wanted: whether a requirement asks for it. What they are held against is a package in a folder, or texts by the id
    of a row.
    """

    output: str
    named: str
    digest: str
    judgements: tuple[Judgement, ...]
    wanted: bool
    folder: Path | None = None
    texts: Mapping[str, str | None] | None = None


_LINE = TypeAdapter(Judgement)


def read(path: Path) -> tuple[Judgement, ...]:
    """Return what the file holds, nothing where there is none; raises DataError that names the lines that are none.

    A last line without an end that is no JSON is what a kill left of one that was never said to be kept.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    found: list[Judgement] = []
    problems: list[Problem] = []
    for number, line in enumerate(content[: _whole(content)].splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(_LINE.validate_json(line, strict=True))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"])) or None
            problems.append(Problem("judge.not-a-verdict", _place(path, number), key=key, why=first["msg"]))
    if problems:
        raise DataError(problems[:SHOWN_PROBLEMS])
    return tuple(found)


def append(path: Path, lock: Path, judgement: Judgement) -> None:
    """Add a line, which is on the disk when this returns; lock: a file that those who append at once have in common."""
    line = f"{json.dumps(asdict(judgement), ensure_ascii=False)}\n".encode()
    with locks.hold(lock), disk.guard(path):
        is_new = not path.exists()
        with path.open("ab+") as file:
            file.seek(0)
            content = file.read()
            whole = _whole(content)
            if whole < len(content):
                file.truncate(whole)
            elif content and not content.endswith(b"\n"):
                line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            disk.sync(path.parent)


def of_pair(every: Sequence[Judgement], package: str, against: str) -> tuple[Judgement, ...]:
    """Return what was said of exactly these two; of one judge and row the last counts."""
    last = {(one.row, one.judge): one for one in every if (one.package, one.against) == (package, against)}
    return tuple(last.values())


def _whole(content: bytes) -> int:
    """Return the length without a last line that has no end and is no JSON."""
    begin = content.rfind(b"\n") + 1
    try:
        json.loads(content[begin:] or b"0")
    except ValueError:
        return begin
    return len(content)


def _place(path: Path, number: int) -> str:
    return f"{path.name}:{number}"
