"""A package that writes, of the tiny decoder, for the tests of serving."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import tiny_decoder
from tiny_serving import sealed

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form, Role
from modelwright.learners.exporting.decoder.decoder_body import decoder_body
from modelwright.package.body import Body

TURN = {
    role: [{"text": f"<|im_start|>{role}\n"}, {"content": True}, {"text": "<|im_end|>\n"}]
    for role in ("system", "user", "assistant")
}
ANSWER = {"text": "<|im_start|>assistant\n"}


def chat(folder: Path, context: int = 240, name: str = "chat", **settings: Any) -> Path:
    """Write a package of `chat(messages: dialogue) -> reply: text`."""
    prompt = [{"turns": "messages", "roles": TURN, "opening": []}, ANSWER]
    return sealed(_body(name, "messages", "dialogue", prompt, settings, context), folder)


def reply(folder: Path, **settings: Any) -> Path:
    """Write a package of `reply(message: text) -> answer: text`."""
    return sealed(reply_body(**settings), folder)


def reply_body(**settings: Any) -> Body:
    """Return the body of `reply(message: text) -> answer: text`."""
    prompt = [{"text": "<|im_start|>user\n"}, {"input": "message"}, {"text": "<|im_end|>\n"}, ANSWER]
    return _body("reply", "message", "text", prompt, settings)


def _body(
    name: str,
    given: str,
    kind: str,
    prompt: list[dict[str, Any]],
    settings: dict[str, Any],
    context: int = 240,
) -> Body:
    built = tiny_decoder.tokenizer()
    words = built.get_vocab_size()
    output = "reply" if name != "reply" else "answer"
    body = decoder_body(
        Signature.parse(f"{name}({given}: {kind}) -> {output}: text"),
        {
            given: kinds.arrays(kind).fit([], form=Form.PROMPT),
            output: kinds.arrays("text").fit([], role=Role.OUTPUT),
        },
        tiny_decoder.tensors(words),
        {**tiny_decoder.config(words), "max_position_embeddings": max(context, 256)},
        built.to_str().encode(),
        prompt,
        [2],
        context=context,
        slots=8,
        sampling={"max_tokens": 16},
    )
    return replace(body, settings={**body.settings, "chunk": 16, **settings})
