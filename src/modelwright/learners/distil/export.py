"""Exports a student: a network, like every gradient learner's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from modelwright.learners.compressing.material import Material
from modelwright.learners.compressing.network_forms import NetworkForms
from modelwright.learners.contract.export import Compressor, Export
from modelwright.learners.contract.source import Rows
from modelwright.learners.exporting import eight_bits, int8, network_graph
from modelwright.package.body import Body


class DistilExport(Export):
    """Makes one graph of the network."""

    def export(self, learned: Path) -> Body:
        """Return the body of the network in a folder."""
        return network_graph.export(learned)

    def compress(self, body: Body) -> Body | None:
        """Return the body with its weights in 8 bits."""
        return int8.compress(body)

    def compress_on(self, body: Body, rows: Callable[[], Rows]) -> Body | None:
        """Return the body with weights and convolutions in 8 bits, its heads fitted again."""
        return eight_bits.compress(body, rows)

    def compressor(self, body: Body, rows: Callable[[], Rows]) -> Compressor:
        """Return what makes the forms of a network."""
        return NetworkForms(Material(body, rows))
