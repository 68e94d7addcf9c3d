"""A kind, a metric and a learner go the whole loop as what this package brings does: by the command line alone.

One project has dates and tags, the other what a distribution installed beside brings (`helpers/distributions/
survey`). Both are inferred, profiled, learned, measured, gated, sliced, packaged, served, recorded and shown.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import in_process
import pytest

import modelwright

SURVEY = Path(__file__).parent / "helpers" / "distributions" / "survey"
START_S = 60.0
TICKETS = """
function: {name: sort, inputs: "*", outputs: {labels: tags}}
requirements:
  f1: ">= 0.8"
  f1[urgent]: ">= 0.8"
  subset_accuracy where opened >= '2024-07-01': ">= 0.8"
  hamming_loss where labels has 'urgent': "<= 0.1"
  size: "<= 1 MB"
data: {source: tickets.csv}
learn: {budget: 20 s, epochs: 60}
"""
SURVEYS = """
function: {name: feel, inputs: "*", outputs: {mood: category}}
requirements:
  top_two: ">= 0.9"
  accuracy where rating >= 4: ">= 0.7"
  latency_p95: "<= 1 s"
data: {source: survey.csv}
model: {learner: centroid, sharpness: 2}
"""


def command(folder: Path, *words: str, beside: Path | None = None) -> subprocess.CompletedProcess[str]:
    path = [*([str(beside)] if beside else []), str(Path(modelwright.__file__).parents[1])]
    return subprocess.run(
        [sys.executable, "-m", "modelwright", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def looked(folder: Path, *words: str) -> dict[str, Any]:
    """Return what a verb that only reads answers; it needs no process of its own."""
    done = in_process.say(folder, *words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def answer(folder: Path, *words: str, beside: Path | None = None) -> dict[str, Any]:
    done = command(folder, *words, "--json", beside=beside)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextlib.contextmanager
def serving(folder: Path, beside: Path | None = None) -> Iterator[httpx.Client]:
    """Run the gateway of a project, as a user starts it, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = [*([str(beside)] if beside else []), str(Path(modelwright.__file__).parents[1])]
    with (folder / "serve.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "modelwright", "serve", "--port", str(port)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
            stdout=log,
            stderr=log,
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                deadline = time.monotonic() + START_S
                while True:
                    with contextlib.suppress(httpx.HTTPError):
                        if client.get("/v2/health/ready").status_code == 200:
                            break
                    assert server.poll() is None, (folder / "serve.log").read_text()
                    assert time.monotonic() < deadline, (folder / "serve.log").read_text()
                    time.sleep(0.05)
                yield client
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project: tickets opened in winter are `cold`, those of weekends `urgent`, long ones `long`."""
    folder = tmp_path_factory.mktemp("tickets")
    draw = random.Random(0)
    lines = ["opened,words,labels"]
    for _ in range(1500):
        year, month, day = draw.randint(2023, 2024), draw.randint(1, 12), draw.randint(1, 28)
        words = draw.randint(1, 100)
        weekend = time.strptime(f"{year}-{month}-{day}", "%Y-%m-%d").tm_wday >= 5
        labels = [
            *(["cold"] if month in {12, 1, 2} else []),
            *(["urgent"] if weekend else []),
            *(["long"] if words > 60 else []),
        ]
        lines.append(f"{year}-{month:02}-{day:02},{words},{';'.join(labels) or '[]'}")
    (folder / "tickets.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "modelwright.yaml").write_text(TICKETS, "utf-8")
    return folder


@pytest.mark.proof
def test_dates_and_tags_go_the_whole_loop(tickets: Path) -> None:
    ran = answer(tickets, "run")
    verdicts = {
        row["requirement"].partition(" <")[0].partition(" >=")[0]: row["verdict"]
        for row in ran["requirements"]
    }
    assert [row["verdict"] for row in ran["requirements"]] == ["met"] * 5, verdicts
    checked = looked(tickets, "check")
    assert checked["signature"] == "sort(opened: date, words: number) -> labels: tags"
    assert checked["evaluations"] == 1
    profile = next((tickets / ".modelwright" / "objects").rglob("profile.json"))
    assert json.loads(profile.read_text())["inputs"]["opened"]["kind"] == "date"
    said = looked(tickets, "predict", "opened=2024-01-06", "words=80")
    with serving(tickets) as client:
        row = {"opened": "2024-01-06", "words": 80}
        served = client.post("/sort", json=row).json()
        assert served["outputs"]["labels"]["value"] == ["cold", "long", "urgent"]
        assert said["outputs"]["labels"]["value"] == served["outputs"]["labels"]["value"]
        empty = client.post("/sort", json={"opened": "2024-05-15", "words": 3}).json()
        assert empty["outputs"]["labels"]["value"] == []
        refused = client.post("/sort", json={"opened": "2024-02-30", "words": 3})
        assert (refused.status_code, refused.json()["error"]["id"]) == (422, "request.wrong-value")
        assert "2024-" in client.get("/docs").text
    status = looked(tickets, "status")
    assert status["traffic"][0]["requests"] == 2, status
    report = in_process.say(tickets, "show", "report")
    assert report.returncode == 0, report.stderr
    page = next((tickets / ".modelwright" / "reports").rglob("report.html")).read_text("utf-8")
    assert all(tag in page for tag in ("cold", "urgent", "long"))


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose kind, metric and learner another distribution brings."""
    folder = tmp_path_factory.mktemp("survey")
    draw = random.Random(1)
    lines = ["rating,age,mood"]
    for _ in range(1200):
        stars = draw.randint(1, 5)
        mood = "sad" if stars <= 2 else "fine" if stars <= 3 else "glad"
        lines.append(f"{'★' * stars},{draw.randint(18, 80)},{mood}")
    (folder / "survey.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "modelwright.yaml").write_text(SURVEYS, "utf-8")
    return folder


def test_what_another_distribution_brings_goes_the_whole_loop(survey: Path) -> None:
    ran = answer(survey, "run", beside=SURVEY)
    assert [row["verdict"] for row in ran["requirements"]] == ["met", "met", "met", "pending"]
    checked = answer(survey, "check", beside=SURVEY)
    assert checked["signature"] == "feel(rating: stars, age: number) -> mood: category"
    again = answer(survey, "run", beside=SURVEY)
    assert {stage["status"] for stage in again["stages"]} == {"cached"}
    with serving(survey, beside=SURVEY) as client:
        served = client.post("/feel", json={"rating": "★★★★★", "age": 30}).json()
        assert served["outputs"]["mood"]["value"] == "glad"
        refused = client.post("/feel", json={"rating": "five", "age": 30}).json()["error"]
        assert "one to five stars" in refused["rule"] + refused["found"]
        assert "★" in client.get("/docs").text
    status = answer(survey, "status", beside=SURVEY)
    assert status["traffic"][0]["requests"] == 1, status


def test_its_code_is_part_of_the_key(survey: Path, tmp_path: Path) -> None:
    """An edited learner of another distribution learns again; an edited comment does not."""
    copy = tmp_path / "site"
    shutil.copytree(SURVEY, copy)
    answer(survey, "run", "--to", "package", beside=copy)
    file = copy / "survey_plugins" / "centroid" / "learn.py"
    file.write_text(file.read_text("utf-8") + "\n# a comment\n", "utf-8")
    same = answer(survey, "run", "--to", "package", beside=copy)
    assert {stage["status"] for stage in same["stages"]} == {"cached"}
    file.write_text(file.read_text("utf-8") + "\nADDED = 1\n", "utf-8")
    other = answer(survey, "run", "--to", "package", beside=copy)
    assert {stage["name"]: stage["status"] for stage in other["stages"]}["learn"] == "done"


def test_without_the_distribution_its_names_are_unknown(survey: Path) -> None:
    done = command(survey, "predict", "rating=★★", "age=40")
    assert done.returncode == 1
    assert "`top_two`" in done.stderr
    assert "`centroid`" in done.stderr
    assert "Traceback" not in done.stderr
