"""Scripts that read files of others: each runs in a process of its own, isolated, and tells by its exit code."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_LONGEST = 200  # characters of a reason
_RAISED = re.compile(r"[\w.]*(?:Error|Exception|Warning)\b: *\S")  # the line with which a traceback ends


def failure(
    script: str,
    *arguments: str,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    most_s: float | None = None,
) -> str | None:
    """Run a script and return why it failed; None: it did not.

    That is the line that names its exception, behind which a message of several lines may go on, else the last line.

    folder: that it works in; environment: its variables, None: ours. Raises subprocess.TimeoutExpired after `most_s`.
    """
    done = subprocess.run(  # noqa: S603 - our own interpreter, and paths without a shell
        [sys.executable, "-I", "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
        timeout=most_s,
    )
    if not done.returncode:
        return None
    lines = done.stderr.strip().splitlines() or ["?"]
    return next((line for line in reversed(lines) if _RAISED.match(line)), lines[-1])[:_LONGEST]
