"""Times that a busy machine does not change."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from itertools import chain, repeat

import pytest
import real_tables

from modelwright import learners
from modelwright.learners import brief_waits, timing
from modelwright.learners.contract.source import Rows
from modelwright.storage.formats.plan import Machine

CLOSE = 0.25  # of the steps, quiet and busy
HOGS, MOST_S = 4, 60.0


def test_waiting_is_no_work() -> None:
    assert timing.least_s(lambda: time.sleep(0.05), 1) < 0.02


def test_the_least_of_several_tries_counts() -> None:
    spent = iter((0.06, 0.01, 0.06))

    def work() -> None:
        until = timing.now_s() + next(spent)
        while timing.now_s() < until:
            pass

    assert timing.least_s(work, 3) < 0.04


class _Machine:
    """A clock of the process and one of the calling thread, which work moves by what a step costs on the threads."""

    def __init__(self, alone: list[float], shared: list[float], spinning_s: float = 0.0) -> None:
        self.threads, self.used = 1, list[int]()
        self._steps = {1: chain(alone, repeat(alone[-1])), 2: chain(shared, repeat(shared[-1]))}
        self._spinning_s = spinning_s
        self.now = self.here = 0.0

    def use(self, threads: int) -> None:
        self.threads = threads
        self.used.append(threads)

    def step(self) -> None:
        took = next(self._steps[min(self.threads, 2)])
        self.here += took + (self._spinning_s if self.threads > 1 else 0.0)
        self.now += took


def _timed(machine: _Machine, threads: int, monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(timing, "now_s", lambda: machine.now)
    monkeypatch.setattr(timing, "here_s", lambda: machine.here)
    return timing.seconds([machine.step], threads, machine.use)


@pytest.mark.parametrize(
    ("alone", "shared", "threads", "expected"),
    [
        ([1.0, 9.0, 2.0], [0.1], 1, 2.0),  # the median, not the least, of three rounds here
        ([1.0], [0.6, 3.0, 0.7], 2, 0.7),
        ([1.0], [0.7], 4, 0.7),
        ([1.0], [0.2], 2, 0.5),  # n threads are at most n times as quick …
        ([1.0], [0.2], 8, 0.2),
    ],
)
def test_the_median_round_on_those_threads_counts(
    alone: list[float], shared: list[float], threads: int, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "_ENOUGH_S", 1.0)
    monkeypatch.setattr(timing, "_FEWEST_ROUNDS", 3)
    assert _timed(_Machine(alone, shared), threads, monkeypatch) == pytest.approx(expected)


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_that_spin_are_no_slower_than_one(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _timed(_Machine([1.0], [0.6], spinning_s=5.0), threads, monkeypatch) == 1.0


def test_one_thread_is_in_use_again_whatever_happens() -> None:
    used: list[int] = []

    def fails() -> None:
        if used:
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        timing.seconds([fails], 3, used.append)
    assert used == [3, 1]


@pytest.mark.parametrize("cost_s", [1e-4, 0.5, 30.0])
def test_long_work_is_timed_few_times(cost_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = _Machine([cost_s], [cost_s])
    _timed(machine, 2, monkeypatch)
    # a round on one thread, two on several; or 3 s, and what was begun
    assert machine.now <= max(3 * cost_s, 1.0 + 3.0 + 2 * cost_s)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"GOMP_SPINCOUNT": brief_waits.SPINS}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "ACTIVE"}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
    ],
)
def test_who_chose_how_threads_wait_has_the_last_word(
    given: dict[str, str], expected: dict[str, str]
) -> None:
    brief_waits.prepare(given)
    assert given == expected


@pytest.mark.skipif(sys.platform != "linux", reason="torch brings GNU OpenMP on Linux")
def test_openmp_is_loaded_with_short_waits() -> None:
    unset = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    shown = subprocess.run(
        [sys.executable, "-c", "import modelwright.learners, torch"],
        env=unset | {"OMP_DISPLAY_ENV": "VERBOSE", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"GOMP_SPINCOUNT = '{brief_waits.SPINS}'" in shown.stderr


@pytest.mark.parametrize("threads", [1, 2, 4, 16])
def test_threads_help_less_than_their_number(threads: int) -> None:
    took = timing.on_threads(1.0, threads)
    assert 1.0 / threads <= took <= 1.0
    assert timing.on_threads(1.0, 2 * threads) < took


def _hog(until: float) -> None:
    while time.monotonic() < until:
        pass


@pytest.mark.proof
def test_a_busy_machine_plans_as_many_steps() -> None:
    signature, data = real_tables.patients()
    learner, spec = learners.learn("trees"), learners.spec("trees")
    machine = Machine(cores=2, memory_bytes=8 * 10**9, instruction_set="avx2")

    def steps() -> int:
        options = spec.Options(most_rounds=10**9)
        found = [
            learner.forecast(signature, Rows(data), options, spec.Training(), None, machine, 60.0).steps
            for _ in range(3)
        ]
        return sorted(found)[1]

    steps()  # loads the libraries
    quiet = steps()
    context = multiprocessing.get_context("spawn")
    hogs = [context.Process(target=_hog, args=(time.monotonic() + MOST_S,)) for _ in range(HOGS)]
    for hog in hogs:
        hog.start()
    try:
        busy = steps()
    finally:
        for hog in hogs:
            hog.terminate()
            hog.join()
    assert abs(busy - quiet) <= CLOSE * quiet, (quiet, busy)
