"""How soon a rollback is done, under load, where the state database holds a long history.

    python benchmarks/going_back.py [--times 20] [--share 0.6] [--history 400] [--connections 32]

Questions come at random moments at a share of what is answered in a closed loop. A version is released, and half a
second after it serves an operator goes back. Shown is how long after that request the version that was left still
answered: the last of its answers (which was under way, perhaps), and when the last question that it answered was sent.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from load_generator import Answered, Asked, Load, load
from running_servers import free_port, served
from served_project import SOUND, Operator, Questions, command, make
from serving_load import gone_after_s

PAUSE_S = 1.0  # between two rollbacks
PART_S = 30.0  # so long is asked without a pause


def add_history(folder: Path, count: int) -> None:
    """Write as many releases of sound versions, all retired, before the one that serves."""
    with closing(sqlite3.connect(folder / ".modelwright/state.db")) as state, state:
        state.execute("UPDATE releases SET id = id + ?", (count,))
        at = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
        state.executemany(
            "INSERT INTO releases (id, version, strategy, status, requested_at, moved_at, by, detail, step)"
            " VALUES (?, ?, 'direct', 'retired', ?, ?, 'release', '', 0)",
            [(1 + number, SOUND[number % 2], at, at) for number in range(count)],
        )


def measure(
    folder: Path, times: int, share: float, connections: int
) -> tuple[Answered, list[float], list[float]]:
    """Serve, load, go back again and again; return the answers, and seconds to the last one and to its question."""
    questions, port = Questions.of(folder, SOUND), free_port()
    asked = Asked(port, "/sort", questions.bodies, questions.expected)
    went_back: list[tuple[float, int]] = []
    with served("gateway", command(folder, port), asked, "/v2/health/ready"):
        load(asked, Load(connections, 2.0))  # warm
        closed = load(asked, Load(connections, 5.0)).per_s
        operator, over = Operator(folder, port), threading.Event()
        answers: list[Answered] = []

        def ask() -> None:
            while not over.is_set():
                answers.append(load(asked, Load(connections, PART_S, per_s=share * closed)))

        asking = threading.Thread(target=ask)
        asking.start()
        begun = []
        try:
            time.sleep(PAUSE_S)
            for _ in range(times):
                before = next(iter(operator.shares()))
                left = SOUND[before == SOUND[0]]
                begun.append(time.monotonic())
                operator.ends(operator.release(left, "direct"), "serving")
                time.sleep(0.5)
                went_back.append((time.monotonic(), left))
                operator.ends(operator.go_back(before), "serving")
                time.sleep(PAUSE_S)
        finally:
            over.set()
            asking.join()
    print(f"in a closed loop {closed:.0f} /s; asked {share * closed:.0f} /s")
    last, sent = [], []
    for part in answers:  # between two of them nobody asks, and nothing would be seen
        end = part.begun + PART_S - PAUSE_S
        within = [one for one in went_back if part.begun <= one[0] <= end]
        last += gone_after_s(part, within, begun)
        sent += gone_after_s(part, within, begun, sent=True)
    return Answered.of(answers), last, sent


def main() -> None:
    """Make the project, go back under load, print the seconds; exit 1 where it took more than one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--share", type=float, default=0.6, help="of what is answered in a closed loop")
    parser.add_argument("--history", type=int, default=400, help="releases that the state database holds")
    parser.add_argument("--connections", type=int, default=32)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="going-back-") as temporary:
        folder = Path(temporary) / "project"
        make(folder)
        add_history(folder, given.history)
        answers, last, sent = measure(folder, given.times, given.share, given.connections)
    p50, p99 = np.quantile(answers.latency_ms(), [0.5, 0.99])
    print(
        f"{len(answers.status)} requests: {answers.lost} lost, {answers.wrong} wrong, {answers.refused} refused; ",
        end="",
    )
    print(f"p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    for label, found in (("the last answer", last), ("the last question so answered", sent)):
        print(
            f"{label}, {len(found)} times: median {np.median(found):.2f} s, longest {max(found):.2f} s; ",
            end="",
        )
        print(" ".join(f"{one:.2f}" for one in found))
    sys.exit(1 if max(sent) > 1 or answers.lost or answers.wrong else 0)


if __name__ == "__main__":
    main()
