"""Exit codes of the command line, as scripts and schedulers read them."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Names what an exit code means. The texts for people are `exit.*` in the catalogue."""

    DONE = 0
    FIXABLE = 1  # something the user can fix
    USAGE = 2  # wrong usage, as Click reports it
    GATE = 3  # a requirement is unmet or inconclusive
    INTERNAL = 70  # EX_SOFTWARE of sysexits.h
    INTERRUPTED = 130  # 128 + SIGINT, as shells report it
