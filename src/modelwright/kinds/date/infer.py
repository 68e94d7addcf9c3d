"""Whether a column is of the kind `date`."""

from __future__ import annotations

from typing import ClassVar

from modelwright.kinds.contract.infer import Cells, Infer
from modelwright.kinds.date.value import DateValue
from modelwright.kinds.shared.reading import nearly_all_read


class DateInfer(Infer):
    """95 % of the cells are dates; tried before they could be names or texts."""

    rank: ClassVar[int] = 30
    of: ClassVar[DateValue] = DateValue()

    def reads(self, cells: Cells) -> bool:
        """Tell whether nearly every cell reads as a date."""
        return nearly_all_read(self.of, cells)
