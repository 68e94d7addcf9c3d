"""SIGKILL at random instants while a release goes: it goes on from where it was, and nothing unproven gets traffic.

    python benchmarks/release_kills.py [--instants 30] [--seed 0]

`served_project.py` makes a project whose versions answer differently on every question. Its gateway serves, somebody
asks all the time, and again and again a release is requested: of the other sound version, which ends by serving, or of
one whose live traffic breaks a requirement, which ends taken back. At an instant drawn from the seed the gateway, one
of its workers, or the command `modelwright release` is killed; a gateway is then started again. Of each release is
checked what the state database, `GET /admin/traffic` and the answers show:

* it ended as it should, by steps that each happened once: nothing began anew;
* what served was proven: each verdict of the last decision is `met`;
* the version had never a larger share than was decided by then, and answered nothing before it had one;
* once a gateway that was started again has loaded what it should, the shares are those that were decided last;
* every answer is what the version that it names answers in process, only a gateway that starts refuses any, and the
  state database is whole.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import http.client
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from modelwright.core.evidence.operation import LABELLED_ACCURACY
from modelwright.core.rollouts.state_machine import Status
from modelwright.storage.state.database import State
from modelwright.storage.state.releases import Release
from running_servers import end, free_port, wait_until
from served_project import SOUND, UNSEEN, Questions, command, make, wait

VERSIONS = (*SOUND, UNSEEN)  # that may answer
TARGETS = ("gateway", "worker", "release")
AFTER = (Status.REQUESTED, Status.WARMING, Status.CANARY)  # from one of these on up to
LATER_S = 1.5  # passes until something is killed
ENDS_S = (
    240.0  # a release is proven the more slowly, the less its champion exceeds its own latencies of before
)
PAUSE_S = 0.005  # between two questions
ENDED = (Status.SERVING, Status.ROLLED_BACK, Status.FAILED, Status.RETIRED)


@dataclass
class Seen:
    """What callers and an operator saw: (Unix time, version, whether it was right), and the shares at a time."""

    answers: list[tuple[float, int, bool]] = field(default_factory=list)
    shares: list[tuple[float, dict[int, float], frozenset[int]]] = field(default_factory=list)
    refused: list[tuple[float, int]] = field(default_factory=list)  # Unix time, HTTP status
    unreachable: int = 0


class Caller(threading.Thread):
    """Asks one question after the other, and now and then how the traffic is shared."""

    def __init__(self, port: int, questions: Questions) -> None:
        super().__init__(daemon=True)
        self.seen = Seen()
        self.ended = False
        self._port, self._questions = port, questions

    def run(self) -> None:
        """Ask until ended."""
        number = 0
        while not self.ended:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
                while not self.ended:
                    number += 1
                    self._ask(connection, number % len(self._questions.bodies))
                    if number % 5 == 0:
                        self._look(connection)
                    time.sleep(PAUSE_S)
            self.seen.unreachable += 1
            time.sleep(PAUSE_S)

    def _ask(self, connection: http.client.HTTPConnection, number: int) -> None:
        connection.request(
            "POST", "/sort", self._questions.bodies[number], {"content-type": "application/json"}
        )
        answer = connection.getresponse()
        body = answer.read().decode()
        if answer.status != 200:
            self.seen.refused.append((time.time(), answer.status))
            return
        version = json.loads(body)["version"]
        right = version in VERSIONS and self._questions.expected[number][VERSIONS.index(version)] in body
        self.seen.answers.append((time.time(), version, right))

    def _look(self, connection: http.client.HTTPConnection) -> None:
        connection.request("GET", "/admin/traffic")
        versions = json.loads(connection.getresponse().read())["versions"]
        shares = {one["version"]: one["share"] for one in versions if one["share"]}
        self.seen.shares.append((time.time(), shares, frozenset(one["version"] for one in versions)))


class Gateway:
    """`modelwright serve` of the project in a process of its own, which may be killed and started again."""

    def __init__(self, folder: Path, port: int) -> None:
        self._command, self._port = command(folder, port), port
        self.log = folder / "gateway.log"
        self.away: list[tuple[float, float]] = []  # Unix times from which and until which it answered nothing
        self.start(time.time())

    def kill(self) -> None:
        """Kill it, and nothing else."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def start(self, since: float) -> None:
        """Start it, and wait until it answers; since: when it answered last."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        ready = "GET /v2/health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        if not wait_until(self.process, self._port, ready):
            sys.exit(f"the gateway did not become ready:\n{self.log.read_text()[-3000:]}")
        self.away.append((since, time.time()))

    def workers(self) -> list[psutil.Process]:
        """Return its workers."""
        return psutil.Process(self.process.pid).children()


@dataclass
class Kills:
    """Requests releases, kills what is drawn, and collects what went wrong."""

    folder: Path
    gateway: Gateway
    caller: Caller
    draw: random.Random
    state: State
    faults: list[str] = field(default_factory=list)
    done: collections.Counter[str] = field(default_factory=collections.Counter)
    takes_s: float = 1.0  # the command

    def once(self) -> None:
        """Request one release, kill once, wait for its end and check it."""
        production = self.state.production()
        assert production is not None
        champion, target = production.number, self.draw.choice(TARGETS)
        version = self.draw.choice([SOUND[champion == SOUND[0]], UNSEEN])
        strategy = self.draw.choice(
            ["canary", "blue-green", "direct"] if version != UNSEEN else ["canary", "blue-green"]
        )
        before = len(self.state.releases())
        seen, begun = self.caller.seen, time.time()
        at = (len(seen.answers), len(seen.shares), len(seen.refused))
        asking = self._request(version, strategy)
        if target == "release":
            time.sleep(self.draw.uniform(0.4, 1.1) * self.takes_s)
            asking.kill()
            asking.wait()
        if asking.wait() == 0 or len(self.state.releases()) > before:
            asked = self._newest()
        else:
            self.done["release killed before it had written anything"] += 1
            self._request(version, strategy).wait()
            asked = self._newest()
        if target != "release":
            self.takes_s = time.time() - begun
            after = self.draw.choice(AFTER)
            wait(lambda: self._newest().status in (after, *ENDED) or asked.settings is None)
            time.sleep(self.draw.uniform(0, LATER_S))
        killed = self._kill(target, asked.id)
        label = f"release {asked.id} of version {version}, {strategy}, {target} killed when {killed}"
        faults = self._ends(asked.id, version)
        release = next(one for one in self.state.releases() if one.id == asked.id)
        faults += [*self._decided(release), *self._answered(release, champion, begun, at)]
        self.faults += [f"{label}: {one}" for one in faults]
        self.done[f"{target} killed when {killed}"] += 1
        print(f"{label}: {release.status}{'; ' + '; '.join(faults) if faults else ''}", flush=True)

    def _request(self, version: int, strategy: str) -> subprocess.Popen[bytes]:
        words = ["release", "--version", str(version), "--strategy", strategy, "--project", str(self.folder)]
        return subprocess.Popen(
            [sys.executable, "-m", "modelwright", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _newest(self) -> Release:
        return self.state.releases()[-1]

    def _kill(self, target: str, release: int) -> str:
        """Kill what is to be killed, start a gateway again; return the status of the release at that instant."""
        if target == "worker":
            workers = self.gateway.workers()
            status = self._newest().status
            with contextlib.suppress(psutil.NoSuchProcess):
                self.draw.choice(workers).kill()
            return str(status)
        if target == "release":
            return str(self._newest().status)
        killed_at = time.time()
        self.gateway.kill()
        status = self._newest().status
        with contextlib.closing(sqlite3.connect(self.folder / ".modelwright/state.db")) as connection:
            if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                self.faults.append(f"release {release}: the state database is damaged")
        self.gateway.start(killed_at)
        return str(status)

    def _ends(self, release: int, version: int) -> list[str]:
        """Wait until a release has ended; yield what is wrong with its end."""
        found: list[Release] = []

        def ended() -> bool:
            found[:] = [one for one in self.state.releases() if one.id == release]
            return found[0].status in ENDED

        expected = Status.ROLLED_BACK if version == UNSEEN else Status.SERVING
        if not wait(ended, ENDS_S):
            return [f"still {found[0].status} after {ENDS_S:.0f} s"]
        if found[0].status is not expected:
            return [f"ended as {found[0].status}: {found[0].detail}"]
        production = self.state.production()
        assert production is not None

        def answers() -> bool:
            shares = self.caller.seen.shares
            return bool(shares) and shares[-1][1] == {production.number: 1.0}

        return [] if wait(answers, 5.0) else [f"the shares are {self.caller.seen.shares[-1][1]}"]

    def _decided(self, release: Release) -> Iterator[str]:
        """Yield what is wrong with the decisions about a release."""
        decided = self.state.decisions(release.id)
        steps = [(one.status, one.step) for one in decided]
        if len(set(steps)) != len(steps):
            yield f"decided twice: {[f'{status} {step}' for status, step in steps]}"
        if release.status is Status.SERVING and release.settings is not None:
            # labels may never come: what they show can only stop a version
            needed = [one for one in decided[-1].evidence if LABELLED_ACCURACY not in str(one["requirement"])]
            if not needed or any(one["verdict"] != "met" for one in needed):
                yield f"serves with {decided[-1].evidence}"

    def _answered(
        self, release: Release, champion: int, begun: float, at: tuple[int, int, int]
    ) -> Iterator[str]:
        """Yield what is wrong with the answers and the shares since the release was requested."""
        decided = self.state.decisions(release.id)
        seen, version = self.caller.seen, release.version
        answers, shares = seen.answers[at[0] :], seen.shares[at[1] :]
        wrong = sum(not right for _, _, right in answers)
        if wrong:
            yield f"{wrong} answers were wrong"
        for time_s, code in seen.refused[at[2] :]:
            if not any(since <= time_s <= until for since, until in self.gateway.away):
                yield f"{code} at {time_s:.2f}, while the gateway was there"
                break
        strangers = {one for _, one, _ in answers} - {champion, version}
        if strangers:
            yield f"version {strangers} answered"
        # A direct release decides nothing: what test data and package show is its proof.
        given = [(one.at.timestamp(), one.shares.get(str(version), 0.0)) for one in decided] or [(begun, 1.0)]
        for time_s, part, loaded in shares:
            most = max((share for at_s, share in given if at_s <= time_s), default=0.0)
            if part.get(version, 0.0) > most + 1e-9:
                yield f"{part} at {time_s:.2f}, and {most} was decided (loaded: {sorted(loaded)})"
                break
        first = next((at_s for at_s, share in given if share > 0), float("inf"))
        early = sum(one == version and time_s < first for time_s, one, _ in answers)
        if early:
            yield f"{early} answers of version {version} before it had a share"


def main() -> None:
    """Make the project, serve it, kill; exit 1 where something went wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--instants", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="release-kills-") as temporary:
        folder, port = Path(temporary) / "project", free_port()
        make(folder, canary="0.5 s")
        gateway = Gateway(folder, port)
        caller = Caller(port, Questions.of(folder, VERSIONS))
        state = State.open(folder / ".modelwright/state.db")
        kills = Kills(folder, gateway, caller, random.Random(given.seed), state)
        caller.start()
        try:
            for _ in range(given.instants):
                kills.once()
        finally:
            caller.ended = True
            caller.join()
            end(gateway.process)
    seen = caller.seen
    for label, count in sorted(kills.done.items()):
        print(f"{count:3d} {label}")
    print(
        f"{len(seen.answers)} answers, {sum(not right for *_, right in seen.answers)} wrong; refused "
        f"while it started: {len(seen.refused)}; the gateway was away {seen.unreachable} times that it was asked"
    )
    print("faults: " + ("; ".join(kills.faults) or "none"))
    sys.exit(1 if kills.faults else 0)


if __name__ == "__main__":
    main()
