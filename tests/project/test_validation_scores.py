"""Iterating needs no test row: what validation shows is said, and what evaluating again costs."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from requirement_texts import parse

from modelwright.core.evidence.measurement import Measurement, Phase
from modelwright.core.evidence.verdict import judge
from modelwright.core.signature import Signature
from modelwright.project.results import validation_scores
from modelwright.project.results.verdict_rows import requirement_rows

REQUIREMENTS = [
    parse("rmse", "<= 10", Signature.parse("f(x: number) -> y: number")),
    parse("size", "<= 1 MB", Signature.parse("f(x: number) -> y: number")),
]
REPORT = {
    "taken": "int8",
    "candidates": [
        {"name": "exact", "validation": {"required": {"rmse <= 10": 3.0}}},
        {"name": "int8", "validation": {"required": {"rmse <= 10": 4.0}}},
    ],
}


@pytest.fixture
def context(tmp_path, monkeypatch):
    (tmp_path / "package.json").write_text(json.dumps(REPORT))
    monkeypatch.setattr(
        validation_scores, "evidence_of", lambda made: SimpleNamespace(evaluation=made, confidence=0.95)
    )
    return SimpleNamespace(
        made={"package": None, "evaluate": 6},
        part=lambda stage, name: SimpleNamespace(path=tmp_path),
        opened=SimpleNamespace(requirements=REQUIREMENTS),
    )


def test_scores_are_those_of_the_graph_that_was_taken(context):
    assert validation_scores.validation_scores(context) == {"rmse <= 10": 4.0}
    seen = Measurement(REQUIREMENTS[0].subject, Phase.TEST, 5.0, 4.0, 6.0, 300, "tilting")
    (row, other) = requirement_rows(
        judge(REQUIREMENTS, [seen], phases=tuple(Phase)), False, validation_scores.validation_scores(context)
    )
    assert (row.validation, other.validation) == (4.0, None)
    assert row.as_json()["validation"] == 4.0


def test_what_evaluating_again_costs_is_said(context):
    scores, spent = validation_scores.notes(context)
    assert scores == "on validation: 4 for rmse <= 10"
    assert spent.startswith("evaluation 6 of these test rows: intervals are 70 % wider than at the first")
    context.made["evaluate"] = 1
    assert list(validation_scores.notes(context)) == [scores]


@pytest.mark.parametrize("made", [{}, {"package": None}])
def test_without_a_report_there_are_none(context, made, tmp_path):
    (tmp_path / "package.json").write_text("{}")
    context.made = made
    assert validation_scores.validation_scores(context) == {}
    assert list(validation_scores.notes(context)) == []
