"""Forecasts by trees: a row a step, with what each series showed at the same time of its seasons.

One booster learns all steps of an output: the step is a feature, and so are the values of each series at those lags
that go best with what came. Only values are taken, never sums of them, so that a graph has the same features to the
last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.core.spacing import evenly_spaced
from modelwright.kinds.contract.common import Array, ArraySpec

MOST_LAGS = 24  # of a series: on rentals by the hour 12 give an error of 57.9, 24 one of 56.9
LAST = 6  # newest values, whatever the step
MOST_STEP_ROWS = 200_000  # rows a step that are learned from; of more, evenly spaced rows are taken
_MOST_COMPARED = 20_000_000  # numbers that are compared to find the lags

Places = NDArray[np.int64]


@dataclass(frozen=True)
class SeriesLags:
    """What is taken of one series of t steps and c channels, by array name without its last part.

    lags: how many steps before the one that is answered; own: the series is as long as the forecast, and its value at
    the same step is taken; gaps: training has some, so that what is present is taken, too.
    """

    name: str
    steps: int
    channels: int
    lags: tuple[int, ...]
    own: bool
    gaps: bool

    def places(self, ahead: int) -> Places:
        """Return the steps (h, k) of the series that are taken for each step ahead."""
        step = np.arange(ahead)
        # the newest value that lies whole seasons of that lag before the step
        columns = [self.steps - lag + step % lag for lag in self.lags]
        newest = range(max(0, self.steps - LAST), self.steps)
        columns += [np.full(ahead, place) for place in newest]
        columns += [step] if self.own else []
        return np.stack(columns, axis=1).astype(np.int64)

    @property
    def arrays(self) -> tuple[str, ...]:
        """Return the arrays that are taken from."""
        return (f"{self.name}.series", f"{self.name}.present")[: 2 if self.gaps else 1]


@dataclass(frozen=True)
class Turn:
    """A sine and the cosine behind it, which show where on a circle (a day, a week) now is: turned on to where
    each step ahead is.

    column: of the sine, among the features that are no series; a_step: radians that a step is.
    """

    column: int
    a_step: float

    def angles(self, ahead: int) -> NDArray[np.float64]:
        """Return cosine and sine (2, h) of the angle to each step."""
        angle = self.a_step * np.arange(ahead)
        return np.stack([np.cos(angle), np.sin(angle)])


@dataclass(frozen=True)
class Ahead:
    """How rows become rows a step: h steps, each with its number, what is no series, and lags of each series.

    turns: what comes round again, at the time of the step.
    """

    steps: int
    series: tuple[SeriesLags, ...]
    turns: tuple[Turn, ...] = ()

    @classmethod
    def read(cls, data: Mapping[str, object]) -> Ahead:
        """Return what `as_json` gave."""
        steps, series = data["steps"], data["series"]
        assert isinstance(steps, int)
        assert isinstance(series, list)
        turns = data.get("turns", ())  # of an earlier version: none
        assert isinstance(turns, list | tuple)
        return cls(
            steps,
            tuple(SeriesLags(**{**one, "lags": tuple(one["lags"])}) for one in series),
            tuple(Turn(**one) for one in turns),
        )

    def as_json(self) -> dict[str, object]:
        """Return it as JSON."""
        return asdict(self)

    def matrix(self, others: NDArray[np.float64], encoded: Mapping[str, Array]) -> NDArray[np.float64]:
        """Return the features (n·h, k) of all steps of all rows; others: (n, d), of what is no series."""
        rows = len(others)
        step = np.broadcast_to(np.arange(self.steps, dtype=np.float64)[None, :, None], (rows, self.steps, 1))
        parts = [np.broadcast_to(others[:, None, :], (rows, self.steps, others.shape[1])), step]
        for turn in self.turns:
            sine, cosine = others[:, turn.column, None], others[:, turn.column + 1, None]  # (n, 1)
            by_cosine, by_sine = turn.angles(self.steps)  # (h,)
            # sin(a + b) and cos(a + b): (n, h, 1) each
            parts.append((sine * by_cosine + cosine * by_sine)[:, :, None])
            parts.append((cosine * by_cosine - sine * by_sine)[:, :, None])
        for one in self.series:
            places = one.places(self.steps)
            wide = (rows, self.steps, places.shape[1] * one.channels)
            # (n, t, c) → (n, h, k, c) → (n, h, k·c)
            parts += [encoded[name][:, places].reshape(wide).astype(np.float64) for name in one.arrays]
        found = np.concatenate(parts, axis=2)
        return found.reshape(rows * self.steps, found.shape[2])


def choose(
    specs: Mapping[str, ArraySpec], encoded: Mapping[str, Array], truths: Array, turns: Sequence[Turn] = ()
) -> Ahead:
    """Return how a forecast (n, h) is learned from training rows: the lags that go best with it.

    specs: of the arrays of all series, by name.
    """
    ahead = truths.shape[1]
    found = []
    for array, spec in specs.items():
        name, _, part = array.rpartition(".")
        if part != "series":
            continue
        _, steps, channels = spec.shape
        assert isinstance(steps, int)
        assert isinstance(channels, int)
        gaps = bool((encoded[f"{name}.present"] == 0).any())
        lags = _best_lags(encoded[array][:, :, 0], truths)
        found.append(SeriesLags(name, steps, channels, lags, own=steps == ahead, gaps=gaps))
    return Ahead(ahead, tuple(found), tuple(turns))


def turns_of(circles: Sequence[tuple[int, float]], step_s: float | None) -> tuple[Turn, ...]:
    """Return how circles turn with steps of so many seconds: those that a step does not turn half round, or farther.

    circles: columns of a sine among the features that are no series, each with the seconds of a turn.
    """
    if step_s is None:
        return ()
    return tuple(
        Turn(column, 2 * math.pi * step_s / seconds) for column, seconds in circles if 2 * step_s < seconds
    )


def _best_lags(series: Array, truths: Array) -> tuple[int, ...]:
    """Return the lags, rising, at which a series (n, t) correlates best with what came (n, h)."""
    rows, steps = series.shape
    most = max(1, _MOST_COMPARED // max(1, steps * truths.shape[1]))
    some = evenly_spaced(rows, most)
    series, truths = series[some].astype(np.float64), truths[some].astype(np.float64)
    known = ~np.isnan(truths)
    truth = truths[known]
    step = np.arange(truths.shape[1])
    scores = [_correlation(series[:, steps - lag + step % lag][known], truth) for lag in range(1, steps + 1)]
    best: Sequence[int] = np.argsort(-np.array(scores), kind="stable")[:MOST_LAGS].tolist()
    return tuple(sorted(place + 1 for place in best))


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    if len(one) < 2:
        return 0.0
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / spread if spread > 0 else 0.0


def spaced(rows: int, ahead: int) -> Places:
    """Return the rows that are learned from."""
    return np.linspace(0, max(rows - 1, 0), min(rows, max(1, MOST_STEP_ROWS // ahead))).astype(np.int64)
