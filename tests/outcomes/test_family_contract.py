"""Every family of outcomes that there is passes the contract."""

from __future__ import annotations

import json

import numpy as np
import pytest

from modelwright import outcomes
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.entities.outcomes import EntityOutcomes
from modelwright.outcomes.numbers.outcomes import NumberOutcomes
from modelwright.outcomes.ranking.outcomes import RankingOutcomes
from modelwright.outcomes.reading.outcomes import ReadingOutcomes
from modelwright.outcomes.records.outcomes import RecordOutcomes
from modelwright.outcomes.series.outcomes import SeriesOutcomes
from modelwright.outcomes.sets.outcomes import SetOutcomes
from modelwright.outcomes.texts.outcomes import TextOutcomes
from modelwright.outcomes.vectors.outcomes import VectorOutcomes
from modelwright.testing import outcomes as checks
from modelwright.testing.outcomes import TriedOutcomes

RNG = np.random.default_rng(0)
N = 240


def classes(*, right: bool) -> ClassOutcomes:
    truth = RNG.integers(0, 3, N)
    logits = RNG.normal(size=(N, 3))
    logits[np.arange(N), truth] += 9.0 if right else 1.5
    odds = np.exp(logits)
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    predicted = truth if right else probabilities.argmax(axis=1)
    costs = np.array([[0.0, 2.0, 1.0, 0.5], [5.0, 0.0, 5.0, 0.5], [1.0, 1.0, 0.0, 0.5]])
    return ClassOutcomes(("a", "b", "c"), truth, predicted, probabilities, costs=costs)


def numbers(*, right: bool) -> NumberOutcomes:
    truth = RNG.normal(size=N)
    return NumberOutcomes(truth, truth if right else truth + 0.5 * RNG.normal(size=N))


def sets(*, right: bool) -> SetOutcomes:
    truth = RNG.random((N, 4)) < [0.5, 0.3, 0.4, 0.2]
    predicted = truth ^ (RNG.random((N, 4)) < (0.0 if right else 0.1))
    return SetOutcomes(
        ("a", "b", "c", "d"),
        truth.astype(np.int8),
        predicted.astype(np.int8),
        np.where(predicted, 0.8, 0.1),
        np.zeros(N, dtype=np.int64),
    )


def series(*, right: bool) -> SeriesOutcomes:
    truth = RNG.normal(size=(N, 6))
    truth[3], truth[5, 2] = np.nan, np.nan
    predicted = np.nan_to_num(truth) if right else np.nan_to_num(truth) + 0.5 * RNG.normal(size=truth.shape)
    quantiles = np.stack([predicted - 0.5, predicted, predicted + 0.5], axis=2)
    return SeriesOutcomes(truth, predicted, quantiles, np.roll(predicted, 1, axis=1), (0.1, 0.5, 0.9), 6, 0.7)


def ranking(*, right: bool) -> RankingOutcomes:
    truth = RNG.integers(0, 50, N)
    hits = np.zeros((N, 100), np.bool_)
    hits[np.arange(N), 0 if right else RNG.integers(0, 4, N)] = True
    hits[:, 7] = right
    truth[4], hits[4] = -1, False
    predicted = np.where(hits[:, 0], truth, 50)
    answers = [f"p{one}" for one in predicted.tolist()]
    lexical = RNG.random((N, 100)) < 0.02
    named = [frozenset({f"p{one}"}) for one in truth.tolist()]
    counts = np.where(truth < 0, 0, 2 if right else 1)
    return RankingOutcomes(truth, predicted, hits, lexical, counts, RNG.random(N), answers, named)


def vectors(*, right: bool) -> VectorOutcomes:
    truth = RNG.normal(size=(N, 4))
    truth[2], truth[7] = np.nan, 0.0
    known = np.nan_to_num(truth)
    return VectorOutcomes(truth, known if right else known + 0.5 * RNG.normal(size=truth.shape))


