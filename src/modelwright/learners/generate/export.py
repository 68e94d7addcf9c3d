"""Exports a decoder: one graph with its cache, the weights beside it, the pieces of a prompt."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import final

from modelwright.core.messages import Phrase
from modelwright.learners import kind_states
from modelwright.learners.contract.compression import (
    FormChoice,
    Int4Choice,
    Int8BlocksChoice,
    Int8Choice,
    shown,
)
from modelwright.learners.contract.export import Compressor, Export
from modelwright.learners.contract.source import Rows
from modelwright.learners.exporting.decoder import decoder_body, stored_bits
from modelwright.learners.generate import answer_schemas, prompt_pieces, spaced_pieces
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

    def compressor(self, body: Body, rows: Callable[[], Rows]) -> Compressor:
        """Return what stores the weights in fewer bits."""
        return _StoredForms(body, rows)


@final
class _StoredForms(Compressor):
    """A decoder's weights in 8 bits, in blocks of 8 where that loses too much, or in 4."""

    def __init__(self, body: Body, rows: Callable[[], Rows]) -> None:
        self._body = body
        self._rows = rows

    @property
    def otherwise(self) -> Sequence[Sequence[FormChoice]]:
        """Return the form that loses less and is slower."""
        return ((Int8BlocksChoice(),),)

    def made(self, chosen: Sequence[FormChoice]) -> Body | Phrase | None:
        """Return the body in one of these forms."""
        makers: dict[str, Callable[[], Body | None]] = {
            shown([Int8Choice()]): self._whole_bytes,
            shown([Int8BlocksChoice()]): lambda: stored_bits.store(self._body, 8, blocks=True),
            shown([Int4Choice()]): lambda: stored_bits.store(self._body, 4),
        }
        make = makers.get(shown(chosen))
        return None if make is None else make()

    def _whole_bytes(self) -> Body | None:
        """Return the body in 8 bits, its channels made alike by what the training rows give."""
        pieces = spaced_pieces.pieces(self._body, self._rows().train)
        return stored_bits.store(self._body, 8, pieces=pieces)
