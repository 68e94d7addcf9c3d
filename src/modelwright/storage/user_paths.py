"""Paths that people write."""

from __future__ import annotations

from pathlib import Path


def expanded(written: str | Path) -> Path:
    """Return a path with `~` as the home of its user; where there is no such user, it is the name of a folder."""
    try:
        return Path(written).expanduser()
    except RuntimeError:  # `~nobody/x`
        return Path(written)