def texts(*, right: bool) -> TextOutcomes:
    said = [f"the {one} answer of {one % 7} words and a {one % 5} more, {one}" for one in range(N)]
    truth, answer = np.array(said, dtype=object), np.array(said, dtype=object)
    if not right:
        wrong = RNG.random(N) < 0.4
        answer[wrong] = [f"{text[::-1]} {text} and and and and and and" for text in answer[wrong]]
        answer[5], truth[7] = None, None
    return TextOutcomes(
        truth,
        answer,
        RNG.random(N) < 0.9,
        (RNG.random(N) < (0.0 if right else 0.2)),
        -RNG.gamma(4.0, 5.0, N),
        RNG.integers(8, 20, N).astype(np.float64),
        np.where(RNG.random(N) < (0.0 if right else 0.1), 25.0, 0.0),
        (RNG.random(N) < (0.0 if right else 0.2)),
        np.where(RNG.random(N) < 0.9, 1.0, np.nan) * (1.0 if right else RNG.integers(0, 3, N) / 2),
        points=_preferred(right=right),
        function_points=_preferred(right=right),
    )


def _preferred(*, right: bool) -> np.ndarray:
    return np.where(RNG.random(N) < 0.7, 1.0, np.nan) * (1.0 if right else RNG.integers(0, 3, N) / 2)


def entities(*, right: bool) -> EntityOutcomes:
    truth, answers = [], []
    for row in range(N):
        count = RNG.integers(0, 4)
        spans = tuple((10 * one, 10 * one + 4, str(RNG.choice(["person", "place"]))) for one in range(count))
        truth.append(None if row == 3 and not right else spans)
        found = [one if right or RNG.random() < 0.8 else (one[0], one[1] + 1, one[2]) for one in spans]
        answers.append(tuple(found if right or row % 5 else found[1:]))
    shown = [[{"start": a, "end": b, "label": c} for a, b, c in one] for one in answers]
    return EntityOutcomes.of(("person", "place"), truth, answers, RNG.random(N), shown)


def reading(*, right: bool) -> ReadingOutcomes:
    truth, answers = [], []
    for row in range(N):
        begin = int(RNG.integers(0, 40))
        wanted = [(begin, begin + 9, "the grey cat")] if row % 4 else []
        truth.append(None if row == 3 and not right else wanted)
        found = wanted[0] if wanted else None
        if not right and RNG.random() < 0.4:
            found = (begin + 4, begin + 9, "grey cat") if row % 3 else (90, 95, "a dog")
        answers.append(None if not right and row % 7 == 0 else found)
    return ReadingOutcomes.of(truth, answers, RNG.random(N))


def records(*, right: bool) -> RecordOutcomes:
    truth: list[str | None] = [json.dumps({"count": row % 9, "name": f"item {row}"}) for row in range(N)]
    answers = list(truth)
    if not right:
        wrong = RNG.random(N) < 0.4
        answers = [
            json.dumps({"count": row, "name": f"item {row}", "z": [1]}) if wrong[row] else one
            for row, one in enumerate(answers)
        ]
        answers[5], truth[7] = None, None
    likely = np.stack([-RNG.gamma(4.0, 5.0, N), RNG.integers(8, 20, N).astype(np.float64)], axis=1)
    cut = RNG.random(N) < (0.0 if right else 0.2)
    found = RecordOutcomes.of(truth, answers, written=RNG.random(N) < 0.9, cut=cut, likely=likely)
    points = (_preferred(right=right) for _ in range(2))
    return found.preferred(next(points)).preferred(next(points), by_function=True)


TRIED = {
    name: TriedOutcomes(make(right=False), make(right=True))
    for name, make in {
        "classes": classes,
        "entities": entities,
        "numbers": numbers,
        "ranking": ranking,
        "reading": reading,
        "records": records,
        "series": series,
        "sets": sets,
        "texts": texts,
        "vectors": vectors,
    }.items()
}


def test_every_family_is_tried():
    assert set(TRIED) == set(outcomes.names())


@pytest.mark.parametrize("family", sorted(TRIED))
@pytest.mark.parametrize("check", checks.CHECKS, ids=checks.title)
def test_a_family_keeps_the_contract(family, check):
    check(family, TRIED[family])
