"""Exports a decoder: one graph with its cache, the weights beside it, the pieces of a prompt."""

from __future__ import annotations

import json
from pathlib import Path

from modelwright.learners import kind_states
from modelwright.learners.contract.export import Export
from modelwright.learners.exporting.decoder import decoder_body, stored_bits
from modelwright.learners.generate import answer_schemas, prompt_pieces
from modelwright.learners.generate.spec import GenerateOptions
from modelwright.learners.generate.weights_folder import OPTIONS, DecoderWeights
from modelwright.package.body import Body


class GenerateExport(Export):
    """Writes the graph, and makes it smaller."""

    def export(self, learned: Path) -> Body:
        """Return the body of the driver `decode`."""
        signature, states = kind_states.read(learned)
        weights = DecoderWeights.read(learned)
        options = GenerateOptions.model_validate(json.loads((learned / OPTIONS).read_text(encoding="utf-8")))
        return decoder_body.decoder_body(
            signature,
            states,
            weights.tensors,
            weights.config,
            weights.tokenizer,
            prompt_pieces.pieces(signature, weights.template),
            weights.ends,
            context=options.context,
            sampling={
                "max_tokens": options.max_tokens,
                "temperature": options.temperature,
                "top_p": options.top_p,
                "repetition_penalty": options.repetition_penalty,
            },
            answer_schema=answer_schemas.held_to(signature, weights),
            tools=prompt_pieces.tools(signature, weights.template),
        )

    def compress(self, body: Body) -> Body | None:
        """Return the body with its matrices in 8 bits."""
        return stored_bits.store(body, 8)
