"""Pretraining: an encoder learned from inputs alone.

What is learned is a folder that `pretrained` of another project may name (`networks.encoders.own_weights`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import cast

import torch
from pydantic import BaseModel
from tokenizers import Tokenizer

from modelwright import kinds
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Notice, Phrase, Problem, ProjectError
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import ArraySpec, Form
from modelwright.learners import devices
from modelwright.learners.budget import LEAST_MOST_STEPS, TrainingCosts
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.contract.training import Precision
from modelwright.learners.descent import plain_run, trainer
from modelwright.learners.descent.plain_run import PlainRecipe, PlainRun
from modelwright.learners.networks.encoder_options import WordsOptions
from modelwright.learners.networks.encoders import own_weights
from modelwright.learners.networks.encoders.contract import Loaded
from modelwright.learners.networks.encoders.words import MOST_TOKENS
from modelwright.learners.pretrain import first_vectors, pretraining
from modelwright.learners.pretrain.pretext import Pretext, Vocabulary
from modelwright.learners.pretrain.spec import PretrainOptions, PretrainTraining
from modelwright.learners.steps.schedule import schedule_of
from modelwright.learners.training import gpus, precision
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.sample import Sample, ending_s
from modelwright.learners.training.starting_point import (
    SCRATCH_TYPES,
    Scratch,
    StartingPoint,
    starting_point,
    unread,
)
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Machine

_RATE, _RATE_OF_TEXTS, _RATE_OF_PRETRAINED = 1e-3, 4e-3, 3e-5
_MANY_STEPS = 10**6  # of the schedule while steps are timed
# Of texts, where the project names none. Banking77 without intents, then 75 labelled rows of 20 intents, five seeds: a
# linear probe has 0.68 with convolutions over pairs of words, 0.71 without, 0.72 with first vectors of letters.
_OF_TEXTS = WordsOptions(width=384, kernels=(), pooling="weighted")
_MASKS = ("[MASK]", "<mask>")


@dataclass(frozen=True)
class _Begin:
    """The encoder before its first step: how it is built again, and what its kind was fitted with."""

    point: StartingPoint
    loaded: Loaded
    type: str
    form: Form


class PretrainLearn(Learn[Rows]):
    """Learns an encoder of the one input of a function without outputs."""

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
        """Time a few steps on batches of every length, and turn the budget into steps."""
        assert isinstance(options, PretrainOptions)
        assert isinstance(training, PretrainTraining)
        _require_one_input(signature)
        rows = len(data.train)
        batch = min(training.batch, max(1, rows))
        epoch = trainer.epoch_steps(rows, batch)
        with deterministic(1, seed=0):
            begin = _begin(signature, data.train, options, pretrained)
            some = Sample.of_examples(signature, begin.point.states, data.train)
            latency_s = some.request_s(begin.point.network)
            execution = devices.execution(training.device, machine)
            pretext = _pretext(begin, signature, options, data.augment).to(execution.device)
            run = _run(pretext, some.rows, options, training, pretrained, _MANY_STEPS, 0)
            batches = some.batches(batch)
            run.learn(batches[len(batches) // 2])  # the first step allocates the moments
            works = [partial(run.learn, one) for one in batches]

            def timed(tried: Precision) -> float:
                pretext.numbers = tried
                return gpus.seconds(works, machine.cores, torch.device(execution.device)) / len(batches)

            computed_in, step_s = precision.quickest(training.precision, timed, execution.device)
        costs = TrainingCosts(
            before_s=ending_s(begin.point.network) + begin.point.seconds,
            step_s=step_s,
            row_s=step_s / batch / 2,  # without gradients
            epoch=epoch,
            validation=data.expected_validation,
            precision=computed_in,
        )
        most = max(epoch * options.most_epochs, LEAST_MOST_STEPS)
        steps = epoch * training.epochs if training.epochs else costs.affordable(budget_s, most)
        weights = sum(one.numel() for one in begin.loaded.encoder.parameters())
        return Estimate(
            steps=steps,
            batch=batch,
            epochs=steps / epoch,
            seconds=costs.seconds(steps),
            memory_bytes=peak_memory_bytes()
            + some.kept_bytes(rows)
            + some.kept_bytes(data.expected_validation),
            package_bytes=4 * weights,
            latency_s=latency_s,
            why=Phrase(
                "pretrain.why",
                batch=batch,
                step_ms=step_s * 1e3,
                steps=steps,
                epochs=steps / epoch,
                rows=rows,
                weights=weights,
            ),
            warnings=tuple(unread(begin.point, signature, data.train)),
            precision=computed_in,
            execution=execution,
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Learn the encoder, and write what validation likes best."""
        options, training = setup.options, setup.training
        assert isinstance(options, PretrainOptions)
        assert isinstance(training, PretrainTraining)
        _require_one_input(signature)
        device = setup.execution.device
        with deterministic(setup.threads, setup.seed, device):
            begin = _begin(signature, data.train, options, setup.pretrained)
            rows = EncodedRows(signature, begin.point.states, data.train.columns)
            held = EncodedRows(signature, begin.point.states, data.held.columns)
            pretext = _pretext(begin, signature, options, setup.augment).to(device)
            pretext.numbers = setup.precision
            run = _run(pretext, rows, options, training, setup.pretrained, setup.steps, setup.seed)
            history = plain_run.take_all(
                run,
                rows,
                held,
                steps=setup.steps,
                batch=setup.batch,
                seed=setup.seed,
                scratch=scratch,
                progress=progress,
                end=setup.ending.of(),
            )
        own_weights.write(out, begin.form, begin.type, signature.name, begin.loaded)
        chosen = min(history, key=lambda score: score.rank)
        found: dict[str, object] = {"history": [asdict(one) for one in history], "chosen": asdict(chosen)}
        if not run.halvings:
            return found
        line = setting("learn.batch", max(2, setup.batch >> run.halvings))
        notice = Notice("learn.compared-in-parts", parts=2**run.halvings, line=line)
        return {**found, "warnings": [notice.to_wire()]}

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Answer nothing: weights have no outputs."""
        return {}


def _require_one_input(signature: Signature) -> None:
    if len(signature.inputs) != 1:
        names = [one.name for one in signature.inputs]
        raise ProjectError(Problem("pretrain.one-input", inputs=names))


def _begin(
    signature: Signature, train: Examples, options: PretrainOptions, pretrained: Mapping[str, Path]
) -> _Begin:
    (given,) = signature.inputs
    form = kinds.arrays(given.kind).input_form
    assert form is not None, "the specification refuses what has no form"
    given_encoder = options.encoder
    if given_encoder is None and form is Form.TOKENS and not pretrained:
        given_encoder = _OF_TEXTS
    own = given_encoder.model_dump(mode="json") if given_encoder is not None else None
    if own is not None and pretrained:
        raise ProjectError(Problem("pretrain.encoder-and-weights", type=own["type"]))
    point = starting_point(
        signature,
        train,
        pretrained,
        options.model_dump(mode="json", include={"pooling", "max_length", "pixels"}),
        Scratch(types=SCRATCH_TYPES, encoders={} if own is None else {given.name: own}),
    )
    plan = point.network.plan.encoders[point.network.plan.inputs[given.name]]
    type_name, config = plan.type, plan.config
    if type_name.startswith("pretrained-"):  # what was pretrained here before, of a type of its own
        type_name, config = str(config["type"]), cast("JsonObject", config["config"])
    most = point.longest.get(given.name)
    loaded = Loaded(point.network.encoder_of(given.name), config, _fit(point, given, form), most)
    if form is Form.TOKENS and not pretrained:
        built = Tokenizer.from_str(_tokenizer(point, given).decode())
        first_vectors.begin(loaded.encoder, built, train.columns[given.name])
    return _Begin(point, loaded, type_name, form)


def _fit(point: StartingPoint, of: Field, form: Form) -> Mapping[str, object]:
    """Return what the kind's `fit` takes of the encoder where another project starts from it."""
    if form is not Form.TOKENS:
        return {}
    limit = point.longest.get(of.name, MOST_TOKENS)
    return {"tokenizer": _tokenizer(point, of), "max_length": None, "limit": limit}


