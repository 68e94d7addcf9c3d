"""Weights are no body: another project names them, and its package holds them."""

from __future__ import annotations

from pathlib import Path

from modelwright.core.messages import Problem, ProjectError
from modelwright.learners.contract.export import Export
from modelwright.package.body import Body


class PretrainExport(Export):
    """Makes nothing."""

    def export(self, learned: Path) -> Body:
        """Raise ProjectError: there are no outputs to answer."""
        raise ProjectError(Problem("pretrain.no-package"))

    def compress(self, body: Body) -> Body | None:
        """Return None: there is no body."""
        return None
