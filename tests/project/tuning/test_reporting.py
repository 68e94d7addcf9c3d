"""What a trial reports while it learns, and that the search may end it there: with a real learner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelwright import learners
from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.trees.spec import TreesOptions, TreesTraining
from modelwright.project.tuning.reporting import Pruned, Reporting
from modelwright.stages.tune import pruning
from modelwright.storage.formats.examples import Examples

ROUNDS = 80
SIGNATURE = Signature.parse("f(a: number) -> c: boolean")


def rows(count: int, seed: int) -> Examples:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=count)
    truths = values + draw.normal(0, 0.3, count) > 0
    return Examples([str(row) for row in range(count)], {"a": values.tolist(), "c": truths.tolist()})


def reported(
    folder: Path, rate: float, report: Callable[[list[tuple[int, float]]], bool]
) -> tuple[list[tuple[int, float]], bool]:
    """Learn trees at a rate; return all points and scores, and whether `report` ended it."""
    scores: list[tuple[int, float]] = []

    def take(at: int, score: float) -> bool:
        scores.append((at, score))
        return report(scores)

    options, training = TreesOptions(bags=1), TreesTraining(learning_rate=rate, patience=ROUNDS)
    setup = Setup("trees", ROUNDS, 100, 1, "float32", "avx2", 0, options, training, {})
    scratch = folder / f"{rate}-{len(list(folder.iterdir()))}"
    scratch.mkdir()
    try:
        learners.learn("trees").learn(
            SIGNATURE, Rows(rows(120, 0), rows(60, 1)), setup, scratch / "out", scratch, Reporting(take)
        )
    except Pruned:
        return scores, True
    return scores, False


def test_a_learner_reports_what_validation_gives_at_rising_points(tmp_path: Path) -> None:
    scores, ended = reported(tmp_path, 0.1, lambda _: False)
    assert not ended
    assert [at for at, _ in scores] == list(range(1, ROUNDS // 10 + 1))
    assert scores[-1][1] < scores[0][1] < np.log(2) * 1.01
    assert reported(tmp_path, 0.1, lambda seen: len(seen) == 3) == (scores[:3], True)


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_trial_that_learns_too_slowly_is_ended_and_one_that_learns_well_is_not(
    pruner: pruning.Pruner, tmp_path: Path
) -> None:
    good, _ = reported(tmp_path, 0.1, lambda _: False)
    known = [good] * 4
    of = {
        rate: reported(tmp_path, rate, lambda seen: pruning.is_pruned(pruner, 0, seen, known))
        for rate in (0.1, 0.0001)
    }
    assert of[0.1] == (good, False)
    slow, ended = of[0.0001]
    assert ended
    assert len(slow) < len(good)
