"""Whether a column is of the kind `number`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import time, timedelta
from typing import ClassVar

from modelwright.core.messages import Notice
from modelwright.core.messages.setting import setting
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.infer import Cells, Infer
from modelwright.kinds.number.value import NumberValue
from modelwright.kinds.shared.codes import has_leading_zero, is_digits
from modelwright.kinds.shared.numbers import NumberCells, read_number
from modelwright.kinds.shared.reading import nearly_all_read


class NumberInfer(Infer):
    """95 % of the cells are numbers, and no numbers with leading zeros: those are codes, and 007 is not 7."""

    rank: ClassVar[int] = 20
    of: ClassVar[NumberValue] = NumberValue()

    def reads(self, cells: Cells) -> bool:
        """Tell whether nearly every cell reads as a number, in one form or another, and they are no codes."""
        return self.reads_written(cells, DEFAULT_OPTIONS)

    def reads_written(self, cells: Cells, options: CellOptions) -> bool:
        """Tell the same, with the forms that `data.decimal` and `data.thousands` leave."""
        texts = NumberCells(options.forms)
        for cell, count in cells:
            if isinstance(cell, str):
                texts.add(cell, count)
        written = replace(options, number=texts.form().form)
        return nearly_all_read(self.of, cells, options=written) and not _are_codes(cells)

    def remarks(self, column: str, cells: Cells) -> Iterator[Notice]:
        """Yield a notice for durations and times of day, which are numbers of seconds from here on."""
        times = sum(count for cell, count in cells if isinstance(cell, timedelta | time))
        if times:
            yield Notice("data.seconds", column=column, count=times, line=setting("data.drop", [column]))


def _are_codes(cells: Cells) -> bool:
    """Tell whether a column of digits alone has leading zeros; one with fractions, or signs, is of numbers."""
    if not any(has_leading_zero(cell) for cell, _ in cells):
        return False
    return all(
        is_digits(cell) for cell, _ in cells if isinstance(cell, str) and read_number(cell) is not None
    )
