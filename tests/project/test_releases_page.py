"""docs/releases.md: its commands work on a project that is served, with real traffic and labels; so does /admin."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from in_process import say
from waiting import eventually

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "releases.md").read_text("utf-8")
KEYS = {"app": "caller", "desk": "feedback", "branch": "feedback", "boss": "operator", "eye": "viewer"}
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("modelwright ")
]


def truth(height: float) -> str:
    return "small" if height < 50 else "large"


def settings() -> str:
    """Return the section `release` of the page, with steps that a test can wait for."""
    (found,) = re.findall(r"```yaml\n(requirements:.*?)```", PAGE, re.DOTALL)
    quick = {
        "least_requests: 200": "least_requests: 20",
        "least_time: 1 min": "least_time: 0 s",
        "steps: [5 %, 25 %, 50 %]": "steps: [50 %]",
        "<= 15 ms": "<= 2 s",
        "<= 0.5 %": "<= 20 %",
        "{failure_rate: 0.1 %, latency: 10 %, accuracy: 1 %}": "{failure_rate: 20 %, latency: 10, accuracy: 20 %}",
    }
    for before, after in quick.items():
        assert before in found, before
        found = found.replace(before, after)
    return found + "  needs_labels: true\n"


@dataclass
class Load:
    """Callers who ask without a pause, and what they were answered."""

    url: str
    seen: list[tuple[float, int, int, str]] = field(default_factory=list)  # when, HTTP status, version, id
    stop: threading.Event = field(default_factory=threading.Event)
    labels: Callable[[dict[str, Any], float], str] | None = None  # what the two keys report; None: nothing

    def ask(self, seed: int) -> None:
        draw = random.Random(seed)
        with httpx.Client(base_url=self.url, headers=bearer("app"), timeout=30) as client:
            while not self.stop.is_set():
                heights = [draw.uniform(0, 100) for _ in range(5)]
                answer = client.post("/measure", json=[{"height": one} for one in heights])
                rows = answer.json() if answer.is_success else []
                version = rows[0]["version"] if rows else 0
                self.seen.append((time.perf_counter(), answer.status_code, version, ""))
                if self.labels is not None:
                    body = [
                        {"id": row["id"], "size": self.labels(row, height)}
                        for row, height in zip(rows, heights, strict=True)
                    ]
                    key = ("desk", "branch")[draw.random() < 0.5]
                    assert client.post("/feedback", json=body, headers=bearer(key)).status_code == 200
                time.sleep(0.01)

    @property
    def versions(self) -> list[int]:
        return [version for _, _, version, _ in self.seen]


@contextlib.contextmanager
def under_load(url: str, labels: Callable[[dict[str, Any], float], str] | None = None) -> Iterator[Load]:
    load = Load(url, labels=labels)
    callers = [threading.Thread(target=load.ask, args=(seed,)) for seed in range(2)]
    for one in callers:
        one.start()
    try:
        yield load
    finally:
        load.stop.set()
        for one in callers:
            one.join(30)
    assert {code for _, code, _, _ in load.seen} == {200}  # nothing is lost, whatever is released meanwhile


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with two versions, of which the first is released."""
    folder, draw = tmp_path_factory.mktemp("sizes"), random.Random(0)
    keys = "".join(
        f"      {name}: {{role: {role}, sha256: {hashlib.sha256(name.encode()).hexdigest()}}}\n"
        for name, role in KEYS.items()
    )
    (folder / "modelwright.yaml").write_text(
        'function: "measure(height: number) -> size: category"\n'
        + settings()
        + "data: {source: rows.csv}\nmodel: {learner: linear}\nevaluate: {latency_requests: 100}\n"
        + f"serve:\n  port: 0\n  audit: audit.jsonl\n  keys:\n    known:\n{keys}"
    )
    for rows in (600, 640):
        lines = [f"{height:.3f},{truth(height)}" for height in (draw.uniform(0, 100) for _ in range(rows))]
        (folder / "rows.csv").write_text("\n".join(["height,size", *lines]))
        done = say(folder, "run", *(() if rows == 600 else ("--to", "evaluate")))
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """Serve the project from a process of its own."""
    command = [sys.executable, "-m", "modelwright", "serve"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = ""
    try:
        while "http://" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        (found,) = set(re.findall(r"http://127\.0\.0\.1:\d+", said))
        reader = threading.Thread(target=process.stdout.read)  # so that its pipe never fills
        reader.start()
        assert eventually(lambda: httpx.get(f"{found}/v2/health/ready").status_code == 200)
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        reader.join(60)
        process.stdout.close()


def admin(url: str, path: str, body: dict[str, Any] | None = None, key: str = "boss") -> httpx.Response:
    if body is None:
        return httpx.get(f"{url}/admin/{path}", headers=bearer(key))
    return httpx.post(f"{url}/admin/{path}", json=body, headers=bearer(key), timeout=30)


def newest(url: str) -> dict[str, Any]:
    return admin(url, "releases").json()["releases"][0]


def test_the_commands_of_the_page_release_what_labels_prove_and_go_back(folder: Path, url: str) -> None:
    assert [shlex.split(line, comments=True)[1:] for line in COMMANDS] == [
        ["release", "--dry-run"], ["release", "--follow"], ["show", "release"], ["rollback"],
    ]  # fmt: skip
    said = {}
    with under_load(url, labels=lambda _, height: truth(height)) as load:
        assert eventually(lambda: len(load.seen) > 40)
        for line in COMMANDS:
            words = shlex.split(line, comments=True)[1:]
            done = say(folder, *words)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            said[" ".join(words)] = done.stdout
            if "--follow" in words:
                assert {1, 2} <= set(load.versions)
        assert eventually(lambda: load.versions[-1] == 1)  # and back
    assert re.search(r"labelled_accuracy >= champion - 0.2: met, .* n = \d+", said["show release"])
    assert [one["status"] for one in admin(url, "releases").json()["releases"]] == [
        "serving",
        "retired",
        "retired",
    ]


def test_plan_and_the_dry_run_say_how_much_traffic_a_decision_needs(folder: Path, url: str) -> None:
    with under_load(url) as load:
        assert eventually(lambda: len(load.seen) > 20)
    needs = re.compile(r"`([^`]+)` is decided by about ([\d,]+) requests")
    said = [say(folder, *words).stdout for words in (("release", "--dry-run"), ("plan",))]
    dry, planned = (dict(needs.findall(one)) for one in said)
    assert dry == planned
    assert {"latency_p95 <= 2 s", "failure_rate <= 0.2", "failure_rate <= champion + 0.2"} <= set(planned)
    rows = max(int(one.replace(",", "")) for one in planned.values())
    assert rows > 20
    for one in said:
        assert re.search(rf"{rows:,} requests take about \S+ \S+ at [^;]+; the deadline is 1 d", one), one
    direct = say(folder, "plan", "--set", "release.strategy=direct").stdout
    assert not needs.search(direct)


def test_labels_of_two_keys_stop_a_version_that_one_key_cannot(folder: Path, url: str) -> None:
    def against_2(row: dict[str, Any], height: float) -> str:
        right = row["outputs"]["size"]["value"]
        return right if row["version"] == 1 else {"small": "large", "large": "small"}[right]

    asked = admin(url, "releases", {"version": 2, "strategy": "canary"})
    assert asked.json() == {
        "version": 2,
        "previous": 1,
        "strategy": "canary",
        "state": "under way",
        "held_back": [],
    }
    with under_load(url) as load:
        assert eventually(lambda: newest(url)["status"] == "canary")
        assert eventually(lambda: load.versions.count(2) > 20)
        status = json.loads(say(folder, "status", "--json").stdout)
        shown = {row["requirement"]: row["canary"] for row in status["requirements"]}
        assert shown["failure_rate <= 0.2"]["n"] > 20
        assert shown["labelled_accuracy >= champion - 0.2"]["verdict"] == "pending"
        assert {row["version"]: row["share"] for row in status["traffic"]} == {1: 0.5, 2: 0.5}
        assert "canary" in say(folder, "status").stdout
    with under_load(url, labels=against_2):
        assert eventually(lambda: newest(url)["status"] == "rolled back")
    details = admin(url, f"releases/{newest(url)['id']}", key="eye").json()
    (aborted,) = [one for one in details["decisions"] if one["status"] == "aborted"]
    (labels,) = [one for one in aborted["evidence"] if one["requirement"].startswith("labelled")]
    assert labels["verdict"] == "unmet"


def test_copies_reach_a_version_that_is_watched_until_it_is_aborted(url: str) -> None:
    assert admin(url, "releases", {"version": 2, "strategy": "shadow"}).status_code == 200
    with under_load(url) as load:
        assert eventually(lambda: newest(url)["status"] == "shadow")
        assert eventually(lambda: len(load.seen) > 20)
        number = newest(url)["id"]
        traffic = {one["version"]: one for one in admin(url, "traffic").json()["versions"]}
        assert (traffic[2]["shadow"], traffic[2]["share"]) == (True, 0.0)
        assert admin(url, f"releases/{number}/abort", {}).json()["version"] == 1
        assert eventually(lambda: newest(url)["status"] == "rolled back")
    assert set(load.versions) == {1}
    assert admin(url, f"releases/{number}/abort", {}).json()["error"]["id"] == "release.not-under-way"


def test_blue_green_is_proven_on_copies_before_the_switch_and_the_old_version_stays(url: str) -> None:
    assert admin(url, "releases", {"version": 2, "strategy": "blue-green"}).status_code == 200
    seen: list[dict[int, tuple[float, bool]]] = []
    with under_load(url, labels=lambda _, height: truth(height)) as load:

        def serves() -> bool:
            traffic = admin(url, "traffic").json()["versions"]
            seen.append({one["version"]: (one["share"], one["shadow"]) for one in traffic})
            return newest(url)["status"] == "serving"

        assert eventually(serves)
        assert eventually(lambda: load.versions[-1] == 2)
        details = admin(url, f"releases/{newest(url)['id']}", key="eye").json()
        assert admin(url, "rollback", {}).json()["version"] == 1  # it is still loaded
        begun = time.perf_counter()
        assert eventually(lambda: load.versions[-1] == 1)
        assert time.perf_counter() - begun < 1.0
    assert {1: (1.0, False), 2: (0.0, True)} in seen  # copies alone
    assert {1: (0.0, True), 2: (1.0, False)} in seen  # and then for the old one
    assert set(load.versions[: load.versions.index(2)]) == {1}
    assert [one["status"] for one in details["decisions"]] == ["warming", "shadow", "canary", "serving"]
    for decision in details["decisions"][2:]:
        beside = [one for one in decision["evidence"] if "champion" in one["requirement"]]
        assert {one["verdict"] for one in beside} == {"met"}
        assert len(beside) == 3


def test_going_back_takes_less_than_a_second_and_no_answer(folder: Path, url: str) -> None:
    assert admin(url, "releases", {"version": 2, "strategy": "direct"}).status_code == 200
    with under_load(url) as load:
        assert eventually(lambda: load.versions[-1:] == [2])
        begun = time.perf_counter()
        assert admin(url, "rollback", {}).json() == {
            "version": 1, "previous": 2, "strategy": "direct", "state": "released",
        }  # fmt: skip
        assert eventually(lambda: load.versions[-1] == 1)
        time.sleep(0.1)
    last = max(at for at, _, version, _ in load.seen if version == 2)
    assert last - begun < 1.0
    log = [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]
    assert {"key": "boss", "path": "/admin/rollback", "code": 200}.items() <= log[-1].items()


@pytest.mark.parametrize(
    ("path", "body", "status", "problem"),
    [
        ("releases", {"version": 99}, 404, "versions.unknown"),
        ("releases", {"version": "2"}, 422, "admin.body"),
        ("releases", {"version": True}, 422, "admin.body"),
        ("releases", {"verison": 2}, 422, "admin.body"),
        ("releases", {"strategy": "all at once"}, 409, "release.strategy"),
        ("releases/99/abort", {}, 404, "release.unknown"),
        ("rollback", {"to": 99}, 404, "versions.unknown"),
    ],
)
def test_what_cannot_be_done_is_said(
    url: str, path: str, body: dict[str, Any], status: int, problem: str
) -> None:
    answer = admin(url, path, body)
    assert (answer.status_code, answer.json()["error"]["id"]) == (status, problem)
    assert admin(url, path, body, key="eye").status_code == 403
    assert "/" not in answer.json()["error"]["found"]  # no path of this machine
