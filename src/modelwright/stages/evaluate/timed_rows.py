"""The rows with which a package is timed, as requests have them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.core.spacing import evenly_spaced
from modelwright.stages.evaluate.answers import Columns

TIMED_ROWS = 500  # evenly spaced, that requests are made of
TIMED_BYTES = 64 << 20  # of the files in these rows; where they are larger, rows are fewer
LEAST_TIMED_ROWS = 8


def requests(signature: Signature, columns: Columns, refused: Collection[int] = ()) -> list[dict[str, Any]]:
    """Return some rows as requests (JSON), evenly spaced, so that short and long ones are among them.

    refused: rows that are not answered, which stay away unless there are no others.
    """
    count = len(columns[signature.inputs[0].name])
    if 0 < len(refused) < count:
        kept = [row for row in range(count) if row not in refused]
        return requests(signature, {name: [column[row] for row in kept] for name, column in columns.items()})
    places = evenly_spaced(count, TIMED_ROWS).tolist()
    of_files = [columns[field.name] for field in signature.inputs if kinds.value(field.kind).holds_files]
    held = sum(len(column[place] or b"") for column in of_files for place in places)
    if held > TIMED_BYTES:  # they are sent as text, all at once
        places = evenly_spaced(count, max(LEAST_TIMED_ROWS, len(places) * TIMED_BYTES // held)).tolist()
    fields = [(field.name, kinds.value(field.kind)) for field in signature.inputs]
    return [
        {
            name: None if (value := columns[name][place]) is None else kind.to_json(value)
            for name, kind in fields
        }
        for place in places
    ]
