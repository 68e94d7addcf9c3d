"""Take the example round the loop: check, run, serve, three real questions over HTTP, the live table.

Run it with `make demo`. Everything it does is a `modelwright` command that you can type yourself; each is
printed before it runs.
"""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
START_TIMEOUT_S = 60.0
# Asked by customers of an insurance library; none of them stands in the training split.
QUESTIONS = (
    "What Is Medigap Supplemental Insurance?",
    "Is Blepharoplasty Covered By Medicare?",
    "What Do I Do About Insurance When I Buy A New Car?",
)


def modelwright(*arguments: str) -> list[str]:
    """Return the command line of a `modelwright` verb on this project."""
    return [sys.executable, "-m", "modelwright", *arguments, "--project", str(PROJECT / "modelwright.yaml")]


def show(title: str, *arguments: str) -> None:
    """Print what is about to happen, as the reader would type it."""
    print(f"\n── {title}\n$ modelwright {shlex.join(arguments)}\n", flush=True)


def step(title: str, *arguments: str) -> None:
    """Run one verb and stop the demo when it fails."""
    show(title, *arguments)
    code = subprocess.run(modelwright(*arguments), check=False).returncode
    if code != 0:
        sys.exit(code)


def free_port() -> int:
    """Return a port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(base: str, server: subprocess.Popen[bytes]) -> None:
    """Wait for the server to say that it can answer; stop the demo when it cannot."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{base}/v2/health/ready", timeout=1):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    sys.exit("the server did not become ready")


def ask(base: str, question: str) -> str:
    """Ask one question over HTTP and return a line that shows the answer."""
    body = json.dumps({"question": question}).encode()
    request = urllib.request.Request(f"{base}/route", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = json.load(response)
    domain = answer["outputs"]["domain"]
    return (
        f"{question:<50} → {domain['value']:<22} {domain['confidence']:.3f}   (version {answer['version']})"
    )


def main() -> None:
    """Go round the loop once."""
    begun = time.monotonic()
    step(
        "What can the test set prove? (one bar added that it cannot: 17 rows of that class)",
        *("check", "--set", "requirements.recall[critical-illness-insurance]=>= 0.90"),
    )
    step("Round the loop: data, plan, learn, package, evaluate, release", "run")
    port = free_port()
    show("Serve the released version", "serve", "--port", str(port))
    server = subprocess.Popen(modelwright("serve", "--port", str(port)))
    try:
        base = f"http://127.0.0.1:{port}"
        wait_until_ready(base, server)
        for question in QUESTIONS:
            print(ask(base, question), flush=True)
        step("Every requirement, on test data, on the package and in live traffic", "status")
    finally:
        server.terminate()
        server.wait(timeout=30)
    print(f"""
The whole loop took {time.monotonic() - begun:.0f} s. What to do next, in examples/{PROJECT.name}/ (the command
lies in .venv/bin; `source .venv/bin/activate` finds it):
  modelwright serve              answers POST /route; try it at /docs
  modelwright predict question="Does Medicare cover dental?"
  modelwright show report        the report of what was measured
  edit modelwright.yaml          raise a bar, then `modelwright run`: only what it touches runs again
  modelwright new my-project     start with your own data""")


if __name__ == "__main__":
    main()
