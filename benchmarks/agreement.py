"""One function, every way to call it: the same labels, confidences within 0.005.

    python benchmarks/agreement.py [--project examples/insurance-routing]

Answers the whole test set through `modelwright.load`, `modelwright predict --file`, and a server at 1, 8 and 32
connections, and compares each answer with that of `load` called with one row at a time.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import modelwright
from modelwright import Project

MOST_APART = 0.005
CONNECTIONS = (1, 8, 32)
Answers = list[tuple[object, float]]


def command(project: Path, *words: str) -> list[str]:
    """Return a command line of the project."""
    return [sys.executable, "-m", "modelwright", *words, "--project", str(project)]


def by_load(package: Path, rows: list[dict], output: str) -> Answers:
    """Answer every row alone."""
    function = modelwright.load(package)
    answers = [function.predict([row])[0].outputs[output] for row in rows]
    return [(one.value, one.confidence or 0.0) for one in answers]


def by_predict(project: Path, rows: list[dict], output: str) -> Answers:
    """Answer a file of rows with the command line."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        words = command(project, "predict", "--file", str(file))
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    answers = [json.loads(line)["outputs"][output] for line in done.stdout.splitlines()]
    return [(one["value"], one["confidence"]) for one in answers]


def by_server(port: int, path: str, rows: list[dict], output: str, connections: int) -> Answers:
    """Answer every row over HTTP, with so many connections at once."""
    answers: Answers = [(None, 0.0)] * len(rows)

    def ask(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for number in range(first, len(rows), connections):
            body = json.dumps(rows[number])
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())["outputs"][output]
            answers[number] = (answer["value"], answer["confidence"])
        connection.close()

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def start_server(project: Path) -> tuple[subprocess.Popen, int]:
    """Start the gateway on a free port and wait until it can answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # an answer that is kept would agree with itself
    words = command(project, "serve", "--port", str(port), "--set", "serve.cache.size=0")
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=1)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return server, port
    sys.exit("the server did not become ready")


def compare(name: str, answers: Answers, expected: Answers) -> bool:
    """Print how far answers are from those expected; tell whether they agree."""
    labels = sum(a != b for (a, _), (b, _) in zip(answers, expected, strict=True))
    apart = max(abs(a - b) for (_, a), (_, b) in zip(answers, expected, strict=True))
    agrees = labels == 0 and apart <= MOST_APART
    print(
        f"{name:24} {len(answers):,} rows: {labels} labels differ, confidences at most {apart:.6f} apart"
        f"{'' if agrees else '   NOT THE SAME'}",
        flush=True,
    )
    return agrees


def main() -> None:
    """Print a line for each way; exit 1 when one differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--project", type=Path, default=Path(__file__).parents[1] / "examples/insurance-routing"
    )
    path = parser.parse_args().project
    project = Project(path)
    project.run()
    signature = project.opened.signature
    inputs, output = [field.name for field in signature.inputs], signature.outputs[0].name
    test = Path(project.show("data").path) / "test" / "rows.parquet"
    import polars as pl

    rows = pl.read_parquet(test, columns=inputs).to_dicts()
    package = Path(project.show(str(project.versions().versions[0].number)).path)
    expected = by_load(package, rows, output)
    agree = [compare("predict --file", by_predict(path, rows, output), expected)]
    server, port = start_server(path)
    try:
        for connections in CONNECTIONS:
            answers = by_server(port, f"/{signature.name}", rows, output, connections)
            agree.append(compare(f"server, {connections} connections", answers, expected))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)
    sys.exit(0 if all(agree) else 1)


if __name__ == "__main__":
    main()
