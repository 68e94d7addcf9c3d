"""The outputs of a signature as requirements and metrics see them, and the input in which some are places."""

from __future__ import annotations

from modelwright import kinds
from modelwright.core.requirements.requirement import MeasuredOutput
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Form


def family(field: Field) -> str:
    """Return the family of an output's outcomes; raises KeyError for an unknown kind."""
    found = kinds.value(field.kind).family
    assert found is not None, f"{field.kind} is an output and names no family"
    return found


def outputs(signature: Signature) -> tuple[MeasuredOutput, ...]:
    """Return the outputs with the family and the labels of each; raises KeyError for an unknown kind."""
    found = []
    for field in signature.outputs:
        kind = kinds.value(field.kind)
        found.append(MeasuredOutput(field.name, field.kind, family(field), kind.fixed_labels, kind.positive))
    return tuple(found)


def in_text(signature: Signature) -> tuple[Field, ...]:
    """Return the outputs whose values are places in a text."""
    return tuple(field for field in signature.outputs if kinds.value(field.kind).in_text)


def located(signature: Signature) -> Field | None:
    """Return the input in which outputs are places: the last that is a text; None where none is."""
    texts = [field for field in signature.inputs if Form.LOCATED in kinds.arrays(field.kind).input_forms]
    return texts[-1] if texts else None
