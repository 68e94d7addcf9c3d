"""The command line without a process of its own, for tests of which the process is no part: seconds less each time."""

from __future__ import annotations

import contextlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from modelwright.cli.main import answer
from modelwright.core import messages
from modelwright.core.messages import catalog
from modelwright.runtime.worker import worker_process


@dataclass(frozen=True)
class Said:
    """The exit code of a command line, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def say(folder: Path, *words: str, **environment: str) -> Said:
    """Answer a command line in `folder`; the environment names no language beside what is given (else English)."""
    bare = {name: value for name, value in os.environ.items() if name not in catalog.VARIABLES}
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, {**bare, "COLUMNS": "200", **environment}, clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        messages.use(messages.preferred(os.environ))
        try:
            code = answer(words)
        finally:
            messages.use("en")
            # as a process does at its end: the next test may have another environment
            worker_process._give_up()
    return Said(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))
