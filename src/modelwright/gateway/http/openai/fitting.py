"""Which of the protocol's paths a function answers, as its signature tells."""

from __future__ import annotations

from dataclasses import dataclass

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds import turns

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
MODELS = "/v1/models"
OF_PROTOCOL = "/v1/"
PATHS = (CHAT, COMPLETIONS, EMBEDDINGS)


@dataclass(frozen=True)
class Fitting:
    """The one input that is asked, the one output, and whether the input is a list of turns."""

    input: Field
    output: Field
    is_dialogue: bool


def fitting(signature: Signature, path: str, *, streams: bool, takes_tokens: bool = False) -> Fitting | None:
    """Return how a function is asked by a path, None where it is not.

    streams: whether it writes its answers; takes_tokens: whether a prompt may be given as tokens, without a dialogue.
    """
    needed = [one for one in signature.inputs if not one.optional] or list(signature.inputs[:1])
    if len(needed) != 1 or len(signature.outputs) != 1:
        return None
    given, output = needed[0], signature.outputs[0]
    is_dialogue = turns.is_dialogue(given)
    if not is_dialogue and kinds.value(given.kind).schema().get("type") != "string":
        return None
    if path == EMBEDDINGS:
        is_vector = kinds.value(output.kind).schema().get("items") == {"type": "number"}
        return Fitting(given, output, is_dialogue) if is_vector and not is_dialogue else None
    if not streams or (path == COMPLETIONS and is_dialogue and not takes_tokens):
        return None
    return Fitting(given, output, is_dialogue)
