"""SQLite's write-ahead log, which lets readers and a writer work at the same time."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

_PAUSE_S = 0.01


def use_write_ahead_log(execute: Callable[[str], object], wait_s: float) -> None:
    """Switch a database to the write-ahead log, also while another process is making it.

    SQLite refuses the switch at once where somebody writes in the old mode, whatever its `busy_timeout`. Raises
    sqlite3.OperationalError when that has not ended after `wait_s` seconds.
    """
    deadline = time.monotonic() + wait_s
    while True:
        try:
            execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
