"""Downloads a wheel through pip, so that the index, proxies and certificates are those that the user has set."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_TIMEOUT_S = 15
_MOST_S = 600.0
_MOST_CHARACTERS = 160  # of what pip says


def download(requirement: str, into: Path) -> tuple[Path | None, str | None]:
    """Return the wheel that `NAME==VERSION` is, in a folder of its own, or why there is none (None: pip does not say).

    Wheels alone: a source distribution would be run to be built. Nothing is installed, and nothing of it runs.
    """
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"),
        *("--retries", "1", "--timeout", str(_TIMEOUT_S), "--dest", str(into)),
        requirement,
    ]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, and a name that cannot be an option
            command, capture_output=True, text=True, check=False, timeout=_MOST_S
        )
    except subprocess.TimeoutExpired:
        return None, f"{_MOST_S:g} s"
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or [""])[-1][:_MOST_CHARACTERS] or None
    return next(iter(sorted(into.glob("*.whl"))), None), None
