"""What slices compare: values of the signature as their kinds make them comparable, kept columns as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelwright import kinds
from modelwright.core.requirements.slices import Slice
from modelwright.core.signature import Signature


def sliced(
    where: str, signature: Signature, columns: Mapping[str, Sequence[Any]]
) -> dict[str, Sequence[Any]]:
    """Return all columns, of which those that a slice names are comparable; values are canonical (None: missing)."""
    fields = {field.name: field for field in (*signature.inputs, *signature.outputs)}
    found = dict(columns)
    for name in Slice.parse(where).columns:
        if name in fields and name in found:
            comparable = kinds.value(fields[name].kind).comparable
            found[name] = [None if value is None else comparable(value) for value in columns[name]]
    return found
