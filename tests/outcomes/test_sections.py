"""What families find in outcomes, and that it survives being sealed and is drawn from it."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from modelwright import outcomes
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.classes.section import confusion, reliability
from modelwright.outcomes.contract.blocks import Bars, Matrix, Mistakes, Scatter
from modelwright.outcomes.contract.section import Section, TestRows
from modelwright.outcomes.entities.outcomes import EntityOutcomes
from modelwright.outcomes.numbers.outcomes import NumberOutcomes
from modelwright.outcomes.ranking.outcomes import RankingOutcomes
from modelwright.outcomes.reading.outcomes import ReadingOutcomes
from modelwright.outcomes.records.outcomes import RecordOutcomes
from modelwright.outcomes.series.outcomes import SeriesOutcomes
from modelwright.outcomes.sets.outcomes import SetOutcomes
from modelwright.outcomes.texts.outcomes import TextOutcomes
from modelwright.outcomes.vectors.outcomes import VectorOutcomes

CLASSES = ("car", "health")


def found(truth, predicted, sure):
    probabilities = np.array(
        [[s, 1 - s] if p == 0 else [1 - s, s] for p, s in zip(predicted, sure, strict=True)]
    )
    return ClassOutcomes(CLASSES, np.array(truth), np.array(predicted), probabilities)


def rows(truths, train=()):
    ids = [f"row-{place}" for place in range(len(truths))]
    return TestRows(ids, truths.__getitem__, lambda row: {"x": f"input {row}"}, Counter(train))


def sealed(family, shown, test_rows, most=20):
    section = outcomes.facet(family, Section)
    findings = section.findings(shown, test_rows, confidence=0.95, most_mistakes=most)
    return section, json.loads(json.dumps(findings))


def share(metric, of, value=0.5):
    return Measurement(Subject(metric, "y", of), Phase.TEST, value, value - 0.1, value + 0.1, 20, "mid-p")


def test_confusions_count_every_known_row_and_abstentions():
    assert confusion(found([0, 0, 1, -1], [0, 1, -1, 1], [0.9] * 4)) == ((0, 0, 1), (0, 1, 1), (1, 2, 1))


def test_reliability_holds_groups_of_equal_size_in_order_of_confidence():
    draw = np.random.default_rng(0)
    sure = draw.uniform(0.5, 1, 1000)
    truth = np.where(draw.random(1000) < sure, 0, 1)
    groups = reliability(found(truth, np.zeros(1000, dtype=int), sure), 0.95)
    assert [group.n for group in groups] == [100] * 10
    assert [g.confidence for g in groups] == sorted(g.confidence for g in groups)
    assert sum(group.low <= group.confidence <= group.high for group in groups) >= 8


def test_the_most_confident_mistakes_of_classes_come_first():
    shown = found([0, 1, 1, -1], [1, 0, 1, 0], [0.7, 0.95, 0.99, 0.8])
    section, findings = sealed(
        "classes", shown, rows(["car", "health", "health", "boat"], ["car"] * 3), most=2
    )
    assert [mistake["id"] for mistake in findings["mistakes"]] == ["row-1", "row-3"]
    assert findings["mistakes"][1]["truth"] == "boat"
    assert findings["unknown"] == 1
    assert (findings["train_rows"], findings["test_rows"]) == ([3, 0], [1, 2])
    drawn = section.draw("y", findings, [share("recall", "car", 0.9), share("recall", "health", 0.4)])
    bars, matrix, _, *_, mistakes = drawn.blocks
    assert isinstance(bars, Bars)
    assert [label for label, _ in bars.rows] == ["health", "car"]  # lowest recall first
    assert isinstance(matrix, Matrix)
    assert matrix.title == "Confusion matrix"
    assert sum(n for _, _, n in matrix.counts) == 3
    assert isinstance(mistakes, Mistakes)
    notices = list(section.notices("y", findings))
    assert [notice.id for notice in notices] == ["evaluate.few-rows", "evaluate.unknown-classes"]
    assert "1 test row has a true class of `y`" in notices[1].found


def test_the_numbers_farthest_off_come_first():
    shown = NumberOutcomes(np.array([1.0, 2.0, np.nan, 4.0]), np.array([1.1, 5.0, 1.0, 3.0]))
    section, findings = sealed("numbers", shown, rows(["1", "2", None, "4"]), most=2)
    assert [mistake["id"] for mistake in findings["mistakes"]] == ["row-1", "row-3"]
    assert findings["truth"] == [1.0, 2.0, 4.0]
    scatter, _ = section.draw("y", findings, []).blocks
    assert isinstance(scatter, Scatter)


def test_sets_show_every_tag_and_the_most_confident_wrong_sets():
    truth = np.array([[1, 0], [0, 0], [1, 1], [-1, -1]], dtype=np.int8)
    predicted = np.array([[1, 0], [0, 1], [1, 0], [1, 1]], dtype=np.int8)
    probabilities = np.array([[0.9, 0.1], [0.2, 0.9], [0.6, 0.4], [0.9, 0.9]])
    shown = SetOutcomes(("a", "b"), truth, predicted, probabilities, np.zeros(4, dtype=np.int64))
    section, findings = sealed("sets", shown, rows(["a", "∅", "a, b", None], ["a", "a", "b"]))
    assert [mistake["id"] for mistake in findings["mistakes"]] == ["row-1", "row-2"]  # 0.8 before 0.6
    assert findings["mistakes"][0]["answer"] == "b"
    assert (findings["rows"], findings["empty"], findings["test_rows"]) == (3, 1, [2, 1])
    drawn = section.draw("y", findings, [share("f1", "a", 0.9), share("f1", "b", 0.2)])
    assert isinstance(drawn.blocks[0], Bars)
    assert [label for label, _ in drawn.blocks[0].rows] == ["b", "a"]
    assert drawn.blocks[0].table.rows[0][0] == "a"
    assert drawn.card[0].rows[0][0] == "b"


@pytest.mark.parametrize("family", outcomes.names())
def test_a_section_of_no_rows_is_drawn_too(family):
    nothing = {
        "classes": ClassOutcomes(CLASSES, np.zeros(0, int), np.zeros(0, int), np.zeros((0, 2))),
        "entities": EntityOutcomes.of(("person",), [], [], np.zeros(0), []),
        "numbers": NumberOutcomes(np.zeros(0), np.zeros(0)),
        "ranking": RankingOutcomes(
            *[np.zeros(0, np.int64)] * 2,
            *[np.zeros((0, 100), np.bool_)] * 2,
            np.zeros(0, np.int64),
            np.zeros(0),
            (),
            (),
        ),
        "reading": ReadingOutcomes.of([], [], np.zeros(0)),
        "records": RecordOutcomes.of(
            [], [], written=np.zeros(0, np.bool_), cut=np.zeros(0, np.bool_), likely=np.zeros((0, 2))
        ),
        "series": SeriesOutcomes(
            *[np.zeros((0, 4))] * 2, np.zeros((0, 4, 3)), np.zeros((0, 4)), (0.1, 0.5, 0.9)
        ),
        "sets": SetOutcomes(
            ("a",), *[np.zeros((0, 1), np.int8)] * 2, np.zeros((0, 1)), np.zeros(0, np.int64)
        ),
        "texts": TextOutcomes(
            *[np.zeros(0, object)] * 2,
            *[np.zeros(0, np.bool_)] * 2,
            *[np.zeros(0)] * 3,
            np.zeros(0, np.bool_),
            np.zeros(0),
        ),
        "vectors": VectorOutcomes(*[np.zeros((0, 3))] * 2),
    }
    section, findings = sealed(family, nothing[family], rows([]))
    assert section.draw("y", findings, []).lead


def test_records_are_scored_by_their_fields():
    shown = RecordOutcomes.of(
        ['{"a": 1, "b": 2}'] * 2,
        ['{"a": 1, "b": 3}', '{"a": 1, "b": 2}'],
        written=np.ones(2, np.bool_),
        cut=np.zeros(2, np.bool_),
        likely=np.full((2, 2), np.nan),
    )
    section, findings = sealed("records", shown, rows(shown.truth))
    (pairs,) = section.draw("y", findings, []).blocks
    assert (pairs.score, [(one.id, one.score) for one in pairs.rows]) == ("field_f1", [("row-0", 0.5)])
