"""Whether a column is of the kind `category`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from modelwright.core.messages import Notice, ValueProblem
from modelwright.core.messages.setting import setting
from modelwright.kinds.category.value import CategoryValue
from modelwright.kinds.contract.infer import Cells, Infer
from modelwright.kinds.shared.codes import has_leading_zero, is_code

MOST_NAMES = 100
LONGEST_NAME = 100  # characters
# Codes (one word with a digit: 0173, B-12) are classes also where they are many, if each has ten rows on average.
MOST_CODES, ROWS_A_CODE = 10_000, 10


class CategoryInfer(Infer):
    """The names are few (at most 100), short (at most 100 characters), and each stands in two rows on average.

    Or they are codes, at most 10,000, and each stands in ten rows on average.
    """

    rank: ClassVar[int] = 80
    of: ClassVar[CategoryValue] = CategoryValue()

    def reads(self, cells: Cells) -> bool:
        """Tell whether every cell reads as a name, and the names are few and short."""
        rows = sum(count for _, count in cells)
        names: set[str] = set()
        codes = True
        for cell, _ in cells:
            try:
                name = self.of.parse(cell, lenient=True)
            except ValueProblem:
                return False
            if name is None:
                continue
            names.add(name)
            codes = codes and is_code(name)
            few = len(names) <= min(MOST_NAMES, rows / 2)
            if len(name) > LONGEST_NAME or not (
                few or (codes and len(names) <= min(MOST_CODES, rows / ROWS_A_CODE))
            ):
                return False
        return True

    def remarks(self, column: str, cells: Cells) -> Iterator[Notice]:
        """Yield a notice for numbers with leading zeros, which are taken for codes: 007 is not 7."""
        zeros = [(cell, count) for cell, count in cells if has_leading_zero(cell)]
        if zeros:
            yield Notice(
                "data.leading-zeros",
                column=column,
                count=sum(count for _, count in zeros),
                cell=str(zeros[0][0]).strip(),
                line=setting("data.kinds", {column: "number"}),
            )