def _tokenizer(point: StartingPoint, of: Field) -> bytes:
    """Return the tokenizer of texts, which is sealed with their state."""
    assets = kinds.arrays(of.kind).dump(point.states[of.name]).assets
    return assets["tokenizer.json"]


def _pretext(
    begin: _Begin, signature: Signature, options: PretrainOptions, augment: Mapping[str, Mapping[str, float]]
) -> Pretext:
    (given,) = signature.inputs
    vocabulary, channels = None, 0
    if begin.form is Form.TOKENS:
        built = Tokenizer.from_str(_tokenizer(begin.point, given).decode())
        named = (built.token_to_id(name) for name in _MASKS)
        # a token that fills a row up, where there is none to hide others: none is one where the mask says so
        vocabulary = Vocabulary(built.get_vocab_size(), next((one for one in named if one is not None), 0))
    if begin.form is Form.PIXELS:
        specs = kinds.arrays(given.kind).specs(begin.point.states[given.name])
        channels = size_of_last(specs["pixels"])
    if begin.form is Form.FRAMES and options.objective not in {None, "contrastive"}:
        raise ProjectError(Problem("pretrain.no-masks", name=given.name, objective=options.objective))
    amounts = augment.get(given.name, {})
    if begin.form is Form.PIXELS and not amounts:
        if options.objective not in {None, "masked"}:
            raise ProjectError(Problem("pretrain.no-views", name=given.name))
        options = options.model_copy(update={"objective": "masked"})
    return Pretext(begin.loaded.encoder, begin.form, options, vocabulary, channels, amounts)


def size_of_last(spec: ArraySpec) -> int:
    """Return the size of an array's last axis."""
    last = spec.shape[-1]
    assert isinstance(last, int)
    return last


def _run(
    pretext: Pretext,
    rows: EncodedRows,
    options: PretrainOptions,
    training: PretrainTraining,
    pretrained: Mapping[str, Path],
    steps: int,
    seed: int,
) -> PlainRun:
    from_scratch = _RATE_OF_TEXTS if pretext.form is Form.TOKENS else _RATE
    recipe = PlainRecipe(
        rate=training.learning_rate or (_RATE_OF_PRETRAINED if pretrained else from_scratch),
        decay=training.weight_decay,
        average=training.averaging,
        schedule=schedule_of(training.schedule, "one-cycle"),
        optimiser=training.optimiser,
        precision=pretext.numbers,
        patience=training.patience,
    )
    return pretraining.run_of(pretext, rows, recipe, steps, seed)
