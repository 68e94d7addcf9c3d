"""A project with four versions whose answers differ on every question, and the gateway that serves it.

Versions 1 and 2 are sound, and answer what nobody else answers; of version 3 the package is damaged once it is made;
version 4 was trained on one shop alone, so that most of the traffic is unseen to it, which breaks a requirement.
Questions are made up: what they are learned for is of no use, and takes seconds.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from modelwright import Project
from modelwright import load as load_function
from modelwright.storage.state.database import State

SOUND, DAMAGED, UNSEEN = (1, 2), 3, 4
FUNCTION = "sort(question: text, shop: category) -> topic: category"
TOPICS, SHOPS = 12, ("north", "south", "east", "west")
WORDS = [[f"word{topic}x{number}" for number in range(12)] for topic in range(TOPICS)]
KEEP_S = 6  # the version before is loaded for as long, then a release of it loads it anew
WAIT_S = 60.0  # for what a gateway does within seconds, on a machine that is not full


def settings(canary: str) -> dict[str, object]:
    """Return the project file; canary: the least time of a step."""
    return {
        "function": FUNCTION,
        "requirements": {"unseen_rate[shop]": "<= 30 %", "failure_rate": "<= 20 %"},
        "data": {"source": "rows.csv", "twins": "ignore"},
        "model": {"learner": "linear"},
        "learn": {"threads": 1},
        "evaluate": {"latency_requests": 100},
        "release": {
            "strategy": "canary",
            "steps": ["50 %"],
            "least_requests": 40,
            "least_time": canary,
            "keep": f"{KEEP_S} s",
            "not_worse": {"failure_rate": "20 %", "latency": 10, "accuracy": "20 %"},
        },
        "serve": {"port": 0, "workers": 2, "cache": {"size": None}},
    }


def rows(draw: random.Random, count: int) -> Iterator[tuple[int, str, str]]:
    """Yield a topic, a question about it, and a shop."""
    for _ in range(count):
        topic = draw.randrange(TOPICS)
        words = draw.choices(WORDS[topic], k=5) + draw.choices(WORDS[draw.randrange(TOPICS)], k=1)
        yield topic, " ".join(words), draw.choice(SHOPS)


def make(folder: Path, canary: str = "0 s") -> None:
    """Make the project and its versions in a folder; nothing is released but version 1."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "modelwright.yaml").write_text(json.dumps(settings(canary)), "utf-8")
    for version in (*SOUND, DAMAGED, UNSEEN):
        draw = random.Random(version)
        lines = [
            f"{question},{shop if version != UNSEEN else SHOPS[0]},version{version}topic{topic}"
            for topic, question, shop in rows(draw, 600)
        ]
        (folder / "rows.csv").write_text("\n".join(["question,shop,topic", *lines]), "utf-8")
        found = Project(folder).run(to="release" if version == SOUND[0] else "evaluate")
        if found.version != version:
            sys.exit(f"version {version} was not made: {found.as_json()}")
    graph = next(package(folder, DAMAGED).glob("*.onnx"))
    graph.chmod(0o644)
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")


def package(folder: Path, version: int) -> Path:
    """Return where the package of a version lies."""
    labels = f"version{version}topic0"
    found = [
        one
        for one in (folder / ".modelwright/objects/package").glob("*/package")
        if labels in (one / "manifest.json").read_text("utf-8")
        or any(labels.encode() in file.read_bytes() for file in one.rglob("*") if file.is_file())
    ]
    (only,) = found
    return only


@dataclass(frozen=True)
class Questions:
    """Bodies of requests, and what each version answers in process: as the gateway writes it, with the version."""

    bodies: Sequence[str]
    expected: Sequence[Sequence[str]]

    @classmethod
    def of(cls, folder: Path, versions: Sequence[int], count: int = 500) -> Questions:
        """Draw questions and answer them in process; texts come in the order of the versions."""
        drawn = [{"question": text, "shop": shop} for _, text, shop in rows(random.Random(99), count)]
        found = []
        for version in versions:
            answers = load_function(package(folder, version)).predict(drawn)
            found.append(
                [f'"version":{version},"outputs":{{"topic":{{"value":"{one.topic}"' for one in answers]
            )
        return cls([json.dumps(one) for one in drawn], list(zip(*found, strict=True)))


class UnexpectedError(Exception):
    """A gateway did not do what it was asked."""


class Operator:
    """Asks for releases, as the verbs do, and sees what becomes of them: in the state database, so that a gateway with
    all that it can answer is not asked more."""

    def __init__(self, folder: Path, port: int) -> None:
        self._project = Project(folder)
        self._state = State.open(folder / ".modelwright/state.db")
        # each request gets a connection of its own: one that waits may be closed just when it is used again
        alone = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, limits=alone)

    def get(self, path: str) -> Any:
        """Return what a path below /admin shows."""
        return self._client.get(f"/admin/{path}").raise_for_status().json()

    def shares(self) -> dict[int, float]:
        """Return which version answers what share."""
        return {one["version"]: one["share"] for one in self.get("traffic")["versions"] if one["share"]}

    def release(self, version: int, strategy: str) -> int:
        """Request a release; return its number."""
        self._project.release(version, strategy)
        return self._state.releases()[-1].id

    def go_back(self, to: int) -> int:
        """Ask to go back to a version; return the number of the release that does."""
        self._project.rollback(to)
        return self._state.releases()[-1].id

    def ends(self, number: int, *statuses: str) -> str:
        """Wait until a release has one of these statuses; return it. Raises UnexpectedError where it gets none."""
        seen: list[str] = []

        def there() -> bool:
            seen.append(next(str(one.status) for one in self._state.releases() if one.id == number))
            return seen[-1] in statuses

        if not wait(there):
            raise UnexpectedError(
                f"release {number} is {seen[-1]} after {WAIT_S:.0f} s, and not {' or '.join(statuses)}"
            )
        return seen[-1]


def wait(there: Callable[[], bool], seconds: float = WAIT_S) -> bool:
    """Wait until something is there; tell whether it came."""
    deadline = time.monotonic() + seconds
    while not there():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def command(folder: Path, port: int) -> list[str]:
    """Return the command that serves the project."""
    return [sys.executable, "-m", "modelwright", "serve", "--project", str(folder), "--port", str(port)]
