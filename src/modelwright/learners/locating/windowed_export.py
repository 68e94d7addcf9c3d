"""The facet `export` of learners whose encoder reads texts in windows."""

from __future__ import annotations

from pathlib import Path

from modelwright.learners.contract.export import Export
from modelwright.learners.exporting import int8
from modelwright.learners.locating.located_body import located_body
from modelwright.package.body import Body


class WindowedExport(Export):
    """Makes one graph of the encoder and its heads."""

    def export(self, learned: Path) -> Body:
        """Return the body of the driver `locate`."""
        return located_body(learned)

    def compress(self, body: Body) -> Body | None:
        """Return the body with the weights of its graph in 8 bits."""
        return int8.compress(body)
