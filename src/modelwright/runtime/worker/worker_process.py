"""The process of a worker, which is told what to open once it runs.

A process that is to serve starts one before it imports what it needs itself: the worker's own imports, a third of the
time until a version answers, then run on another core. Nothing is imported here that is not needed for that.
"""

from __future__ import annotations

import atexit
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from modelwright.runtime.worker.frames import packed

# What of the section `serve` says how a package is opened: where it is stated, nothing is read before it is known.
OPENED_BY = ("threads", "workers", "device")


@dataclass(frozen=True)
class WorkerProcess:
    """A process, and our end of the socket pair that it reads; it ends when this is closed."""

    process: subprocess.Popen[bytes]
    connection: socket.socket
    reads: Path | None = None  # the package that it reads before it is told how to open it


_ahead: list[WorkerProcess] = []  # one at most


def start_ahead() -> None:
    """Start the process that the next `started` returns; called in the main thread, with whose end it ends."""
    if not _ahead:
        _ahead.append(_begun())
        atexit.register(_give_up)


def read_ahead(package: Path) -> None:
    """Let the process that was started ahead read a package (an absolute path) that is likely to be opened."""
    if _ahead and _ahead[0].reads is None:
        with suppress(OSError):  # it is gone already, and another one takes its place
            _ahead[0].connection.sendall(packed(["read", str(package)]))
            _ahead[0] = replace(_ahead[0], reads=package)


def _give_up() -> None:
    """End the process that nobody took: nothing was to be served."""
    while _ahead:
        found = _ahead.pop()
        found.connection.close()
        found.process.kill()
        found.process.wait()


def started(package: Path) -> WorkerProcess:
    """Return a process that is to be told to open a package: the one started ahead, or a new one."""
    if _ahead:
        found = _ahead.pop()
        if found.process.poll() is None and found.reads in (None, package):
            return found
        found.connection.close()
        found.process.kill()
        found.process.wait()
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
