"""The body of the driver `decode`, of weights that somebody has read or learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelwright.core.json_types import JsonLike
from modelwright.core.signature import Signature
from modelwright.learners.exporting.decoder import decoder_graph
from modelwright.learners.exporting.decoder.decoder_graph import Tensors
from modelwright.learners.exporting.decoder.external_weights import FILE
from modelwright.learners.networks.decoders.decoder_shape import DecoderShape
from modelwright.package.body import Body
from modelwright.runtime.drivers.decode.decode_settings import DRIVER, parsed
from modelwright.runtime.drivers.decode.prompts import TOKENIZER

_CACHE_BYTES = 512 << 20


def decoder_body(
    signature: Signature,
    states: Mapping[str, Any],
    tensors: Tensors,
    config: Mapping[str, Any],
    tokenizer: bytes,
    prompt: Sequence[JsonLike],
    ends: Sequence[int],
    *,
    context: int | None = None,
    sampling: Mapping[str, JsonLike] | None = None,
    cache_bytes: int | None = None,
    slots: int | None = None,
    answer_schema: str | None = None,
    tools: Mapping[str, JsonLike] | None = None,
) -> Body:
    """Return a body in float32; `stored_bits.store` makes smaller ones of it.

    tensors, config: by the names of transformers, as in `model.safetensors` and `config.json`; tokenizer: the bytes
    of `tokenizer.json`; prompt, ends, sampling, slots, cache_bytes, answer_schema, tools: see `DecodeSettings`.
    context: at most what the weights have been made for (None: that, but no more than 2,048). cache_bytes None: 512
    MiB, or one whole context where that is more. Raises ProjectError where tensors and configuration are no decoder
    of this form, PackageError for bad settings.
    """
    shape = DecoderShape.of(config)
    context = shape.served(context)
    whole = 2 * shape.layers * shape.key_heads * shape.head_width * 4 * context
    settings: dict[str, JsonLike] = {
        "context": context,
        "ends": list(ends),
        "prompt": list(prompt),
        "cache_bytes": max(whole, cache_bytes or _CACHE_BYTES),
        **({} if sampling is None else {"sampling": dict(sampling)}),
        **({} if slots is None else {"slots": slots}),
        **({} if answer_schema is None else {"answer_schema": answer_schema}),
        **({} if tools is None else {"tools": dict(tools)}),
    }
    parsed(settings)
    graph, weights = decoder_graph.written(shape, tensors, context)
    return Body(signature, DRIVER, {"model": graph}, states, {FILE: weights, TOKENIZER: tokenizer}, settings)
