"""Measuring: what waits counts, the process is fresh, and a package that cannot run says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from modelwright.core.messages import PackageError
from modelwright.package.packages import Package, size_bytes
from modelwright.runtime import drivers, measuring
from modelwright.runtime.function import Function, load
from modelwright.runtime.measured_writing import at_load, one_by_one
from modelwright.runtime.measuring import Plan, latencies, measure, one_at_a_time


def test_a_package_is_measured_in_a_fresh_process(packages: dict[str, Path]) -> None:
    rows = [{"question": "does my plan cover dental"}, {"question": "new car"}]
    found = measure(packages["text"], rows, Plan(requests=200, seconds=5))
    assert len(found.latency_s) == 200
    assert all(0 < second < 5 for second in found.latency_s)
    assert min(found.throughput) > 0
    assert (
        found.size_bytes
        == size_bytes(packages["text"])
        == sum(p.stat().st_size for p in packages["text"].rglob("*") if p.is_file())
    )
    # Python with numpy and ONNX Runtime, and not the process of these tests
    assert 20e6 < found.memory_bytes < 400e6
    assert found.threads == 1


def test_a_package_is_measured_with_the_workers_that_serve(packages: dict[str, Path]) -> None:
    rows = [{"question": "new car"}]
    found = measure(packages["text"], rows, Plan(requests=5, seconds=5, threads=2, workers=3))
    assert (found.threads, found.workers) == (2, 3)
    assert measure(packages["text"], rows, Plan(requests=5, seconds=5, alone=True)).workers == 1


def test_measuring_that_does_not_end_is_said(
    packages: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_MARGIN_S", 0.01)
    with pytest.raises(PackageError, match=r"did not end within 0 s"):
        measure(packages["text"], [{"question": "dental"}], Plan(requests=1, seconds=0.01))


def test_time_bounds_what_the_count_does_not(packages: dict[str, Path]) -> None:
    found = one_at_a_time(load(packages["slow"]), [{"rounds": 20.0}], Plan(requests=10_000, seconds=0.5))
    assert 1 < len(found) < 10_000
    assert sum(found) < 5


def test_in_an_open_loop_waiting_counts(packages: dict[str, Path]) -> None:
    function, rows = load(packages["slow"]), [{"rounds": 60.0}]
    alone = one_at_a_time(function, rows, Plan(requests=10, seconds=5))
    # ten arrive during each pass; each waits for the rest of that pass (half, on average), and for its own
    busy = latencies(function, rows, Plan(load=10 / min(alone), requests=100, seconds=10))
    assert len(busy) == 100
    assert sum(busy) / len(busy) > 1.2 * min(alone)


def test_a_load_that_cannot_be_served_shows_in_the_samples(packages: dict[str, Path]) -> None:
    function = load(packages["slow"])
    waited = latencies(function, [{"rounds": 100.0}], Plan(load=1000, requests=100, seconds=0.1))
    assert len(waited) > 50  # also those that were not answered in time count
    assert max(waited) > 1.5 * min(waited)  # the queue grows for as long as the load lasts


def test_the_same_seed_gives_the_same_arrivals() -> None:
    from modelwright.runtime.measuring import _arrivals

    plan = Plan(load=50, requests=100, seconds=10, seed=3)
    assert _arrivals(plan) == _arrivals(plan)
    assert _arrivals(plan)[-1] == pytest.approx(2.0, rel=0.5)


def test_a_load_of_one_request_a_year_measures_one_request(packages: dict[str, Path]) -> None:
    rows = [{"question": "new car"}]
    begun = time.monotonic()
    found = latencies(load(packages["text"]), rows, Plan(load=1 / 31_536_000, requests=100, seconds=5))
    assert len(found) == 1
    assert time.monotonic() - begun < 5


_PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-P", "-m", "modelwright.runtime.measuring"])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process can ask for this")
def test_measuring_ends_with_the_run_that_asked_for_it() -> None:
    command = [sys.executable, "-c", _PARENT]
    # The task never comes, and its pipe stays open here: only the parent's end can end the child.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        while "pipe" not in Path(f"/proc/{child.pid}/wchan").read_text():  # until it waits for its task
            time.sleep(0.01)
        parent.kill()
        assert psutil.wait_procs([child], timeout=20)[1] == []


def test_the_runtime_reports_to_nobody(packages: dict[str, Path], tmp_path: Path) -> None:
    program = "import sys, modelwright; modelwright.load(sys.argv[1])('new car')"
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "ORT_DISABLE_TELEMETRY"}}
    environment = {**kept, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", program, str(packages["text"])], env=environment, check=True)
    assert list(tmp_path.rglob("*onnxruntime*")) == [], "its telemetry keeps a database of what it would send"


def test_a_package_that_is_damaged_is_not_measured(packages: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(packages["linear"], tmp_path / "p"))
    (folder / "model.onnx").write_bytes(b"x")
    with pytest.raises(PackageError, match=r"model\.onnx"):
        measure(folder, [{"height": 1.0}], Plan(requests=1))


def test_how_soon_and_how_fast_a_function_writes() -> None:
    function = Function(Package(drivers.samples("decode").body(), "", 1))
    rows = [{"message": "hello"}, {"message": "how are you?"}]
    alone = one_by_one(function, rows, requests=9, seconds=0.0)
    assert (len(alone.latency_s), len(alone.tokens_per_second)) == (1, 1)
    assert len(alone.first_s) == 2, "as long again for first tokens alone"
    assert 0 < alone.first_s[0] < alone.latency_s[0]
    assert alone.tokens_per_second[0] > 11 / alone.latency_s[0]
    load = function.load()
    assert load is not None
    assert (load.writing, load.written_tokens) == (0, 13), "who has its first token leaves"
    found = at_load(function, rows, [0.0] * 7, seconds=60)
    assert len(found.latency_s) == len(found.first_s) == len(found.tokens_per_second) == 7
    assert max(found.first_s) > min(found.latency_s), "two are written at once, and the others wait"
    late = at_load(function, rows, [0.0] * 7, seconds=0.0)
    assert len(late.latency_s) == len(late.first_s) == 7, "what is not answered counts as long as it waited"
