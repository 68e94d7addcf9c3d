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
GOLD = Path(__file__).parent / "gold"


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
