"""Groups of rows that follow from links between two of them, directly or by a chain (a disjoint-set forest)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class LinkedRows:
    """Rows 0 to n - 1, each a group of its own until it is linked. The first row of a group names it."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def first(self, row: int) -> int:
        """Return the first row of a row's group."""
        above = self._above
        while above[row] != row:
            above[row] = above[above[row]]  # halves the way for those who come later
            row = above[row]
        return row

    def link(self, one: int, other: int) -> None:
        """Make one group of the groups of two rows."""
        low, high = sorted((self.first(one), self.first(other)))
        self._above[high] = low

    def codes(self) -> NDArray[np.int64]:
        """Return the first row of each row's group: (n,)."""
        return np.array([self.first(row) for row in range(len(self._above))], np.int64)
