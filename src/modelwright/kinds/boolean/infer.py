"""Whether a column is of the kind `boolean`."""

from __future__ import annotations

from typing import ClassVar

from modelwright.kinds.boolean.value import BooleanValue
from modelwright.kinds.contract.infer import Cells, Infer
from modelwright.kinds.shared.reading import nearly_all_read


class BooleanInfer(Infer):
    """Every cell is a truth value: yes/no, true/false, 1/0 …"""

    rank: ClassVar[int] = 10
    of: ClassVar[BooleanValue] = BooleanValue()

    def reads(self, cells: Cells) -> bool:
        """Tell whether every cell reads as one."""
        return nearly_all_read(self.of, cells, stray=0.0)
