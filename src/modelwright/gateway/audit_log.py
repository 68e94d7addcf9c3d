"""Who did what to the gateway: one line of JSON for each call of an operator, and for each key that was refused."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from modelwright.core.messages import MachineError, Problem

MOST_REFUSALS = 60  # lines a minute: whoever tries keys cannot fill the disk; the others are counted
_MINUTE_S = 60.0
_LOG = logging.getLogger(__name__)


class AuditLog:
    """A file to which lines are added and from which none are taken; without a path, it keeps nothing."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        """Open the file, made readable for its owner alone; raises MachineError where it cannot be written."""
        self._clock = clock
        self._refused, self._left_out, self._minute = 0, 0, 0.0
        self._file: int | None = None
        if path is not None:
            try:
                self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            except OSError as error:
                reason = os.strerror(error.errno or 0)
                raise MachineError(Problem("machine.audit-file", where=str(path), error=reason)) from None

    def done(self, *, key: str | None, method: str, path: str, code: int, client: str) -> None:
        """Note what a key that was known has done."""
        self._write({"key": key, "method": method, "path": path, "code": code, "client": client})

    def refused(self, *, method: str, path: str, code: int, client: str) -> None:
        """Note a request whose key was refused (401, 403, 429), up to so many a minute."""
        if self._file is None:
            return
        now = self._clock()
        if now - self._minute >= _MINUTE_S:
            if self._left_out:
                self._write({"left_out": self._left_out})
            self._refused, self._left_out, self._minute = 0, 0, now
        if self._refused >= MOST_REFUSALS:
            self._left_out += 1
            return
        self._refused += 1
        self._write({"method": method[:20], "path": path[:200], "code": code, "client": client})

    def close(self) -> None:
        """Write what was left out, and close the file."""
        if self._file is not None:
            if self._left_out:
                self._write({"left_out": self._left_out})
            os.close(self._file)
            self._file = None

    def _write(self, entry: dict[str, object]) -> None:
        if self._file is None:
            return
        line = (
            json.dumps({"at": round(self._clock(), 3), **entry}) + "\n"
        )  # ASCII: no text of a client breaks a line
        try:
            os.write(self._file, line.encode())
        except OSError as error:
            _LOG.error("an entry of the audit log is lost: %s", error)
