"""Whether a column is of the kind `vector`."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.infer import Cells, Infer
from modelwright.kinds.shared.reading import STRAY
from modelwright.kinds.vector.value import VectorValue

FEWEST = 2  # numbers; a list of one says no more than the number


class VectorInfer(Infer):
    """Lists of numbers, or texts of their JSON, 95 % of which have one length."""

    rank: ClassVar[int] = 8
    of: ClassVar[VectorValue] = VectorValue()

    def reads(self, cells: Cells) -> bool:
        """Tell whether nearly every cell is a list of numbers, all as long."""
        total = sum(count for _, count in cells)
        lengths: Counter[int] = Counter()
        others = 0
        for cell, count in cells:
            length = self._length(cell)
            if length is None:
                others += count
                if others > STRAY * total:
                    return False
            else:
                lengths[length] += count
        ((length, count),) = lengths.most_common(1)
        return length >= FEWEST and total - count <= STRAY * total

    def _length(self, cell: object) -> int | None:
        """Return how many numbers a list has, None of another cell."""
        if not isinstance(cell, list | tuple) and not (
            isinstance(cell, str) and cell.lstrip().startswith("[")
        ):
            return None
        try:
            read = self.of.parse(cell, lenient=True)
        except ValueProblem:
            return None
        return None if read is None else len(read)
