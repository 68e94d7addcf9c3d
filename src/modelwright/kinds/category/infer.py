"""Whether a column is of the kind `category`."""

from __future__ import annotations

from typing import ClassVar

from modelwright.core.messages import ValueProblem
from modelwright.kinds.category.value import CategoryValue
from modelwright.kinds.contract.infer import Cells, Infer

MOST_NAMES = 100
LONGEST_NAME = 100  # characters


class CategoryInfer(Infer):
    """The names are few (at most 100), short (at most 100 characters), and each stands in two rows on average."""

    rank: ClassVar[int] = 80
    of: ClassVar[CategoryValue] = CategoryValue()

    def reads(self, cells: Cells) -> bool:
        """Tell whether every cell reads as a name, and the names are few and short."""
        most = min(MOST_NAMES, sum(count for _, count in cells) / 2)
        names: set[str] = set()
        for cell, _ in cells:
            try:
                name = self.of.parse(cell, lenient=True)
            except ValueProblem:
                return False
            if name is None:
                continue
            names.add(name)
            if len(names) > most or len(name) > LONGEST_NAME:
                return False
        return True
