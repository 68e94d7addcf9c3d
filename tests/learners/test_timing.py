"""Times that a busy machine does not change."""

from __future__ import annotations

import multiprocessing
import time

import pytest
import real_tables

from modelwright import learners
from modelwright.learners import timing
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
