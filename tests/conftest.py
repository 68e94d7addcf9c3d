"""What all tests share: one profile of Hypothesis for CI, and gold files, the texts that people read."""

import os
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

# Two processes share the tests file by file (`--dist loadfile --no-loadscope-reorder`). The files that take longest
# begin first, so that neither process ends with one of them while the other has nothing left.
LONGEST_FIRST = (
    "learners/test_learner_contract.py",
    "project/test_rests_on.py",
    "test_whole_loop.py",
    "learners/test_gradient_learners.py",
    "project/test_loop.py",
    "project/test_package_serving.py",
    "cli/test_languages.py",
    "learners/test_network_learner.py",
    "gateway/test_schemathesis.py",
    "stages/data/test_data_chunks.py",
    "project/test_state_history.py",
    "cli/test_hostile_names.py",
    "gateway/test_gateway.py",
    "learners/test_trees.py",
)


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
