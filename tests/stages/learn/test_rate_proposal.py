"""What a range test proposes, on losses of known shapes."""

from __future__ import annotations

import numpy as np
import pytest

from modelwright.stages.learn.rate_proposal import proposal, smoothed

RATES = np.geomspace(1e-6, 10.0, 100)


def falls(at: float, blows_up: float, noise: float = 0.02, depth: float = 1.0) -> list[float]:
    """Return losses that fall around one rate, and rise from another."""
    scale = np.log10(RATES)
    fall = depth / (1.0 + np.exp(-6.0 * (scale - np.log10(at))))
    rise = np.exp(np.minimum(4.0 * (scale - np.log10(blows_up)), 6.0))
    return list(
        1.0
        - fall
        - 0.05 * bool(depth) * scale
        + rise
        + noise * np.random.default_rng(3).standard_normal(len(RATES))
    )


@pytest.mark.parametrize("at", [1e-4, 1e-3, 1e-2])
def test_where_it_falls_most_steeply(at: float) -> None:
    found = proposal(RATES, falls(at, 300 * at))
    assert found.reason == "steepest"
    assert found.rate is not None
    assert at / 2.5 < found.rate < at * 2.5
    assert len(found.smoothed) == len(RATES)


def test_a_tenth_of_the_least_where_that_is_smaller() -> None:
    losses = falls(1e-3, 4e-3)
    found = proposal(RATES, losses)
    assert found.reason == "tenth"
    assert found.rate == pytest.approx(RATES[int(np.argmin(found.smoothed))] / 10, rel=0.05)


@pytest.mark.parametrize("shift", [0.0, -5.0])
def test_a_loss_that_never_falls_gives_none(shift: float) -> None:
    flat = [one + shift for one in falls(1e-3, 1e-1, noise=0.1, depth=0.0)]
    assert proposal(RATES, flat).rate is None
    assert proposal(RATES, flat).reason == "never-falls"


def test_a_loss_that_blows_up_at_once_gives_none() -> None:
    assert proposal(RATES[:5], [1.0, 2.0, 4.0, 8.0, 16.0]).reason == "too-few"
    assert proposal([], []).rate is None


def test_the_mean_around_each_loss_has_no_lag() -> None:
    line = np.arange(40.0)
    assert np.allclose(smoothed(line)[5:-5], line[5:-5])
    assert np.allclose(smoothed(np.ones(7)), 1.0)
