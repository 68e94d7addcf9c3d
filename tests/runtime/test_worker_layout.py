"""How the workers of a version share cores and memory: as timed, as bounded, as said."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from modelwright.package.packages import read
from modelwright.runtime.memory import free_bytes
from modelwright.runtime.worker import timed_opening
from modelwright.runtime.worker_layout import WorkerLayout

MIB = 2**20


@pytest.mark.parametrize(
    ("one", "free", "most", "expected"),
    [
        (100 * MIB, 10_000 * MIB, None, 4),
        (100 * MIB, 400 * MIB, None, 3),  # two more take half of what is free
        (100 * MIB, 10 * MIB, None, 1),
        (100 * MIB, 10_000 * MIB, 250 * MIB, 2),
        (100 * MIB, 10_000 * MIB, 1, 1),  # one there must be; evidence has judged it
        (100 * MIB, None, None, 4),
        (None, None, None, 4),
        (None, 10_000 * MIB, 250 * MIB, 1),  # what nobody can tell cannot be kept below a bar
    ],
)
def test_memory_bounds_how_many_workers_there_are(
    one: int | None, free: int | None, most: int | None, expected: int
) -> None:
    assert WorkerLayout(4, 1).within(one, free, most) == expected


def test_free_memory_heeds_the_container(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    assert free_bytes(tmp_path) is None
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    8000 kB\n", "ascii")
    assert free_bytes(tmp_path) == 8000 * 1024
    (tmp_path / "proc/self/cgroup").write_text("0::/box\n", "ascii")
    group = tmp_path / "sys/fs/cgroup/box"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n", "ascii")
    (group / "memory.current").write_text("600000\n", "ascii")
    assert free_bytes(tmp_path) == 8000 * 1024
    (group / "memory.max").write_text("1000000\n", "ascii")
    assert free_bytes(tmp_path) == 400_000


@pytest.mark.parametrize(
    ("brief_s", "long_s", "enough", "expected"),
    [
        (1.0, 0.0, 1.0, WorkerLayout(1, 1)),  # a row takes less time than the gateway
        (0.0, 0.0, 1.0, WorkerLayout(1, 4)),  # so long that it needs all cores
        (0.0, math.inf, math.inf, WorkerLayout(4, 1)),  # one thread is as good as any number
    ],
)
def test_a_layout_is_chosen_by_the_time_of_a_row(
    packages: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    brief_s: float,
    long_s: float,
    enough: float,
    expected: WorkerLayout,
) -> None:
    for name, value in (("BRIEF_S", brief_s), ("LONG_S", long_s), ("ENOUGH", enough)):
        monkeypatch.setattr(timed_opening, name, value)
    function, layout = timed_opening.opened(read(packages["text"]), None, 4)
    assert layout == expected
    assert function.threads == expected.threads


@pytest.mark.parametrize(
    ("taken_s", "expected"),
    [
        ([1.2, 1.1, 1.0], WorkerLayout(4, 1)),
        ([2.0, 1.2, 1.0], WorkerLayout(2, 2)),
        ([4.0, 2.0, 1.0], WorkerLayout(1, 4)),
    ],
)
def test_a_pass_gets_the_fewest_threads_that_are_enough(
    packages: dict[str, Path], monkeypatch: pytest.MonkeyPatch, taken_s: list[float], expected: WorkerLayout
) -> None:
    monkeypatch.setattr(timed_opening, "_least_s", lambda functions, row: taken_s[: len(functions)])
    monkeypatch.setattr(timed_opening, "LONG_S", math.inf)
    function, layout = timed_opening.opened(read(packages["text"]), None, 4)
    assert layout == expected
    assert function.threads == expected.threads


def test_threads_that_are_set_are_taken(packages: dict[str, Path]) -> None:
    function, layout = timed_opening.opened(read(packages["text"]), 3, 8)
    assert (function.threads, layout) == (3, WorkerLayout(2, 3))
    assert timed_opening.opened(read(packages["text"]), 3, 2)[1] == WorkerLayout(1, 3)


@pytest.mark.parametrize(("workers", "threads", "rows"), [(1, 1, 16), (1, 4, 16), (2, 1, 8), (2, 4, 32)])
def test_a_pass_has_rows_for_each_thread_where_workers_share_the_cores(
    workers: int, threads: int, rows: int
) -> None:
    assert WorkerLayout(workers, threads).rows == rows


def test_what_was_opened_ahead_is_taken_for_as_many_cores(packages: dict[str, Path]) -> None:
    package = read(packages["text"])
    ahead = timed_opening.candidates(package, 4)
    function, layout = timed_opening.opened(package, None, 4, ahead=ahead)
    assert function in ahead.functions
    assert layout.threads == function.threads
    assert timed_opening.opened(package, None, 2, ahead=ahead)[0] not in ahead.functions
    assert timed_opening.opened(package, 3, 4, ahead=ahead)[0] not in ahead.functions
