"""docs/feedback.md: its commands report a truth that is judged, and what is reported never enters the data."""

from __future__ import annotations

import json
import random
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from in_process import say
from waiting import eventually

from modelwright.engine.store import Store

PAGE = (Path(__file__).parents[2] / "docs" / "feedback.md").read_text("utf-8")
SHELL = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
BARS = "".join(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project that has run, with the requirement of the page."""
    folder, draw = tmp_path_factory.mktemp("sizes"), random.Random(0)
    heights = (round(draw.uniform(0, 100), 3) for _ in range(300))
    rows = "".join(f"{one},{'small' if one < 50 else 'large'}\n" for one in heights)
    (folder / "rows.csv").write_text("height,size\n" + rows)
    (folder / "modelwright.yaml").write_text(
        'function: "measure(height: number) -> size: category"\n'
        + BARS
        + "data: {source: rows.csv}\nmodel: {learner: linear}\nevaluate: {latency_requests: 100}\n"
        "serve: {port: 0, feedback: {per_hour: 50}}\n"
    )
    done = say(folder, "run")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """Serve it by the command of the page."""
    process = subprocess.Popen(
        [sys.executable, "-m", *shlex.split(SHELL[0])],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = ""
    try:
        while "http://" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        (found,) = re.findall(r"http://127\.0\.0\.1:\d+", said)
        reader = threading.Thread(target=process.stdout.read)  # so that its pipe never fills
        reader.start()
        assert eventually(lambda: httpx.get(f"{found}/v2/health/ready").status_code == 200)
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        reader.join(60)
        process.stdout.close()


def report(url: str, body: object) -> httpx.Response:
    return httpx.post(f"{url}/feedback", json=body)


def test_the_commands_of_the_page_report_a_truth_that_is_judged(folder: Path, url: str) -> None:
    for line in SHELL[1:-1]:
        words = shlex.split(line.replace("http://127.0.0.1:8080", url))
        assert words[:2] == ["curl", "-s"]
        headers = [
            words[place + 1].split(": ", 1) for place in range(3, len(words), 2) if words[place] == "-H"
        ]
        answer = httpx.post(words[2], headers=headers, content=words[-1])
        assert answer.status_code == 200, line
    assert json.dumps(answer.json()) in PAGE

    def judged() -> tuple[float | None, int]:
        done = say(folder, *shlex.split(SHELL[-1])[1:], "--json")
        assert done.returncode in {0, 3}, done.stderr
        rows = json.loads(done.stdout)["requirements"]
        (row,) = [one for one in rows if one["requirement"].startswith("labelled")]
        return row["value"], row["n"]

    assert eventually(lambda: judged() == (1.0, 1)), judged()


def test_what_is_reported_never_enters_the_data_and_is_bounded_a_key(folder: Path, url: str) -> None:
    def sealed() -> dict[str, str]:
        found = Store(folder / ".modelwright").artifacts()
        return {one.key: one.digest for one in found if one.stage in {"data", "learn", "package"}}

    before = sealed()
    # heights that the data does not hold, all labelled wrongly
    given = httpx.post(f"{url}/measure", json=[{"height": 1000.5 + one} for one in range(40)]).json()
    truths = [{"id": one["id"], "size": "small"} for one in given]
    assert report(url, truths).json()["accepted"] == 40
    refused = report(url, truths)
    assert (refused.status_code, refused.json()["error"]["id"]) == (429, "feedback.too-many")
    done = say(folder, "run", "--json")
    assert done.returncode in {0, 3}, done.stderr
    assert sealed() == before
    assert say(folder, "run", "--from", "data", "--to", "data").returncode == 0  # read again, nothing is new
    assert sealed() == before
