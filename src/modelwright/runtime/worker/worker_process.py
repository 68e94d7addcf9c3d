"""The process of a worker, which is told what to open once it runs.

A process that is to serve starts one before it imports what it needs itself: the worker's own imports, a third of the
time until a version answers, then run on another core. Nothing is imported here that is not needed for that.
"""

from __future__ import annotations

import atexit
import socket
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class WorkerProcess:
    """A process, and our end of the socket pair that it reads; it ends when this is closed."""

    process: subprocess.Popen[bytes]
    connection: socket.socket


_ahead: list[WorkerProcess] = []  # one at most


def start_ahead() -> None:
    """Start the process that the next `started` returns; called in the main thread, with whose end it ends."""
    if not _ahead:
        _ahead.append(_begun())
        atexit.register(_give_up)


def _give_up() -> None:
    """End the process that nobody took: nothing was to be served."""
    while _ahead:
        found = _ahead.pop()
        found.connection.close()
        found.process.kill()
        found.process.wait()


def started() -> WorkerProcess:
    """Return a process that is to be told what to open: the one started ahead, or a new one."""
    if _ahead:
        found = _ahead.pop()
        if found.process.poll() is None:
            return found
        found.connection.close()
    return _begun()


def _begun() -> WorkerProcess:
    ours, theirs = socket.socketpair()
    command = [
        # -P: no module of the working folder
        *(sys.executable, "-P", "-m", "modelwright.runtime.worker.worker"),
        *("--socket", str(theirs.fileno())),
    ]
    # A session of its own: Ctrl-C in a terminal reaches the gateway alone, which lets its workers finish.
    process = subprocess.Popen(  # noqa: S603 - this interpreter and our own module
        command,
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    theirs.close()
    return WorkerProcess(process, ours)
