"""Servers in processes of their own, for the benchmarks of serving: started, awaited, and ended with all they start."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from load_generator import Asked

START_S = 90.0


@dataclass(frozen=True)
class Running:
    """A server that answers: what it is called, where, and what to ask it."""

    label: str
    asked: Asked
    process: psutil.Process

    def cpu_s(self) -> float:
        """Return the CPU time of its processes."""
        seconds = 0.0
        for one in (self.process, *self.process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                seconds += sum(one.cpu_times()[:2])
        return seconds


@contextlib.contextmanager
def served(label: str, command: list[str], asked: Asked, ready: str, **how: object) -> Iterator[Running]:
    """Run a server for the length of the block; all processes that it started end with it."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **how)  # type: ignore[call-overload]
        running = Running(label, asked, psutil.Process(process.pid))
        try:
            if not wait_until(
                process, asked.port, f"GET {ready} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
            ):
                log.seek(0)
                sys.exit(f"{label} did not become ready:\n{log.read().decode()[-3000:]}")
            yield running
        finally:
            end(process)


def wait_until(process: subprocess.Popen[bytes], port: int, request: str) -> bool:
    """Wait until a request is answered 200; False where that does not come about."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                connection.sendall(request.encode())
                if connection.recv(1000).startswith(b"HTTP/1.1 200"):
                    return True
        except OSError:
            pass
        time.sleep(0.01)
    return False


def end(process: subprocess.Popen[bytes]) -> None:
    """End a server, and whatever it has started and left."""
    try:
        started = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        started = []
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    process.kill()
    process.wait()
    for one in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(started, 5)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def our_command(package: Path, port: int, *, as_it_comes: bool = False) -> list[str]:
    """Return the command that serves a package.

    No answer is kept, so that what is measured is how it answers, unless it is served as it comes.
    """
    command = Path(sys.executable).with_name("modelwright")
    start = [str(command)] if command.exists() else [sys.executable, "-m", "modelwright"]
    alone = [] if as_it_comes else ["--set", "serve.cache.size=0"]
    return [*start, "serve", "--package", str(package), "--port", str(port), *alone]
