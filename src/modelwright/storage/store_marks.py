"""What says that a store is in use, is on its way to another folder, or has gone there.

moving.json   in the new folder: {"format", "from", "whole"}; whole: all was copied, and read again as it was
moved.json    in the old one: {"format", "to"}
locks/in-use.lock   shared by all that write, alone by who moves
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelwright.core.messages import Problem, StateError
from modelwright.storage import disk, locks

MOVING, MOVED = "moving.json", "moved.json"
_LOCK = Path("locks") / "in-use.lock"
_FORMAT = 1


@dataclass(frozen=True)
class Moving:
    """A move to a folder that has not ended: from where; whether all of it is there."""

    source: Path
    whole: bool


def moving(root: Path) -> Moving | None:
    """Return the move that leads to a folder and has not ended; raises StateError for a mark that cannot be read."""
    found = _read(root / MOVING)
    if found is None:
        return None
    if not isinstance(found.get("from"), str):
        raise StateError(Problem("store.mark-damaged", where=str(root / MOVING)))
    return Moving(Path(str(found["from"])), found.get("whole") is True)


def mark_moving(root: Path, move: Moving) -> None:
    """Write down that a move leads to a folder."""
    content = {"format": _FORMAT, "from": str(move.source), "whole": move.whole}
    disk.write_atomically(root / MOVING, json.dumps(content))


def mark_moved(root: Path, target: Path) -> None:
    """Write down that what lay in a folder lies in another one now."""
    disk.write_atomically(root / MOVED, json.dumps({"format": _FORMAT, "to": str(target)}))


def require_settled(root: Path) -> None:
    """Raise StateError for a store that is not all here: it went elsewhere, or is still on its way to here."""
    if (move := moving(root)) is not None:
        raise StateError(Problem("store.move-unfinished", where=str(root), source=str(move.source)))
    if (gone := _read(root / MOVED)) is not None:
        raise StateError(Problem("store.moved", where=str(root), target=str(gone.get("to"))))


@contextmanager
def in_use(root: Path) -> Iterator[None]:
    """Keep a store where it is for the length of the block; waits for one who moves it. Raises StateError."""
    with locks.hold(root / _LOCK, shared=True):
        require_settled(root)
        yield


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Keep everybody else from writing to a store; raises StateError where somebody does."""
    with locks.attempt(root / _LOCK) as held:
        if not held:
            raise StateError(Problem("store.in-use", where=str(root)))
        yield


def _read(path: Path) -> dict[str, object] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, RecursionError, ValueError):
        raise StateError(Problem("store.mark-damaged", where=str(path))) from None
    return found if isinstance(found, dict) else {}
