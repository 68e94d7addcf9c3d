"""Scripts that read files of others: each runs in a process of its own, isolated, and tells by its exit code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_LONGEST = 200  # characters of a reason


def failure(
    script: str,
    *arguments: str,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    most_s: float | None = None,
) -> str | None:
    """Run a script and return why it failed, the last line that it wrote to its standard error; None: it did not.

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
    return (done.stderr.strip().splitlines() or ["?"])[-1][:_LONGEST] if done.returncode else None
