"""Exports boosted trees: one graph with the trees of all outputs, which is small as it is."""

from __future__ import annotations

from pathlib import Path

from modelwright.learners import kind_states
from modelwright.learners.contract.export import Export
from modelwright.learners.trees import bagging, columns, onnx_graph
from modelwright.package.body import Body


class TreesExport(Export):
    """Makes one graph of all boosters."""

    def export(self, learned: Path) -> Body:
        """Return one graph with the trees of all outputs."""
        signature, states = kind_states.read(learned)
        answers = [
            one.output.answers([bagging.dump(texts) for texts in one.texts])
            for one in columns.read_outputs(learned, signature, states)
        ]
        graph = onnx_graph.graph(columns.read_features(learned, signature, states), answers)
        return Body(signature, "once", {"model": graph}, states)

    def compress(self, body: Body) -> Body | None:
        """Return None: a tree's thresholds are compared as they are."""
        return None
