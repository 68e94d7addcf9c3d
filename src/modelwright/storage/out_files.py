"""Files that a user names for what is written: whether they can be, before the work that fills them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

from modelwright.core.messages import MachineError, Problem, UserError


def require_place(out: Path, reads: Iterable[Path] = ()) -> None:
    """Raise where nothing can be written at `out`, or where it is one of the files that are read.

    Folders that are not there are made. Raises UserError for a file that is read, and MachineError with what the
    system says.
    """
    if out.is_dir() or not out.name:
        raise UserError(Problem("out.folder", path=str(out)))
    if any(_same(out, one) for one in reads):
        raise UserError(Problem("out.is-read", path=str(out)))
    trial = out.with_name(f".{secrets.token_hex(4)}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise MachineError(Problem("out.place", path=str(out), error=error.strerror or str(error))) from None


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there, or its name is too long
        return False
