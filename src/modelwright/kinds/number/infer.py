"""Whether a column is of the kind `number`."""

from __future__ import annotations

from typing import ClassVar

from modelwright.kinds.contract.infer import Cells, Infer
from modelwright.kinds.number.value import NumberValue
from modelwright.kinds.shared.codes import has_leading_zero, is_digits
from modelwright.kinds.shared.numbers import read_number
from modelwright.kinds.shared.reading import nearly_all_read


class NumberInfer(Infer):
    """95 % of the cells are numbers, and no numbers with leading zeros: those are codes, and 007 is not 7."""

    rank: ClassVar[int] = 20
    of: ClassVar[NumberValue] = NumberValue()

    def reads(self, cells: Cells) -> bool:
        """Tell whether nearly every cell reads as a number, and they are no codes."""
        return nearly_all_read(self.of, cells) and not _are_codes(cells)


def _are_codes(cells: Cells) -> bool:
    """Tell whether a column of digits alone has leading zeros; one with fractions, or signs, is of numbers."""
    if not any(has_leading_zero(cell) for cell, _ in cells):
        return False
    return all(
        is_digits(cell) for cell, _ in cells if isinstance(cell, str) and read_number(cell) is not None
    )
