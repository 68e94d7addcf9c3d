"""What no layer foresaw: something about this machine that the user can fix, or an internal error, kept in a log."""

from __future__ import annotations

import errno
import itertools
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from modelwright.core.extras import extra_of
from modelwright.core.messages import Problem
from modelwright.runtime.memory import ran_out
from modelwright.storage import disk

_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_MOST_SHOWN = 300  # characters of an error's own text


def fixable(error: BaseException) -> Problem | None:
    """Return what the user can do about an error that no layer foresaw; None for an internal error."""
    if isinstance(error, ModuleNotFoundError):
        extra = extra_of(error.name or "")
        return Problem("machine.missing-library", module=error.name, extra=extra) if extra else None
    system = sys.getfilesystemencoding()
    if isinstance(error, UnicodeEncodeError) and error.encoding in {system, "charmap"} and system != "utf-8":
        return Problem("machine.locale", encoding=system, name=error.object[:80])
    if ran_out(error):
        return Problem("machine.memory")
    return _of_the_system(error) if isinstance(error, OSError) else None


def _of_the_system(error: OSError) -> Problem | None:
    if error.errno == errno.ENAMETOOLONG or (error.errno == errno.ENOENT and error.filename is None):
        path = str(error.filename)[:80] if error.filename else None
        return Problem("machine.path", error=error.strerror, path=path)
    if disk.is_full(error):
        return Problem("machine.disk-full", path=_path(error))
    if error.errno == errno.EFBIG:
        return Problem("machine.file-size", path=_path(error))
    if error.errno in _REFUSED:
        return Problem("machine.permission", path=_path(error), error=error.strerror)
    return None


def record(error: BaseException, arguments: Sequence[str]) -> Problem:
    """Write the traceback into a log file and return a message that says where it lies.

    The log names the verb only: the arguments may hold secrets (`--set state=postgresql://…`).
    """
    verb = next((word for word in arguments if not word.startswith("-")), "")
    trace = "".join(traceback.format_exception(error))
    head = f"verb: {verb}\npython: {platform.python_version()} on {platform.platform()}\n\n"
    log = _write(head + trace, _project(arguments))
    return Problem(
        "internal.fault",
        error=f"{type(error).__name__}: {str(error)[:_MOST_SHOWN]}",
        log=str(log) if log else None,
        trace=trace,
    )


def _path(error: OSError) -> str | None:
    return str(error.filename) if error.filename else None


def _project(arguments: Sequence[str]) -> Path | None:
    """Return the project file that the command line names, or the nearest upwards, or None."""
    from modelwright.project.declaration.find import nearest

    named = [after for word, after in itertools.pairwise(arguments) if word == "--project"]
    try:
        return nearest(Path(named[-1])) or nearest(Path(named[-1]).parent) if named else nearest(Path.cwd())
    except OSError:  # a name that is too long, or a working folder that is gone
        return None


def _write(text: str, project: Path | None) -> Path | None:
    """Write the log beside the project, else in the temporary folder; return its path."""
    name = f"fault-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.log"
    homes = [project.parent / ".modelwright" / "logs"] if project else []
    for home in [*homes, Path(tempfile.gettempdir())]:
        try:
            home.mkdir(parents=True, exist_ok=True)
            path = home / name
            path.write_text(text, encoding="utf-8")
        except OSError:
            continue
        return path
    return None
