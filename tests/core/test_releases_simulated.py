"""The quick form of `benchmarks/releases.py`: bad versions are taken back, and equal ones promoted."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "releases.py"


@pytest.fixture(scope="module")
def releases():
    spec = importlib.util.spec_from_file_location("simulated_releases", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_simulated_releases_end_as_they_should(releases):
    kinds = {kind.name: number for kind, number in releases.counts(24).items()}
    assert sum(kinds.values()) == 24
    found = releases.simulate(24, 1)
    bad, worst, aborted = releases.false_rates(found["Modelwright"])
    assert (bad, worst, aborted) == (0, 0, 0)
    # what is far beyond its bar is stopped early; what lies on it only by the deadline
    assert all(one.minutes <= 4 for one in found["Modelwright"]["latency +100 %"])
    assert all(one.by_deadline for one in found["Modelwright"]["accuracy -1 point"])
    # the peers' rules are followed: Flagger takes ten good minutes, Argo Rollouts its four pauses
    assert all(one.minutes >= 10 for one in found["Flagger"]["equal"])
    assert {one.minutes for one in found["Argo Rollouts"]["equal"]} == {40}
