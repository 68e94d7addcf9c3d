"""What the demos of the examples share: each `modelwright` command is printed, as a reader would type it, and run."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Walkthrough:
    """The commands of one example; project: its folder."""

    project: Path

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a `modelwright` verb on the project."""
        return [
            sys.executable,
            "-m",
            "modelwright",
            *arguments,
            "--project",
            str(self.project / "modelwright.yaml"),
        ]

    def show(self, title: str, *arguments: str) -> None:
        """Print what is about to happen, as the reader would type it."""
        print(f"\n── {title}\n$ modelwright {shlex.join(arguments)}\n", flush=True)

    def step(self, title: str, *arguments: str) -> None:
        """Run one verb and stop the demo when it fails."""
        self.show(title, *arguments)
        code = subprocess.run(self.command(*arguments), check=False).returncode
        if code != 0:
            sys.exit(code)

    @contextmanager
    def serving(self, title: str) -> Iterator[str]:
        """Serve the released version within the block, which is given its address."""
        port = _free_port()
        self.show(title, "serve", "--port", str(port))
        server = subprocess.Popen(self.command("serve", "--port", str(port)))
        try:
            base = f"http://127.0.0.1:{port}"
            _wait_until_ready(base, server)
            yield base
        finally:
            server.terminate()
            server.wait(timeout=30)


def asked(url: str, values: dict[str, object]) -> dict[str, Any]:
    """Return what a function answers over HTTP."""
    request = urllib.request.Request(url, json.dumps(values).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        found: dict[str, Any] = json.load(response)
    return found


def _free_port() -> int:
    """Return a port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(base: str, server: subprocess.Popen[bytes]) -> None:
    """Wait for the server to say that it can answer; stop the demo when it cannot."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/v2/health/ready", timeout=1):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    sys.exit("the server did not become ready")
