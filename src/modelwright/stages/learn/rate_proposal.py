"""Which rate a range test proposes: from a smoothed loss, where it falls most steeply, or well below its least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Reason = Literal["steepest", "tenth", "never-falls", "too-few"]
Floats = NDArray[np.float64]

_FEWEST = 12  # steps before it blew up
_REACH = 5  # steps on each side that smooth a loss
_CLEAR = 3.0  # standard errors of a smoothed loss by which it must fall


@dataclass(frozen=True)
class RateProposal:
    """The rate, None where there is none to propose; why; and the smoothed losses by step."""

    rate: float | None
    reason: Reason
    smoothed: tuple[float, ...]


def proposal(rates: Sequence[float], losses: Sequence[float]) -> RateProposal:
    """Return what to propose: where the smoothed loss falls most steeply over the logarithm of the rate, or a tenth of
    the rate of its least, whichever is smaller.
    """
    if len(losses) < _FEWEST:
        return RateProposal(None, "too-few", tuple(losses))
    loss = np.asarray(losses, np.float64)
    smooth = smoothed(loss)
    least = int(smooth.argmin())
    # before anything can be learned at these rates, a loss only scatters from batch to batch
    begin = smooth[: max(2, len(smooth) // 5)]
    scatter = float((loss - smooth)[: max(least, _FEWEST)].std()) / (2 * _REACH + 1) ** 0.5
    fall = float(begin.mean()) - float(smooth[least])
    if least < 2 or fall <= max(_CLEAR * scatter, 0.01 * abs(float(begin.mean()))):
        return RateProposal(None, "never-falls", tuple(map(float, smooth)))
    slopes = np.gradient(smooth, np.log(np.asarray(rates, np.float64)))[: least + 1]
    slopes[: min(_REACH, least)] = 0.0  # of fewer losses than the others, and so of more scatter
    steepest, tenth = rates[int(slopes.argmin())], rates[least] / 10
    rate = min(steepest, tenth)
    reason: Reason = "steepest" if steepest <= tenth else "tenth"
    return RateProposal(float(f"{rate:.2g}"), reason, tuple(map(float, smooth)))


def smoothed(loss: Floats) -> Floats:
    """Return the mean around each loss, nearer ones weighing more: without the lag of a mean of what came before."""
    weights = np.concatenate([np.arange(1, _REACH + 2), np.arange(_REACH, 0, -1)]).astype(np.float64)
    whole = np.convolve(np.ones(len(loss)), weights)[_REACH:-_REACH]  # less at both ends
    found: Floats = np.convolve(loss, weights)[_REACH:-_REACH] / whole
    return found
