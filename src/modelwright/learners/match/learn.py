"""Matching: an encoder of questions and passages is trained on the pairs that rows name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel
from torch.nn import functional

from modelwright import kinds, learners
from modelwright.core.messages import Notice, Phrase
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array, Role
from modelwright.learners import budget, devices
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import CorpusSize, Rows
from modelwright.learners.descent import compiling, trainer
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.indexing.index_forecast import index_bytes, words_s
from modelwright.learners.match.pair_verdicts import VerdictLearn
from modelwright.learners.match.pairs import Pairs, keep_vectors, pair_signature, pairs_of
from modelwright.learners.match.spec import MatchOptions, MatchTraining, is_of_pairs
from modelwright.learners.networks.encoders.contract import ARRAYS
from modelwright.learners.networks.heads import MatchTask
from modelwright.learners.networks.network import Network
from modelwright.learners.steps.schedule import schedule_of
from modelwright.learners.training import learned_folder, sample
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.sample import Sample
from modelwright.learners.training.starting_point import StartingPoint, starting_point, unread
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.plan import Machine

_HELD = 512  # pairs of validation, evenly spaced, among whose passages each is looked for
_TIMED = 2048  # pairs, evenly spaced, whose lengths stand for all
_QUERY = "queries"  # in what `predict` gives: vectors of questions, (n, d)
_ENCODED = 64  # questions at once
_LONG_MINUTES = 2.0  # to encode passages in is nothing to speak of, however short the budget


class MatchLearn(Learn[Rows]):
    """Trains the encoder that questions and passages share."""

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
        """Time a few steps on pairs of every length, and turn the budget into steps."""
        assert isinstance(options, MatchOptions)
        if is_of_pairs(signature):
            return VerdictLearn(options).forecast(
                signature, data, options, training, pretrained, machine, budget_s
            )
        assert isinstance(training, MatchTraining)
        pairs, paired = pairs_of(signature, data.train), pair_signature(signature)
        batch = min(training.batch, len(pairs))
        with deterministic(1, seed=0):
            begin = _begin(signature, pairs, options, pretrained)
            some = _sample(paired, begin, pairs)
            latency_s = some.request_s(begin.network)
            # `package` encodes the passages on one thread for each core, in batches of like length
            encoded = machine.cores / some.row_s(begin.network, _ENCODED, 1)
            execution = devices.execution(training.device, machine, training.processes)
            held = Rows(pairs.examples(paired), validation_rows=min(_HELD, data.expected_validation))
            costs = budget.timed(
                begin,
                some,
                held,
                _recipe(options, training),
                batch,
                machine.cores,
                training.precision,
                execution,
                compiled_for=compiling.tried_for(training.compile, execution, budget_s),
            )
        steps = costs.epoch * (training.epochs or options.most_epochs)
        if training.epochs is None:
            steps = costs.affordable(budget_s, steps)
        width = begin.network.encoder(0).width
        corpus = data.expected_corpus
        indexed = index_bytes(corpus, width * (1 if options.vectors == "int8" else 4))
        minutes = corpus.passages / encoded / 60
        return Estimate(
            steps=steps,
            batch=batch,
            epochs=steps / costs.epoch,
            seconds=costs.seconds(steps),
            memory_bytes=peak_memory_bytes(),
            package_bytes=sample.package_bytes(signature, begin.network, begin.states) + indexed,
            compressible_bytes=sample.compressible_bytes(begin.network),
            latency_s=latency_s + words_s(corpus),
            why=Phrase(
                "match.why",
                batch=batch,
                step_ms=costs.step_s * 1e3,
                before_s=costs.before_s,
                steps=steps,
                epochs=steps / costs.epoch,
                pairs=len(pairs),
                encoded=encoded,
                minutes=minutes,
                passages=corpus.passages,
            ),
            warnings=(
                *_unread(begin, paired, pairs, options, learners.plain(signature)),
                *_long(corpus, minutes, budget_s),
                *costs.notices,
            ),
            precision=costs.precision,
            execution=costs.execution,
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Train on pairs, and keep the weights that find the passages of validation best among each other."""
        options, training = setup.options, setup.training
        assert isinstance(options, MatchOptions)
        if is_of_pairs(signature):
            return VerdictLearn(options).learn(signature, data, setup, out, scratch, progress)
        assert isinstance(training, MatchTraining)
        paired = pair_signature(signature)
        every = pairs_of(signature, data.train)
        with deterministic(setup.threads, setup.seed, setup.execution.device):
            begin = _begin(signature, every, options, setup.pretrained)
            network = begin.network.to(setup.execution.device)
            # of pairs that no step reaches, words need not be looked up
            pairs = every.drawn(setup.steps * setup.batch, setup.seed)
            held = pairs_of(signature, data.held).spaced(_HELD)
            couples = pairs.couples(setup.seed) if options.hard_negatives else None
            trained = trainer.train_as_planned(
                network,
                pairs.rows(paired, begin.states, couples),
                held.rows(paired, begin.states),
                _recipe(options, training),
                setup,
                scratch,
                progress,
            )
        learned_folder.write(out, setup.learner, paired, begin.states, network)
        keep_vectors(out, options.vectors, options.search)
        return trainer.summary(trained)

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Return the vectors of the questions; what is found with them follows from a corpus."""
        read = learned_folder.read(learned)
        if is_of_pairs(read.signature):
            return learned_folder.predict(learned, inputs)
        question, _ = read.signature.inputs
        (output,) = read.signature.outputs
        return {output.name: {_QUERY: _vectors(read.network, read.states, question, inputs[question.name])}}


def _vectors(
    network: Network, states: Mapping[str, object], question: Field, texts: Sequence[object]
) -> Array:
    """Return the vectors of texts, (n, d), each of length 1."""
    kind, encoder = kinds.arrays(question.kind), network.encoder_of(question.name)
    assert kind.input_form is not None
    blocks = []
    with torch.no_grad():
        for begin in range(0, len(texts), _ENCODED):
            arrays = kind.encode(texts[begin : begin + _ENCODED], states[question.name])
            given = [torch.from_numpy(arrays[one]) for one in ARRAYS[kind.input_form]]
            blocks.append(functional.normalize(encoder(*given), dim=-1).numpy())
    found: Array = np.concatenate(blocks) if blocks else np.zeros((0, encoder.width), np.float32)
    return found


def _begin(
    signature: Signature, pairs: Pairs, options: MatchOptions, pretrained: Mapping[str, Path]
) -> StartingPoint:
    """Return the network before learning: question and passage share the encoder that the question starts from."""
    paired = pair_signature(signature)
    question, passage = paired.inputs
    folder = pretrained[question.name]
    begin = starting_point(
        paired,
        pairs.examples(paired),
        {question.name: folder, passage.name: folder},
        {"pooling": options.pooling},
        limits={question.name: options.question_length, passage.name: options.passage_length},
    )
    (output,) = paired.outputs
    # the ids of the training rows, until a corpus has its own
    kind = kinds.arrays(output.kind)
    begin.states[output.name] = kind.fit(pairs.truths, role=Role.OUTPUT, shown=options.shown)
    for head in begin.network.tasks().values():
        assert isinstance(head.task, MatchTask)
        head.task.temperature = options.temperature
    words = begin.network.encoder(0).words()
    if options.freeze_words and words is not None:
        words.requires_grad_(requires_grad=False)
    return begin


def _long(corpus: CorpusSize, minutes: float, budget_s: float) -> Iterator[Notice]:
    """Yield that the passages take longer than what is learned."""
    if minutes > max(_LONG_MINUTES, budget_s / 60):
        yield Notice(
            "match.long-packaging",
            passages=corpus.passages,
            minutes=minutes,
            line=setting("model.learner", "lexical"),
        )


def _unread(
    begin: StartingPoint, paired: Signature, pairs: Pairs, options: MatchOptions, plain: str | None
) -> Iterator[Notice]:
    """Yield what the encoder cannot read, and what it is not given whole, with the option that says how much.

    plain: the learner that would find passages without an encoder; of pairs it would be another.
    """
    question, passage = paired.inputs
    limits = {
        question.name: ("question_length", options.question_length),
        passage.name: ("passage_length", options.passage_length),
    }
    for found in unread(begin, paired, pairs.examples(paired)):
        notice = found.saying(plain=plain)
        if notice.id != "plan.cut-texts":
            yield notice
            continue
        key, limit = limits[str(notice.values["column"])]
        if notice.values["kept"] == limit:  # else all but the longest of a hundred are read whole
            line = setting("model", {key: notice.values["more"]})
            yield Notice("plan.cut-texts", where=None, **{**notice.values, "line": line})


def _sample(paired: Signature, begin: StartingPoint, pairs: Pairs) -> Sample:
    """Return evenly spaced pairs on which a forecast times steps."""
    return Sample.of_rows(pairs.spaced(_TIMED).rows(paired, begin.states), len(pairs))


def _recipe(options: MatchOptions, training: MatchTraining) -> Recipe:
    return Recipe(
        learning_rate=training.learning_rate,
        head_rate=training.learning_rate,
        layer_decay=options.layer_decay,
        weight_decay=training.weight_decay,
        label_smoothing=training.label_smoothing,
        dropout=0.0,
        weights={},
        patience=training.patience,
        optimiser=training.optimiser,
        schedule=schedule_of(training.schedule, "linear"),
        averaging=training.averaging,
    )
