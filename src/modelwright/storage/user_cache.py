"""Where lies what the projects of one user share and could make again: weights, what modules say."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """Return the folder (XDG Base Directory 0.8: `$XDG_CACHE_HOME`, or `.cache` at home); it need not exist.

    A user without a home has a folder that cannot be made: whoever writes meets an OSError, as on a full disk.
    """
    given = os.environ.get("XDG_CACHE_HOME")
    if given:
        return Path(given) / "modelwright"
    try:
        return Path.home() / ".cache" / "modelwright"
    except RuntimeError:
        return Path(os.devnull) / "modelwright"
