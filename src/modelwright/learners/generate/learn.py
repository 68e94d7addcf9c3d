"""Takes the weights of a decoder as they come, or trains them on the answers of the rows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel

from modelwright.core.messages import Notice, Phrase, RequestError
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import DECODED, LIKELIHOOD, Array
from modelwright.kinds.shared.schemas.written_order import answer_text
from modelwright.kinds.turns import is_dialogue
from modelwright.learners import kind_states
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.generate import answer_schemas, instructing, prompt_pieces, weights_folder
from modelwright.learners.generate.answer_rows import AnswerReader
from modelwright.learners.generate.spec import GenerateOptions, GenerateSpec, GenerateTraining
from modelwright.learners.generate.weights_folder import OPTIONS, TENSORS, DecoderWeights
from modelwright.learners.networks.decoders import llama
from modelwright.runtime.drivers.decode.prompts import Prompts
from modelwright.runtime.drivers.decode.writing_row import scored_pieces
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.plan import BROUGHT, Machine

_TIMED = 32  # tokens


class GenerateLearn(Learn[Rows]):
    """Keeps the weights, and says what they give to a text."""

    def forecast(
        self,
        signature: Signature,
        data: Rows,
        options: BaseModel,
        training: BaseModel,
        pretrained: Mapping[str, Path],
        machine: Machine,
        budget_s: float,
    ) -> Estimate:
        """Time a part of a step; where nothing is learned, let the decoder read some tokens."""
        assert isinstance(options, GenerateOptions)
        assert isinstance(training, GenerateTraining)
        folder = pretrained[BROUGHT]
        if options.learns:
            found = instructing.forecast(signature, data, options, training, folder, machine, budget_s)
            lacking = () if options.from_nothing else _lacking(signature, DecoderWeights.read(folder))
            return replace(found, warnings=(*found.warnings, *lacking))
        weights = DecoderWeights.read(folder)
        decoder = llama.built(weights.config, weights.tensors)
        prompt_pieces.pieces(signature, weights.template)
        started = time.perf_counter()
        with torch.inference_mode():
            decoder(torch.zeros((1, _TIMED), dtype=torch.int64))
        token_s = (time.perf_counter() - started) / _TIMED
        size = (folder / TENSORS).stat().st_size
        most = options.max_tokens
        return Estimate(
            steps=1,
            batch=1,
            epochs=None,
            seconds=1e-3 + size / 1e9,
            memory_bytes=peak_memory_bytes(),
            package_bytes=size + len(weights.tokenizer),
            latency_s=token_s * most,
            warnings=(
                *_idle(options, training),
                *_lacking(signature, weights),
                *instructing.endless(weights, options),
                *AnswerReader(signature, weights, decoder.shape.words, 1).beside_schema(data.train),
            ),
            why=Phrase(
                "generate.why", parameters=sum(one.numel() for one in decoder.parameters()), most=most
            ),
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Keep the weights as they come, or train them on the answers of the rows."""
        assert isinstance(setup.options, GenerateOptions)
        summary: dict[str, object] = {"history": []}
        folder = setup.pretrained[BROUGHT]
        if not setup.options.learns:
            weights_folder.copied(folder, out)
        else:
            learned, summary = instructing.learn(signature, data, setup, folder, scratch, progress)
            learned.write(out)
        (out / OPTIONS).write_text(setup.options.model_dump_json(indent=1) + "\n", encoding="utf-8")
        states = kind_states.fit(signature, data.train, accepted=GenerateSpec.inputs)
        kind_states.write(out, signature, states)
        return summary

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Return how likely the truths are, where `inputs` holds them beside the inputs; nothing is written."""
        signature, _ = kind_states.read(learned)
        weights = DecoderWeights.read(learned)
        decoder = llama.built(weights.config, weights.tensors)
        made = prompt_pieces.settings(signature, weights.template)
        prompts = Prompts(signature, made.prompt, weights.tokenizer, decoder.shape.words, made.tools)
        output, context = signature.outputs[0].name, decoder.shape.served(_options(learned).context)
        schema = answer_schemas.held_to(signature, weights)
        count = len(inputs[signature.inputs[0].name])
        likely = np.full((count, 2), np.nan)
        for row in range(count):
            truth = inputs[output][row] if output in inputs else None
            given = {field.name: inputs[field.name][row] for field in signature.inputs}
            # a role that the template has not; the driver answers nothing
            with contextlib.suppress(RequestError):
                if truth is not None:
                    answer = [*prompts.written_ids(answer_text(str(truth), schema)), *weights.ends[:1]]
                    is_document = all(one is None for one in given.values())
                    pieces = scored_pieces(prompts.ids(given), answer, context, is_document=is_document)
                    likely[row] = _likelihood(decoder, pieces)
        nothing: Array = np.full(count, None, dtype=object)
        return {output: {DECODED: nothing, LIKELIHOOD: likely}}


def _idle(options: GenerateOptions, training: GenerateTraining) -> Iterator[Notice]:
    """Yield which keys are given in vain where nothing is learned."""
    for section, given, plain in (
        ("model", options, GenerateOptions()),
        ("learn", training, GenerateTraining()),
    ):
        for key in (
            ("lora", "freeze_words", "most_epochs") if section == "model" else sorted(plain.model_dump())
        ):
            if getattr(given, key) != getattr(plain, key):
                yield Notice(
                    "generate.vain-key",
                    where=None,
                    key=f"{section}.{key}",
                    line=setting("model.train", "lora"),
                )


def _lacking(signature: Signature, weights: DecoderWeights) -> Iterator[Notice]:
    """Yield that the template has tools which are not read, for a function that could be given some."""
    if weights.lacks_tools and any(map(is_dialogue, signature.inputs)):
        yield Notice("generate.tools-unread", where=None)


def _options(learned: Path) -> GenerateOptions:
    return GenerateOptions.model_validate_json((learned / OPTIONS).read_text(encoding="utf-8"))


def _likelihood(
    decoder: llama.Decoder, pieces: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> tuple[float, float]:
    """Return ln p of the pieces of an answer behind what stands before each, and their tokens; NaN of none."""
    if not pieces:
        return float("nan"), float("nan")
    total = 0.0
    for before, piece in pieces:
        with torch.inference_mode():
            # (t, words): what stands at t speaks of the token t + 1
            logits = decoder(torch.tensor([[*before, *piece][:-1]]))[0, len(before) - 1 :]
            chosen = logits.double().log_softmax(-1).gather(1, torch.tensor(piece)[:, None])
        total += float(chosen.sum())
    return total, sum(len(piece) for _, piece in pieces)
