"""Gradient boosting by LightGBM: early stopping, and resuming to the same bits.

Where nothing is drawn at random, going on from stored rounds gives the bits of an unbroken run: LightGBM adds the
leaves of stored trees in the order, and in the float64, in which training adds them. So a checkpoint may fall on any
round; a test compares the bytes. Where columns or thresholds are drawn, only what has ended is kept.
"""

from __future__ import annotations

import itertools
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from lightgbm.callback import CallbackEnv, EarlyStopException
from numpy.typing import NDArray

from modelwright.learners import timing
from modelwright.learners.contract.ending import TrainingEnd
from modelwright.storage import disk

CHECKPOINT_S = 5.0  # a kill loses at most the rounds of so many seconds
_ROWS_ALONE = 100_000
# Of the least loss on validation, so much more is about the same: the last fifth of the rounds often gains less.
_ABOUT_LEAST = 0.001
# Of a small table so many rounds that their median is steady; of a large one as many as a second holds.
_TIMED_S, _FEWEST_TIMED, _MOST_TIMED = 1.0, 3, 200

Params = Mapping[str, object]
Advance = Callable[[float | None], None]
"""Called after each round, with the loss on validation (None: there are no rows of it)."""


@dataclass(frozen=True)
class FeatureTable:
    """Features float64 (n, features; NaN: missing) and targets (n,) without gaps; `codes`: the columns of codes."""

    features: NDArray[np.float64]
    targets: NDArray[Any]
    codes: Sequence[int]

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class Boosted:
    """The rounds up to the best, as LightGBM's text, and the validation loss after every round run."""

    text: str
    rounds: int
    history: Sequence[float]


@dataclass(frozen=True)
class Timed:
    """A booster of a few timed rounds: CPU seconds to prepare the table, and CPU seconds a round, on one thread."""

    booster: lightgbm.Booster
    rounds: int
    prepare_s: float
    round_s: float


def boost(
    params: Params,
    train: FeatureTable,
    validation: FeatureTable,
    rounds: int,
    patience: int,
    checkpoint: Path,
    advance: Advance,
    *,
    draws: bool = False,
    end: TrainingEnd | None = None,
) -> Boosted:
    """Boost up to `rounds` rounds and keep the fewest whose loss on validation is about the least.

    Stops after `patience` rounds without a lesser loss, or when no split is left to make. Without validation
    rows all rounds are kept. Finds and leaves its state in the file `checkpoint`; draws: whether anything is drawn at
    random, so that no state but the last is gone on from; end: where it ends before its last round.
    """
    end = end or TrainingEnd()
    history, before = _read(checkpoint)
    if draws and before is None and end.sealed is not None:
        history, before = _ended(checkpoint, end.last(rounds))
    for loss in history:
        advance(loss)

    booster = before
    left = end.last(rounds) - (before.current_iteration() if before else 0)
    if left > 0 and not _given_up(history, patience) and not (draws and before):
        # what is drawn at random is drawn from the first round on, so that a state of the midst serves a cut alone
        place = _of_cut(checkpoint) if draws else checkpoint
        watch = _Watch(history, patience, place, advance, end, rounds, often=not draws)
        booster = _train(params, train, validation, left, watch, before)
        _write(checkpoint, history, booster)
    assert booster is not None
    assert left >= 0, "the state of a longer boosting is nobody else's"
    kept = fewest_of_about_least(history) if history else booster.current_iteration()
    # read once more: a tree of one leaf is written otherwise by a booster that was read, as one of a checkpoint is
    read = lightgbm.Booster(model_str=booster.model_to_string(num_iteration=kept))
    return Boosted(_stripped(read.model_to_string(num_iteration=-1)), kept, history)


def fewest_of_about_least(history: Sequence[float]) -> int:
    """Return the fewest rounds whose loss on validation is the least, or 0.1 % above it.

    history: the loss after each round. A package has as many trees as rounds are kept.
    """
    enough = min(history) + _ABOUT_LEAST * abs(min(history))
    return next(number for number, loss in enumerate(history, 1) if loss <= enough)


