"""Faults while a gateway serves: nothing lost, nothing wrong, memory flat, going back within a second.

    python benchmarks/serving_load.py [--minutes 20] [--share 0.8] [--connections 32]

`served_project.py` makes a project whose versions answer differently on every question. Questions come at random
moments (a Poisson process), while every 10 s the other sound version is released (its workers start, the others end),
every 30 s one whose package is damaged (it fails, and the old one goes on), every 20 s a worker is killed with SIGKILL,
and every 60 s a canary is released whose live traffic breaks a requirement (it is aborted), and a release is taken
back. Each answer is compared with what the version that it names answers in process. Shown are requests that were
lost, wrong or refused; how long after an operator asked to go back a request was sent that the other version still
answered (1 s at most), and when such an answer came last; and the memory of the gateway and of its workers over time,
with its slope over the second half.

The rate is a share of the capacity: of the highest rate that was held while all of the above but canaries went on
(`held_rate.py`). What is answered a second in a closed loop is more than that, for who asks there waits as long as it
takes; it is shown beside, and bounds what is tried. Capacity is that of the moment: on a machine with other work, 80 %
of it may be too much or little a minute later.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil

from held_rate import Stage, held_rate
from load_generator import Answered, Asked, Load, load
from modelwright.core.messages import ModelwrightError
from running_servers import Running, free_port, served
from served_project import DAMAGED, SOUND, UNSEEN, Operator, Questions, UnexpectedError, command, make

MEBIBYTE = 2**20
VERSIONS = (*SOUND, UNSEEN)  # that may answer
CANARY = "aborted canary"
EVERY_S = {"reload": 10.0, "kill": 20.0, "failed reload": 30.0, CANARY: 60.0, "rollback": 60.0}
FIRST_S = {"reload": 4.0, "kill": 7.0, "failed reload": 9.0, CANARY: 11.0, "rollback": 26.0}
SAMPLE_S = 1.0
STAGE_S = 20.0  # of the capacity, at most, and a tenth of the whole; a canary takes longer to be decided
SHOWN = 12  # moments at which the memory is shown


@dataclass(frozen=True)
class Held:
    """What the processes hold at a moment: MiB of the gateway, its open files, its workers and MiB of each."""

    seconds: float
    gateway: float
    files: int
    workers: int
    each: float


@dataclass
class Faults:
    """Does to a gateway what its settings say, one thing after the other, and notes what it did and saw."""

    running: Running
    operator: Operator
    speed: float = 1.0  # times as often
    has_canaries: bool = True
    done: collections.Counter[str] = field(default_factory=collections.Counter)
    asked: list[float] = field(default_factory=list)  # when anything was done (monotonic)
    went_back: list[tuple[float, int]] = field(default_factory=list)  # asked at (monotonic), the version left
    held: list[Held] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        """Go on for some time."""
        begun, draw = time.monotonic(), random.Random(0)
        due = {
            name: first / self.speed for name, first in FIRST_S.items() if self.has_canaries or name != CANARY
        }
        acts: dict[str, Callable[[], None]] = {
            "reload": self._reload,
            "kill": lambda: self._kill(draw),
            "failed reload": self._fail,
            CANARY: self._abort,
            "rollback": self._go_back,
        }
        sample_s = 0.0
        while (now := time.monotonic() - begun) < seconds:
            if now >= sample_s:
                sample_s = now + SAMPLE_S
                self.held.append(self._held(now))
            name = min(due, key=lambda one: due[one])
            if due[name] <= now:
                due[name] += EVERY_S[name] / self.speed
                self.asked.append(time.monotonic())
                try:
                    acts[name]()
                except (UnexpectedError, ModelwrightError, httpx.HTTPError) as error:
                    self.unexpected.append(f"{name} after {now:.0f} s: {type(error).__name__}: {error}")
                self.done[name] += 1
            time.sleep(0.02)

    def _held(self, seconds: float) -> Held:
        process, each = self.running.process, []
        for one in process.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if (size := one.memory_info().rss) > 0:  # one that has ended holds nothing
                    each.append(size / MEBIBYTE)
        gateway = process.memory_info().rss / MEBIBYTE
        return Held(seconds, gateway, process.num_fds(), len(each), sum(each) / max(len(each), 1))

    def _serves(self) -> int:
        shares = self.operator.shares()
        if len(shares) != 1:
            raise UnexpectedError(f"the shares are {shares}")
        return next(iter(shares))

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
            raise UnexpectedError(f"it moved the traffic: {before} → {self.operator.shares()}")

    def _abort(self) -> None:
        before = self.operator.shares()
        self.operator.ends(self.operator.release(UNSEEN, "canary"), "rolled back")
        if self.operator.shares() != before:
            raise UnexpectedError(f"it moved the traffic: {before} → {self.operator.shares()}")

    def _go_back(self) -> None:
        before = self._serves()
        left = SOUND[before == SOUND[0]]
        self.operator.ends(self.operator.release(left, "direct"), "serving")
        self.went_back.append((time.monotonic(), left))
        self.operator.ends(self.operator.go_back(before), "serving")


def gone_after_s(
    answers: Answered, went_back: list[tuple[float, int]], asked: list[float], *, sent: bool = False
) -> list[float]:
    """Return for each time of going back how long the version that was left still answered, in seconds.

    asked: when anything was asked of the gateway; the next release may bring that version back. sent: when the last
    request that it answered was sent, which leaves out how long that one waited for its answer.
    """
    done_s = answers.begun + (answers.sent_s if sent else answers.done_s)
    found = []
    for at, version in went_back:
        until = min([one for one in asked if one > at] + [float("inf")])
        theirs = (answers.which == VERSIONS.index(version)) & (done_s > at) & (done_s < until)
        found.append(float((done_s[theirs] - at).max(initial=0.0)))
    return found


def slope(held: list[Held], size: Callable[[Held], float]) -> float:
    """Return by how many MiB an hour something grew over the second half, by least squares."""
    half = held[len(held) // 2 :]
    return float(np.polyfit([one.seconds for one in half], [size(one) for one in half], 1)[0] * 3600)


@dataclass(frozen=True)
class Found:
    """What a load with faults showed."""

    answers: Answered
    faults: Faults
    closed: float  # right answers a second in a closed loop, while nothing else happened
    tried: Sequence[Stage]  # in an open loop, with the faults
    capacity: float  # of these the highest rate that was held
    unexpected: Sequence[str]  # while it was looked for

    @property
    def went_back_s(self) -> list[float]:
        """Return how long versions still answered that were left."""
        return gone_after_s(self.answers, self.faults.went_back, self.faults.asked)

    @property
    def last_sent_s(self) -> list[float]:
        """Return when the last request was sent that such a version answered."""
        return gone_after_s(self.answers, self.faults.went_back, self.faults.asked, sent=True)

    @property
    def failures(self) -> list[str]:
        """Return what must not be."""
        answers = self.answers
        found = [
            f"{count} {name}" for name, count in (("lost", answers.lost), ("wrong", answers.wrong)) if count
        ]
        refused = collections.Counter(answers.status[(answers.status > 0) & (answers.status != 200)].tolist())
        found += [f"{count} answered {code}" for code, count in refused.items()]
        found += [*self.unexpected, *self.faults.unexpected]
        if not self.capacity:
            found.append("no rate was held; asked was at the lowest that was tried")
        return found + [f"going back took {one:.2f} s" for one in self.last_sent_s if one > 1.0]

    def show(self) -> None:
        """Print it."""
        latency, held = self.answers.latency_ms(), self.faults.held
        p50, p99 = np.quantile(latency, [0.5, 0.99])
        which = collections.Counter(self.answers.which.tolist())
        print(f"in a closed loop without faults {self.closed:.0f} /s; at random moments, with the faults:")
        for one in self.tried:
            print(f"  {one}")
        asked = len(self.answers.status) / self.answers.seconds
        print(f"capacity {self.capacity:.0f} /s; asked {asked:.0f} /s")
        print(
            f"{len(self.answers.status)} requests in {self.answers.seconds:.0f} s; answered by version: ",
            end="",
        )
        print(", ".join(f"{version}: {which[place]}" for place, version in enumerate(VERSIONS)))
        print("; ".join(f"{name}: {count}" for name, count in sorted(self.faults.done.items())))
        print(f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {latency.max():.0f} ms")
        for label, after in (("was sent", self.last_sent_s), ("got its answer", self.went_back_s)):
            print(
                f"the last request of who was left {label} after: "
                + ", ".join(f"{one:.2f} s" for one in after)
            )
        tenth = len(held) // 10 + 1
        for label, some in (("first", held[:tenth]), ("last", held[-tenth:])):
            gateway, files, workers, each = np.mean(
                [(one.gateway, one.files, one.workers, one.each) for one in some], axis=0
            )
            print(
                f"in the {label} tenth: gateway {gateway:.1f} MiB, {files:.0f} files; {workers:.1f} workers of "
                f"{each:.1f} MiB each"
            )
        for label, size in (
            ("the gateway", lambda one: one.gateway),
            ("its workers together", lambda one: one.workers * one.each),
        ):
            parts = np.array_split([size(one) for one in held], min(SHOWN, len(held)))
            print(f"MiB over time, {label}: " + " ".join(f"{np.mean(part):.0f}" for part in parts))
        print(
            f"slope over the second half: gateway {slope(held, lambda one: one.gateway):+.1f} MiB an hour, "
            f"a worker {slope(held, lambda one: one.each):+.1f} MiB an hour"
        )
        print("failures: " + ("; ".join(self.failures) or "none"), flush=True)


def measure(folder: Path, seconds: float, share: float, connections: int, speed: float = 1.0) -> Found:
    """Serve a project that `make` has made, ask at a share of the capacity, and do the faults."""
    questions, port = Questions.of(folder, VERSIONS), free_port()
    asked = Asked(port, "/sort", questions.bodies, questions.expected)
    with served("gateway", command(folder, port), asked, "/v2/health/ready") as running:
        load(asked, Load(connections, min(2.0, seconds / 4)))  # warm
        closed = load(asked, Load(connections, min(5.0, seconds / 4))).per_s
        operator, stage_s, unexpected = Operator(folder, port), min(STAGE_S, seconds / 10), []

        def at(per_s: float) -> Answered:
            faults = Faults(running, operator, speed * STAGE_S / stage_s, has_canaries=False)
            found, _ = _beside(asked, Load(4 * connections, stage_s, per_s=per_s), faults)
            missed = [f"{found.lost} lost, {found.wrong} wrong"] if found.lost or found.wrong else []
            unexpected.extend(f"at {per_s:.0f} /s: {one}" for one in [*missed, *faults.unexpected])
            return found

        tried, capacity = held_rate(at, closed)
        rate = share * (capacity or min(one.per_s for one in tried))
        how = Load(4 * connections, seconds, per_s=rate)
        answers, faults = _beside(asked, how, Faults(running, operator, speed))
    return Found(answers, faults, closed, tried, capacity, unexpected)


def _beside(asked: Asked, how: Load, faults: Faults) -> tuple[Answered, Faults]:
    """Ask while faults are done; return what came of both."""
    answers: list[Answered] = []
    asking = threading.Thread(target=lambda: answers.append(load(asked, how)))
    asking.start()
    try:
        faults.run(how.seconds)
    finally:
        asking.join()
    return answers[0], faults


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
