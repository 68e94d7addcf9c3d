"""Whether a column is of the kind `number`."""

from __future__ import annotations

from typing import ClassVar

from modelwright.kinds.contract.infer import Cells, Infer
from modelwright.kinds.number.value import NumberValue
from modelwright.kinds.shared.reading import nearly_all_read


class NumberInfer(Infer):
    """95 % of the cells are numbers."""

    rank: ClassVar[int] = 20
    of: ClassVar[NumberValue] = NumberValue()

    def reads(self, cells: Cells) -> bool:
        """Tell whether nearly every cell reads as a number."""
        return nearly_all_read(self.of, cells)
