"""Faults while a gateway serves: nothing lost, nothing wrong, memory flat, going back within a second.

    python benchmarks/serving_load.py [--minutes 20] [--share 0.8] [--connections 32]

`served_project.py` makes a project whose versions answer differently on every question. Its capacity is measured in a
closed loop. Then questions come at random moments (a Poisson process) at a share of that rate, while every 10 s the
other sound version is released (its workers start, the others end), every 30 s one whose package is damaged (it fails,
and the old one goes on), every 20 s a worker is killed with SIGKILL, and every 60 s a canary is released whose live
traffic breaks a requirement (it is aborted), and a release is taken back. Each answer is compared with what the version
that it names answers in process. Shown are requests that were lost, wrong or refused; how long after an operator asked
to go back the other version still answered; and the gateway's memory, with its slope over the second half.

Capacity is that of the moment: on a machine with other work, 80 % of it may be too much or little a minute later.
"""

from __future__ import annotations

import argparse
import collections
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from load_generator import Answered, Asked, Load, load
from running_servers import Running, free_port, served
from served_project import DAMAGED, SOUND, UNSEEN, Operator, Questions, command, make

MEBIBYTE = 2**20
VERSIONS = (*SOUND, UNSEEN)  # that may answer
EVERY_S = {"reload": 10.0, "kill": 20.0, "failed reload": 30.0, "aborted canary": 60.0, "rollback": 60.0}
FIRST_S = {"reload": 4.0, "kill": 7.0, "failed reload": 9.0, "aborted canary": 11.0, "rollback": 26.0}
SAMPLE_S = 1.0


@dataclass
class Faults:
    """Does to a gateway what its settings say, one thing after the other, and notes what it did and saw."""

    running: Running
    operator: Operator
    speed: float = 1.0  # times as often
    done: collections.Counter[str] = field(default_factory=collections.Counter)
    went_back: list[tuple[float, int]] = field(default_factory=list)  # asked at (monotonic), the version left
    memory: list[tuple[float, float, int]] = field(default_factory=list)  # seconds, MiB, open files

    def run(self, seconds: float) -> None:
        """Go on for some time."""
        begun, draw = time.monotonic(), random.Random(0)
        due = {name: first / self.speed for name, first in FIRST_S.items()}
        acts: dict[str, Callable[[], None]] = {
            "reload": self._reload,
            "kill": lambda: self._kill(draw),
            "failed reload": self._fail,
            "aborted canary": self._abort,
            "rollback": self._go_back,
        }
        sample_s = 0.0
        while (now := time.monotonic() - begun) < seconds:
            if now >= sample_s:
                sample_s = now + SAMPLE_S
                process = self.running.process
                self.memory.append((now, process.memory_info().rss / MEBIBYTE, process.num_fds()))
            name = min(due, key=lambda one: due[one])
            if due[name] <= now:
                due[name] += EVERY_S[name] / self.speed
                acts[name]()
                self.done[name] += 1
            time.sleep(0.02)

    def _serves(self) -> int:
        (version,) = self.operator.shares()
        return version

    def _reload(self) -> None:
        other = SOUND[self._serves() == SOUND[0]]
        self.operator.ends(self.operator.release(other, "direct"), "serving")

    def _kill(self, draw: random.Random) -> None:
        workers = self.running.process.children()
        if workers:
            draw.choice(workers).kill()

    def _fail(self) -> None:
        before = self.operator.shares()
        self.operator.ends(self.operator.release(DAMAGED, "direct"), "failed")
        if self.operator.shares() != before:
            sys.exit(f"a failed reload moved the traffic: {before} → {self.operator.shares()}")

    def _abort(self) -> None:
        before = self.operator.shares()
        self.operator.ends(self.operator.release(UNSEEN, "canary"), "rolled back")
        if self.operator.shares() != before:
            sys.exit(f"an aborted canary moved the traffic: {before} → {self.operator.shares()}")

    def _go_back(self) -> None:
        before = self._serves()
        self._reload()
        left = self._serves()
        self.went_back.append((time.monotonic(), left))
        self.operator.ends(self.operator.go_back(before), "serving")


