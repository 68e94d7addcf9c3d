"""How far each input moves the answers: the mean absolute Shapley value over validation rows.

Permutation importance says what would be lost without an input; this says how much the answers owe to it, right or
wrong, in the unit of the answer: a probability, or the number itself. It is the value that `explain` gives for one row
(Lundberg and Lee 2017), so that the two agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelwright.core.signature import Signature
from modelwright.core.spacing import evenly_spaced
from modelwright.package.packages import Package
from modelwright.runtime import explaining
from modelwright.runtime.function import Function
from modelwright.runtime.written_rows import writes
from modelwright.storage.formats.evidence import Contributions
from modelwright.storage.formats.file_values import taken

ROWS = 100  # validation rows, evenly spaced, if the inputs are few
LEAST_ROWS = 20
_MOST_EXACT = 6  # inputs: 64 rows asked for each; beyond, orders are drawn
_ORDERS = 10  # their noise falls with the rows, too

Columns = Mapping[str, Sequence[Any]]


def contributions(
    package: Package, signature: Signature, columns: Columns, most: int
) -> dict[str, Contributions]:
    """Return by output how far each input moves it, the most first.

    `columns` are validation rows; at most `most` rows are answered in all. Nothing of a function with one input, of
    one with so many inputs that LEAST_ROWS would be too dear, and of outputs that are neither labels nor numbers.
    """
    names = [field.name for field in signature.inputs]
    each = explaining.rows_to_ask(len(names), most_exact=_MOST_EXACT, orders=_ORDERS)
    count = min(ROWS, most // each, len(columns[names[0]]))
    if len(names) < 2 or count < LEAST_ROWS or writes(signature):
        return {}
    places = evenly_spaced(len(columns[names[0]]), count).tolist()
    some = {name: taken(columns[name], places) for name in names}
    function = Function(package)
    found: dict[str, list[list[float]]] = {}
    chances: dict[str, bool] = {}
    for place in range(count):
        row = {name: some[name][place] for name in names}
        shares = explaining.contributions(function, row, most_exact=_MOST_EXACT, orders=_ORDERS, seed=place)
        for output, one in shares.items():
            found.setdefault(output, []).append([abs(one.by_input[name]) for name in names])
            chances[output] = one.chance
    return {
        output: Contributions(len(values), chances[output], _sorted(names, np.array(values)))
        for output, values in found.items()
    }


def _sorted(names: Sequence[str], values: np.ndarray[Any, Any]) -> dict[str, float]:
    """Return the means of values (rows, inputs) by input, the largest first; a row without a number counts for none."""
    means = dict(zip(names, np.nan_to_num(values).mean(axis=0).tolist(), strict=True))
    return dict(sorted(means.items(), key=lambda one: (-one[1], one[0])))
