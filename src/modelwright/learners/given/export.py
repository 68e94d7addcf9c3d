"""Exports a given graph: what the kinds make of values before it, and what becomes their answers behind it."""

from __future__ import annotations

import json
from pathlib import Path

from modelwright.learners import kind_states
from modelwright.learners.contract.export import Export
from modelwright.learners.given import wired_graph
from modelwright.learners.given.wiring import Wiring
from modelwright.package.body import Body

_GRAPH, _WIRING = "graph.onnx", "wiring.json"


class GivenExport(Export):
    """Puts the wiring around the graph, as nodes."""

    def export(self, learned: Path) -> Body:
        """Return one graph, from the kinds' arrays to their answers."""
        signature, states = kind_states.read(learned)
        wiring = Wiring.from_json(json.loads((learned / _WIRING).read_text(encoding="utf-8")))
        graph = wired_graph.wired((learned / _GRAPH).read_bytes(), wiring, signature, states)
        return Body(signature, "once", {"model": graph}, states)

    def compress(self, body: Body) -> Body | None:
        """Return None: the graph is served as it was given."""
        return None