def time_rounds(params: Params, train: FeatureTable) -> Timed:
    """Boost a few rounds on one thread and say what they took; a quarter of the rows stands in for validation."""
    quarter = max(1, len(train) // 4)
    held = FeatureTable(train.features[:quarter], train.targets[:quarter], train.codes)
    stamps = [timing.now_s()]

    def stop_in_time(env: CallbackEnv) -> None:
        stamps.append(timing.now_s())
        enough = len(stamps) > _FEWEST_TIMED + 1 and stamps[-1] - stamps[1] > _TIMED_S
        if enough or _booster(env).current_iteration() < len(stamps) - 1:
            raise EarlyStopException(env.iteration, env.evaluation_result_list or [])

    booster = _train({**params, "num_threads": 1}, train, held, _MOST_TIMED, stop_in_time, None)
    # The first stamp comes after binning and one round; what the other rounds take is taken off again. Of the
    # rounds the median counts: what disturbs one makes it longer, and early and late rounds differ little.
    gaps = [after - before for before, after in itertools.pairwise(stamps[1:])]
    round_s = statistics.median(gaps) if gaps else 0.0
    prepare_s = max(0.0, stamps[1] - stamps[0] - round_s)
    return Timed(booster, booster.current_iteration(), prepare_s, round_s)


def raw_answers(text: str, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of leaves, (n, trees a round), of a stored booster."""
    booster = lightgbm.Booster(model_str=text)
    if not len(features):  # LightGBM refuses a table without rows
        return np.zeros((0, booster.num_model_per_iteration()))
    # Rows are answered one by one, so that threads change no bit; few rows do not pay for a second thread.
    threads = 1 if len(features) < _ROWS_ALONE else 0
    raw = np.asarray(booster.predict(features, raw_score=True, num_threads=threads), np.float64)
    return raw.reshape(len(features), booster.num_model_per_iteration())


def dump(text: str) -> dict[str, object]:
    """Return the trees of a stored booster as LightGBM's JSON."""
    trees: dict[str, object] = lightgbm.Booster(model_str=text).dump_model()
    return trees


class _Watch:
    """Follows the rounds: keeps the losses and the checkpoint, and says when to stop."""

    def __init__(
        self,
        history: list[float],
        patience: int,
        checkpoint: Path,
        advance: Advance,
        end: TrainingEnd,
        rounds: int,
        *,
        often: bool,
    ) -> None:
        self._history = history
        self._end, self._rounds, self._often = end, rounds, often
        self._patience = patience
        self._checkpoint = checkpoint
        self._advance = advance
        self._saved_at = time.monotonic()

    def __call__(self, env: CallbackEnv) -> None:
        """Take note of one round; LightGBM calls this after each."""
        results = env.evaluation_result_list or []
        if (
            _booster(env).current_iteration() < env.iteration + 1
        ):  # no split was left, and the round was undone
            raise EarlyStopException(env.iteration, results)
        self._history.extend(float(result[2]) for result in results)
        self._advance(self._history[-1] if self._history else None)
        if self._often and time.monotonic() - self._saved_at >= CHECKPOINT_S:
            _write(self._checkpoint, self._history, _booster(env))
            self._saved_at = time.monotonic()
        if _given_up(self._history, self._patience):
            raise EarlyStopException(env.iteration, results)
        done = _booster(env).current_iteration()
        if done < self._rounds and self._end.is_due(done):
            _write(self._checkpoint, self._history, _booster(env))
            self._end.cut(done, self._rounds)


def _of_cut(checkpoint: Path) -> Path:
    """Return where a booster that draws at random leaves its state when it is cut."""
    return checkpoint.with_suffix(".cut.json")


def _ended(checkpoint: Path, rounds: int) -> tuple[list[float], lightgbm.Booster | None]:
    """Return the state of a booster that was cut after so many rounds; nothing where there is none."""
    history, booster = _read(_of_cut(checkpoint))
    return (history, booster) if booster and booster.current_iteration() == rounds else ([], None)


def _train(
    params: Params,
    train: FeatureTable,
    validation: FeatureTable,
    rounds: int,
    watch: Callable[[CallbackEnv], None],
    before: lightgbm.Booster | None,
) -> lightgbm.Booster:
    table = lightgbm.Dataset(
        train.features, train.targets, categorical_feature=list(train.codes), params=dict(params)
    )
    held = [table.create_valid(validation.features, validation.targets)] if len(validation) else []
    return lightgbm.train(
        dict(params),
        table,
        num_boost_round=rounds,
        valid_sets=held,
        init_model=before,
        callbacks=[watch],
        keep_training_booster=True,
    )


def _booster(env: CallbackEnv) -> lightgbm.Booster:
    assert isinstance(env.model, lightgbm.Booster), "cross-validation is not used"
    return env.model


def _given_up(history: Sequence[float], patience: int) -> bool:
    return bool(history) and len(history) - 1 - history.index(min(history)) >= patience


def _stripped(text: str) -> str:
    """Return the text without the parameters: a resumed run states its own number of rounds there."""
    trees, found, rest = text.partition("\nparameters:")
    return trees + rest.partition("end of parameters\n")[2] if found else text


def _read(checkpoint: Path) -> tuple[list[float], lightgbm.Booster | None]:
    if not checkpoint.exists():
        return [], None
    found = json.loads(checkpoint.read_text(encoding="utf-8"))
    return found["history"], lightgbm.Booster(model_str=found["booster"])


def _write(checkpoint: Path, history: Sequence[float], booster: lightgbm.Booster) -> None:
    """Replace the checkpoint as a whole: a kill leaves the old one or the new one."""
    text = json.dumps({"history": list(history), "booster": booster.model_to_string(num_iteration=-1)})
    new = checkpoint.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    disk.sync(new)
    new.replace(checkpoint)
