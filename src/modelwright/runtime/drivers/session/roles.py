"""What the functions do that a session calls, and whether a function can do it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Form
from modelwright.runtime.drivers.decode.decode_settings import DRIVER as DECODE_DRIVER

FIND, POLICY, REPLY, ENTAILS = "find", "policy", "reply", "entails"
ROLES = (FIND, POLICY, REPLY, ENTAILS)
"""find: the passages that speak of a question; policy: what to do next, one of ACTS; reply: writes what is said, shown
the passages; entails: whether a passage says what a sentence says."""

PASSAGE, SENTENCE = "passage", "sentence"
"""The inputs of `entails`."""

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


def unfit(role: str, signature: Signature, driver: str) -> bool:
    """Tell whether a function of this signature, whose body this driver runs, cannot do what a role does."""
    if len(signature.outputs) != 1:
        return True
    (output,) = signature.outputs
    (first, *further) = signature.inputs
    if role == FIND:
        reads = Form.TOKENS in kinds.arrays(first.kind).input_forms
        return bool(further) or not reads or not kinds.value(output.kind).of_corpus
    if role == REPLY:
        writes = kinds.arrays(output.kind).output_form is Form.WRITTEN and takes(output, "a reply")
        return (
            driver != DECODE_DRIVER
            or bool(further)
            or not writes
            or not (takes_turns(first) or takes(first, "a question"))
        )
    if role == ENTAILS:
        texts = {one.name: takes(one, "a text") for one in signature.inputs}
        return texts != {PASSAGE: True, SENTENCE: True} or not takes(output, True)
    chooses = kinds.arrays(output.kind).output_form is Form.CODE
    return not chooses or not all(map(_is_given, signature.inputs))


def unknown_acts(output: Field, state: object) -> list[str]:
    """Return what a policy may decide that is none of ACTS; state: of its output."""
    return sorted(set(kinds.arrays(output.kind).known(state)) - set(ACTS))


def takes_turns(field: Field) -> bool:
    """Tell whether a field is a dialogue."""
    return takes(field, list(GIVEN["messages"]))


def takes(field: Field, value: object) -> bool:
    """Tell whether a value in JSON is one of a field."""
    try:
        return kinds.value(field.kind).parse(value) is not None
    except ValueProblem:
        return False


def _is_given(field: Field) -> bool:
    return field.name in GIVEN and takes(field, GIVEN[field.name])