def gone_after_s(answers: Answered, went_back: list[tuple[float, int]], within_s: float = 5.0) -> list[float]:
    """Return for each time of going back how long the version that was left still answered, in seconds."""
    done_s = answers.begun + answers.done_s
    found = []
    for at, version in went_back:
        theirs = (answers.which == VERSIONS.index(version)) & (done_s > at) & (done_s < at + within_s)
        found.append(float((done_s[theirs] - at).max(initial=0.0)))
    return found


def slope(memory: list[tuple[float, float, int]]) -> float:
    """Return MiB an hour over the second half, (samples, 3) of seconds, MiB and files."""
    half = np.array(memory[len(memory) // 2 :])
    return float(np.polyfit(half[:, 0], half[:, 1], 1)[0] * 3600)


@dataclass(frozen=True)
class Found:
    """What a load with faults showed."""

    answers: Answered
    faults: Faults
    capacity: float

    @property
    def went_back_s(self) -> list[float]:
        """Return how long versions still answered that were left."""
        return gone_after_s(self.answers, self.faults.went_back)

    @property
    def failures(self) -> list[str]:
        """Return what must not be."""
        answers = self.answers
        found = [
            f"{count} {name}" for name, count in (("lost", answers.lost), ("wrong", answers.wrong)) if count
        ]
        refused = collections.Counter(answers.status[(answers.status > 0) & (answers.status != 200)].tolist())
        found += [f"{count} answered {code}" for code, count in refused.items()]
        return found + [f"going back took {one:.2f} s" for one in self.went_back_s if one > 1.0]

    def show(self) -> None:
        """Print it."""
        latency, memory = self.answers.latency_ms(), self.faults.memory
        p50, p99 = np.quantile(latency, [0.5, 0.99])
        which = collections.Counter(self.answers.which.tolist())
        print(
            f"capacity {self.capacity:.0f} /s; asked {len(self.answers.status) / self.answers.seconds:.0f} /s"
        )
        print(
            f"{len(self.answers.status)} requests in {self.answers.seconds:.0f} s; answered by version: ",
            end="",
        )
        print(", ".join(f"{version}: {which[place]}" for place, version in enumerate(VERSIONS)))
        print("; ".join(f"{name}: {count}" for name, count in sorted(self.faults.done.items())))
        print(f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {latency.max():.0f} ms")
        print("went back after: " + ", ".join(f"{one:.2f} s" for one in self.went_back_s))
        print(
            f"gateway: {memory[0][1]:.0f} MiB and {memory[0][2]} files at the start, {memory[-1][1]:.0f} MiB and "
            f"{memory[-1][2]} files at the end; {slope(memory):+.1f} MiB an hour over the second half"
        )
        print("failures: " + ("; ".join(self.failures) or "none"), flush=True)


def measure(folder: Path, seconds: float, share: float, connections: int, speed: float = 1.0) -> Found:
    """Serve a project that `make` has made, ask at a share of the capacity, and do the faults."""
    questions, port = Questions.of(folder, VERSIONS), free_port()
    asked = Asked(port, "/sort", questions.bodies, questions.expected)
    with served("gateway", command(folder, port), asked, "/v2/health/ready") as running:
        load(asked, Load(connections, min(2.0, seconds / 4)))  # warm
        capacity = load(asked, Load(connections, min(5.0, seconds / 4))).per_s
        faults = Faults(running, Operator(folder, port), speed)
        answers: list[Answered] = []
        how = Load(4 * connections, seconds, per_s=share * capacity)
        asking = threading.Thread(target=lambda: answers.append(load(asked, how)))
        asking.start()
        try:
            faults.run(seconds)
        finally:
            asking.join()
    return Found(answers[0], faults, capacity)


def main() -> None:
    """Make the project, load it, print what came of it; exit 1 where something was lost, wrong or refused."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--share", type=float, default=0.8, help="of the capacity")
    parser.add_argument("--connections", type=int, default=32)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="serving-load-") as temporary:
        folder = Path(temporary) / "project"
        make(folder)
        found = measure(folder, 60 * given.minutes, given.share, given.connections)
    found.show()
    sys.exit(1 if found.failures else 0)


if __name__ == "__main__":
    main()
