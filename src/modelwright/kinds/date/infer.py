"""Whether a column is of the kind `date`."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.infer import Cells, Infer
from modelwright.kinds.date.value import DateValue
from modelwright.kinds.shared.reading import nearly_all_read


class DateInfer(Infer):
    """95 % of the cells are dates; tried before they could be names or texts."""

    rank: ClassVar[int] = 30
    of: ClassVar[DateValue] = DateValue()

    def reads(self, cells: Cells) -> bool:
        """Tell whether nearly every cell reads as a date, in one form or another."""
        return self.reads_written(cells, DEFAULT_OPTIONS)

    def reads_written(self, cells: Cells, options: CellOptions) -> bool:
        """Tell the same, with the forms that `data.dates` leaves. Whole numbers are numbers before they are dates."""
        texts = [cell for cell, _ in cells if isinstance(cell, str)]
        found = self.of.date_cells(texts, options).form()
        written = options if found is None else replace(options, date=found.form)
        return nearly_all_read(self.of, cells, options=written)
