"""Exports what `linear` learned: one graph, which is small as it is."""

from __future__ import annotations

from pathlib import Path

from modelwright.learners.contract.export import Export
from modelwright.learners.linear import line_graph, lines
from modelwright.package.body import Body


class LinearExport(Export):
    """Makes one graph of all outputs."""

    def export(self, learned: Path) -> Body:
        """Return one graph with the lines of all outputs."""
        signature, states, fitted = lines.read(learned)
        graph = line_graph.graph(lines.blocks(signature, states), fitted)
        return Body(signature, "once", {"model": graph}, states)

    def compress(self, body: Body) -> Body | None:
        """Return None: one table of weights is all there is."""
        return None
