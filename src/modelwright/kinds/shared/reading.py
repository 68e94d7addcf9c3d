"""What several kinds do to infer themselves: read the distinct cells of a column."""

from __future__ import annotations

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.infer import Cells
from modelwright.kinds.contract.value import AnyValue

# Share of a column's cells that may read as no value of its kind: they are then refused, row by row, and the
# column is not taken for names of classes in silence.
STRAY = 0.05


def nearly_all_read(
    value: AnyValue, cells: Cells, *, stray: float = STRAY, options: CellOptions = DEFAULT_OPTIONS
) -> bool:
    """Tell whether a kind reads all of these cells, but for the share `stray`."""
    most = stray * sum(count for _, count in cells)
    refused = 0
    for cell, count in cells:
        try:
            value.read_cell(cell, options)
        except ValueProblem:
            refused += count
            if refused > most:
                return False
    return True
