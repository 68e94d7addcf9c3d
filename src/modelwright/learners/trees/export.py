"""Exports boosted trees: one graph with the trees of all outputs, which is small as it is."""

from __future__ import annotations

from pathlib import Path

from modelwright.learners import states as _states
from modelwright.learners.trees import boosting as _boosting
from modelwright.learners.trees import columns as _trees_columns
from modelwright.learners.trees import onnx_graph as _trees_onnx
from modelwright.learners.trees.columns import booster_text
from modelwright.package.body import Body


def export(learned: Path) -> Body:
    """Return one graph with the trees of all outputs."""
    signature, states = _states.read(learned)
    answers = [
        task.answers(_boosting.dump(booster_text(learned, place)))
        for place, task in enumerate(_trees_columns.tasks(signature, states))
    ]
    graph = _trees_onnx.graph(_trees_columns.features(signature, states), answers)
    return Body(signature, "once", {"model": graph}, states)


def compress(body: Body) -> Body | None:
    """Return None: a tree's thresholds are compared as they are."""
    return None
