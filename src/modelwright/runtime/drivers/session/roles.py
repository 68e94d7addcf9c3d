"""What the functions do that a session calls, and whether a function can do it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Form

FIND, POLICY = "find", "policy"
ROLES = (FIND, POLICY)
"""find: the passages that speak of a question; policy: what to do next, one of ACTS."""

ANSWER, ASK, HAND_OVER, REFUSE = "answer", "ask", "hand_over", "refuse"
ACTS = (ANSWER, ASK, HAND_OVER, REFUSE)

GIVEN: Mapping[str, Any] = {
    "question": "a question",
    "passage": "a passage",
    "confidence": 0.5,
    "follow_ups": 0,
    "messages": ({"role": "user", "content": "a question"},),
}
"""What a policy may take, by the name of its input, each with an example: the question; the best passage; how sure it
is that this answers; how often the function has asked back; the dialogue."""


def unfit(role: str, signature: Signature) -> bool:
    """Tell whether a function of this signature cannot do what a role does."""
    if len(signature.outputs) != 1:
        return True
    (output,) = signature.outputs
    if role == FIND:
        (question, *further) = signature.inputs
        reads = Form.TOKENS in kinds.arrays(question.kind).input_forms
        return bool(further) or not reads or not kinds.value(output.kind).of_corpus
    chooses = kinds.arrays(output.kind).output_form is Form.CODE
    return not chooses or not all(map(_is_given, signature.inputs))


def unknown_acts(output: Field, state: object) -> list[str]:
    """Return what a policy may decide that is none of ACTS; state: of its output."""
    return sorted(set(kinds.arrays(output.kind).known(state)) - set(ACTS))


def _is_given(field: Field) -> bool:
    if field.name not in GIVEN:
        return False
    try:
        return kinds.value(field.kind).parse(GIVEN[field.name]) is not None
    except ValueProblem:
        return False
