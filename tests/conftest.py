"""What all tests share: one profile of Hypothesis for CI, and gold files, the texts that people read."""

import gc
import importlib
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Two processes of tests share the processor: a thread that waits for another's work sleeps, and does not spin.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Where CI is set, the same examples every time, however slow the machine; elsewhere, new ones each time. A test
# that fails prints what makes it fail again.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.register_profile("developer", deadline=None, print_blob=True)
# Under mutmut every test runs many times over.
settings.register_profile("mutants", settings.get_profile("ci"), max_examples=20)
named = "mutants" if "MUTANT_UNDER_TEST" in os.environ else "ci" if os.environ.get("CI") else "developer"
settings.load_profile(named)

pytest_plugins = ["serving_fixtures"]
HERE = Path(__file__).parent
GOLD = HERE / "gold"

# Processes share the tests file by file (`--dist loadfile --no-loadscope-reorder`). The files that take longest begin
# first, so that no process ends with one of them while the others have nothing left.
LONGEST_FIRST = (
    "learners/test_learner_contract.py",
    "gateway/test_gateway.py",
    "project/test_search.py",
    "gateway/test_traffic_shares.py",
    "project/test_releases_page.py",
    "project/test_package_serving.py",
    "project/judging/test_judge.py",
    "project/test_loop.py",
    "learners/pretrain/test_pretraining.py",
    "project/test_rests_on.py",
    "learners/test_gradient_learners.py",
    "runtime/test_worker_process.py",
    "project/test_used_functions.py",
    "test_benchmarks.py",
    "test_whole_loop.py",
    "learners/test_learning_cut.py",
    "learners/test_combining.py",
    "project/test_learning_in_time.py",
    "cli/test_languages.py",
    "gateway/test_schemathesis.py",
    "project/test_many_functions_page.py",
    "test_chat_example.py",
    "test_house.py",
    "tables/test_table_bounds.py",
)
_EXPORTER = "torch.onnx._internal.exporter._registration"


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Import a share of the test files before they are collected, each process another one.

    pytest rewrites the asserts of a file when it is first imported, and keeps what it wrote: 20 s for all files of a
    new clone, in every process, where all begin with the same file.
    """
    worker = getattr(session.config, "workerinput", None)
    whole = HERE in map(Path, session.config.args) or session.config.args == session.config.getini(
        "testpaths"
    )
    if worker is None or not whole or sys.dont_write_bytecode:
        return
    share, shares = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
    for file in sorted(HERE.rglob("test_*.py"))[share::shares]:
        sys.path.insert(0, str(file.parent))
        with suppress(Exception, pytest.skip.Exception):  # which the collection meets again, and says
            importlib.import_module(file.stem)
        sys.path.remove(str(file.parent))


def pytest_collection_finish() -> None:
    """Look for no garbage any more among what was imported and collected: a million objects that stay."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup() -> None:
    """Let every export of this process use one list of how torch's operations are written in ONNX.

    torch makes it anew for each export, about a second; a process of a user exports once.
    """
    if _EXPORTER in sys.modules:
        registry = sys.modules[_EXPORTER].ONNXRegistry
        if not hasattr(registry.from_torchlib, "cache_info"):
            registry.from_torchlib = staticmethod(cache(registry.from_torchlib))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of `LONGEST_FIRST` before all others; the order within a file stays."""
    places = {HERE / name: place for place, name in enumerate(LONGEST_FIRST)}
    assert all(path.is_file() for path in places), "LONGEST_FIRST names a file that there is not"
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture
def gold():
    """Compare a text with `tests/gold/NAME`; MODELWRIGHT_UPDATE_GOLD=1 writes it (then read the diff)."""

    def compare(name, text):
        path = GOLD / name
        if os.environ.get("MODELWRIGHT_UPDATE_GOLD"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text.splitlines() == path.read_text(encoding="utf-8").splitlines(), name

    return compare
