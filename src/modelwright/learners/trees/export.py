"""Exports boosted trees: one graph with the trees of all outputs, which is small as it is."""

from __future__ import annotations

from pathlib import Path

from modelwright.learners import kind_states
from modelwright.learners.contract.export import Export
from modelwright.learners.trees import boosting, columns, onnx_graph
from modelwright.package.body import Body


class TreesExport(Export):
    """Makes one graph of all boosters."""

    def export(self, learned: Path) -> Body:
        """Return one graph with the trees of all outputs."""
        signature, states = kind_states.read(learned)
        answers, place = [], 0
        for output in columns.outputs(signature, states, columns.read_aheads(learned)):
            dumps = []
            for _ in output.tasks:
                dumps.append(boosting.dump(columns.booster(learned, place).read_text("utf-8")))
                place += 1
            answers.append(output.answers(dumps))
        graph = onnx_graph.graph(columns.features(signature, states), answers)
        return Body(signature, "once", {"model": graph}, states)

    def compress(self, body: Body) -> Body | None:
        """Return None: a tree's thresholds are compared as they are."""
        return None
