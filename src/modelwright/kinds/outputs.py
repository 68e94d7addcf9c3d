"""The outputs of a signature as requirements and metrics see them: by the families that their kinds name."""

from __future__ import annotations

from modelwright import kinds
from modelwright.core.requirements.requirement import MeasuredOutput
from modelwright.core.signature import Field, Signature


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
