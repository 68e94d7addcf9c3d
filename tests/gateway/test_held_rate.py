"""What a benchmark calls the capacity of a server can be asked of it: `benchmarks/held_rate.py`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

STAGE_S = 20.0


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    import held_rate

    return held_rate


def server(held: ModuleType, capacity: float, status: int = 200) -> Callable[[float], Any]:
    """Return what asks one that answers so many a second, one after the other, in the order in which they came."""

    def ask(per_s: float) -> Any:
        due_s = np.cumsum(np.random.default_rng(0).exponential(1 / per_s, int(per_s * STAGE_S)))
        done_s = np.array([*itertools.accumulate(due_s, lambda free, due: max(free, due) + 1 / capacity)])
        which = np.full(len(due_s), 0 if status == 200 else -1)
        codes = np.full(len(due_s), status)
        # answers need not come in the order of the requests
        columns = [one[::-1] for one in (due_s, due_s, done_s, codes, which)]
        return held.Answered(*columns, begun=0.0, seconds=STAGE_S, cpu_s=0.0)

    return ask


@pytest.mark.parametrize(("capacity", "closed"), [(400.0, 500.0), (400.0, 4000.0), (90.0, 100.0)])
def test_the_rate_is_one_that_the_server_holds_and_not_far_from_what_it_can(
    held: ModuleType, capacity: float, closed: float
) -> None:
    tried, rate = held.held_rate(server(held, capacity), closed)
    # a step of what is tried below it at most; above it by what chance brings less of in 20 s
    assert 0.9 * capacity - closed / 2**held.TRIES <= rate <= 1.03 * capacity
    assert [one.held for one in tried] == [one.per_s <= rate for one in tried]
    assert "not held" in str(max(tried, key=lambda one: one.per_s))


def test_a_queue_that_grows_is_not_held_though_all_is_still_in_time(held: ModuleType) -> None:
    stage = held.Stage.of(410.0, server(held, 400.0)(410.0))
    assert stage.p95_ms <= held.BOUND_MS
    assert not stage.held


def test_a_server_that_refuses_holds_nothing(held: ModuleType) -> None:
    tried, rate = held.held_rate(server(held, 400.0, status=503), 500.0)
    assert (rate, [one.right for one in tried]) == (0.0, [0] * held.TRIES)
