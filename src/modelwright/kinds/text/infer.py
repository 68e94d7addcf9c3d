"""Whether a column is of the kind `text`."""

from __future__ import annotations

from typing import ClassVar

from modelwright.kinds.contract.infer import Cells, Infer
from modelwright.kinds.shared.reading import nearly_all_read
from modelwright.kinds.text.value import TextValue


class TextInfer(Infer):
    """Every cell is a text; tried last."""

    rank: ClassVar[int] = 90
    of: ClassVar[TextValue] = TextValue()

    def reads(self, cells: Cells) -> bool:
        """Tell whether every cell reads as one."""
        return nearly_all_read(self.of, cells, stray=0.0)
