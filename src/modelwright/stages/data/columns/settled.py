"""What is sealed of how the inputs are written, so that the packaged function reads them so at every door."""

from __future__ import annotations

from dataclasses import replace

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.kinds.contract.settled_cells import NOT_SETTLED, SettledCells
from modelwright.stages.data.columns.written import Written
from modelwright.stages.data.config import DataConfig
from modelwright.storage.formats.settled_inputs import SettledInputs


def settled_inputs(written: Written, signature: Signature, of_rows: DataConfig | None) -> SettledInputs:
    """Return what was settled of the inputs.

    of_rows: the section `data` as it stands, where rows became windows: numbers that stand for nothing in their columns
    are gaps in the steps of series.
    """
    found = {}
    for one in signature.inputs:
        settled = SettledCells.of(written.of_training(one.name))
        if of_rows is not None and kinds.value(one.kind).steps_of is not None:
            options = of_rows.cell_options(one.name, of_rows.columns.get(one.name, one.name))
            settled = replace(settled, gaps=tuple(sorted(options.numbers)))
        if settled != NOT_SETTLED:
            found[one.name] = settled
    return SettledInputs(found)
