"""The facet `export`: makes a body of what was learned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from modelwright.learners.contract.source import Rows
from modelwright.package.body import Body


class Export(ABC):
    """Exports what a learner learned. `learn` never imports this facet, and this one not `learn`."""

    @abstractmethod
    def export(self, learned: Path) -> Body:
        """Return the body of what lies in the folder `learned`; equal folders give equal bytes.

        Its graphs' inputs and outputs are named `{field}.{array}` as the kinds name their arrays.
        """

    @abstractmethod
    def compress(self, body: Body) -> Body | None:
        """Return a smaller body (int8) whose answers do not depend on their batch, or None without one.

        A learner whose specification says `compresses` has one for every body that is large enough.
        """

    def compress_on(self, body: Body, rows: Callable[[], Rows]) -> Body | None:
        """Return what `compress` does, with rows at hand: this is what `package` calls.

        rows: reads training rows, on which scales can be measured and heads fitted again, and validation rows, on which
        can be chosen. By default they are not read.
        """
        return self.compress(body)
