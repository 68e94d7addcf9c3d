"""A network from scratch, or from pretrained parts: all of it is trained together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from pydantic import BaseModel

from modelwright import kinds
from modelwright.core.messages import Phrase, Problem, ProjectError
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.network.spec import NetworkOptions, NetworkTraining
from modelwright.learners.networks import forms
from modelwright.learners.networks.network import Network
from modelwright.learners.networks.own_module import OwnCode
from modelwright.learners.timing import on_threads
from modelwright.learners.training import (
    frozen_features,
    learned_folder,
    out_of_fold,
    precision,
    sample,
    trainer,
)
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.recipe import Recipe
from modelwright.learners.training.sample import Sample
from modelwright.learners.training.starting_point import Scratch, StartingPoint, starting_point, unread
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Machine

_SPARE = 0.05  # of the budget, for a machine that is busier later
_LEAST_MOST_STEPS = 400  # few rows need many passes
_TYPES: Mapping[Form, str] = {
    Form.CODE: "embedding",
    Form.TOKENS: "words",
    Form.PIXELS: "convolutional",
    Form.FRAMES: "temporal",
    Form.SERIES: "attention",  # over patches; it forecast better than GRU and convolutions in the same time
}


class NetworkLearn(Learn[Rows]):
    """Trains an encoder for each input, the combiner and the heads together."""

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
        assert isinstance(options, NetworkOptions)
        assert isinstance(training, NetworkTraining)
        rows = len(data.train)
        batch = min(training.batch, max(1, rows))
        with deterministic(1, seed=0):
            begin = _begin(signature, data.train, options, pretrained)
            some = Sample.of_examples(signature, begin.states, data.train)
            latency_s = some.request_s(begin.network)
            row_s = on_threads(some.row_s(begin.network, frozen_features.BATCH), machine.cores)
            recipe = _recipe(signature, options, training)
            stacked = bool(begin.network.plan.parts)
            timed = out_of_fold.step_s if stacked else trainer.step_s
            computed_in, one_thread_s = precision.quickest(
                training.precision,
                lambda tried: timed(
                    begin.network, some.rows, replace(recipe, precision=tried), some.batches(batch)
                ),
            )
            step_s = on_threads(one_thread_s, machine.cores)
            if stacked:
                # a step of the setup is one of each part, and of each fold its share
                step_s, row_s = step_s * out_of_fold.TIMES, row_s * out_of_fold.TIMES
        held_s = row_s * rows * sample.VALIDATION_SHARE
        # values of one size are encoded once, before the first step
        before_s = sample.STARTUP_S + some.encode_row_s * rows * (1 + sample.VALIDATION_SHARE)
        epoch = trainer.epoch_steps(rows, batch)
        epoch_s = epoch * step_s + held_s
        if training.epochs is not None:
            steps = epoch * training.epochs
        else:
            affordable = (budget_s * (1 - _SPARE) - before_s) / (epoch_s / epoch)
            steps = int(max(1, min(max(epoch * options.most_epochs, _LEAST_MOST_STEPS), affordable)))
        return Estimate(
            steps=steps,
            batch=batch,
            epochs=steps / epoch,
            seconds=before_s + steps * step_s + held_s * len(trainer.evaluation_steps(steps, epoch)),
            memory_bytes=peak_memory_bytes() + some.kept_bytes(rows),
            package_bytes=sample.package_bytes(signature, begin.network, begin.states),
            compressible_bytes=sample.compressible_bytes(begin.network),
            latency_s=latency_s,
            why=Phrase(
                "network.why",
                batch=batch,
                step_ms=step_s * 1e3,
                before_s=before_s,
                steps=steps,
                epochs=steps / epoch,
                rows=rows,
                weights=sum(weight.numel() for weight in begin.network.parameters()),
            ),
            warnings=tuple(unread(begin, signature, data.train)),
            precision=computed_in,
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Train everything, keep what validation likes best, and calibrate on validation."""
        options, training = setup.options, setup.training
        assert isinstance(options, NetworkOptions)
        assert isinstance(training, NetworkTraining)
        with deterministic(setup.threads, setup.seed):
            begin = _begin(signature, data.train, options, setup.pretrained)
            train = EncodedRows(signature, begin.states, data.train.columns)
            held = EncodedRows(signature, begin.states, data.held.columns)
            recipe = replace(
                _recipe(signature, options, training), augment=setup.augment, precision=setup.precision
            )
            learn = _stack if begin.network.plan.parts else _train
            summary = learn(begin.network, train, held, recipe, setup, scratch, progress)
            answers = frozen_features.answers(begin.network, held)
        states = learned_folder.calibrated(signature, begin.states, begin.network, answers, data.held)
        learned_folder.write(out, setup.learner, signature, states, begin.network)
        return summary

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Answer with torch."""
        return learned_folder.predict(learned, inputs)


def _train(
    network: Network,
    train: EncodedRows,
    held: EncodedRows,
    recipe: Recipe,
    setup: Setup,
    scratch: Path,
    progress: Progress,
) -> dict[str, object]:
    history = trainer.train(
        network,
        train,
        held,
        recipe,
        steps=setup.steps,
        batch=setup.batch,
        seed=setup.seed,
        scratch=scratch,
        progress=progress,
    )
    best = min(history, key=lambda score: (score.wrong, score.loss, score.step))
    return {"history": [asdict(score) for score in history], "chosen": asdict(best)}


def _stack(
    network: Network,
    train: EncodedRows,
    held: EncodedRows,
    recipe: Recipe,
    setup: Setup,
    scratch: Path,
    progress: Progress,
) -> dict[str, object]:
    found = out_of_fold.learn(
        network,
        train,
        held,
        recipe,
        steps=setup.steps,
        batch=setup.batch,
        seed=setup.seed,
        scratch=scratch,
        progress=progress,
    )
    return {"history": found.history, "chosen": found.chosen}


def _begin(
    signature: Signature, train: Examples, options: NetworkOptions, pretrained: Mapping[str, Path]
) -> StartingPoint:
    """Return the network before its first step; raises ProjectError with all names in the options that are none."""
    if problems := list(_unknown(signature, options)):
        raise ProjectError(problems)
    # one part needs no layer that combines: what its encoder gives goes to the heads
    several = _parts(signature, options, pretrained) > 1
    combiner = options.combiner if several else "concatenate"
    stacked = combiner == "stacking" and options.module is None
    begin = starting_point(
        signature,
        train,
        pretrained,
        options.model_dump(mode="json", include={"pooling", "max_length", "pixels"}),
        Scratch(
            types=_TYPES,
            encoders={name: one.model_dump(mode="json") for name, one in options.encoders.items()},
            combiner={
                "type": "concatenate" if stacked else combiner,
                "width": 0 if stacked or not several else options.width,
                "dropout": options.dropout,
            },
            columns={
                "width": options.columns_width,
                "layers": options.columns_layers,
                "dropout": options.dropout,
            },
            weighing=options.weighing == "uncertainty" and len(signature.outputs) > 1,
            own=None if options.module is None else OwnCode(options.module, options.code),
        ),
    )
    return out_of_fold.begin(begin, signature) if stacked else begin


def _parts(signature: Signature, options: NetworkOptions, pretrained: Mapping[str, Path]) -> int:
    """Return how many parts the combiner has: an input each, but all columns of a table together."""
    apart = [
        field
        for field in signature.inputs
        if field.name in pretrained
        or kinds.arrays(field.kind).input_form not in forms.PLAIN
        or (field.name in options.encoders and options.encoders[field.name].type == "mlp")
    ]
    return len(apart) + (len(apart) < len(signature.inputs))


def _recipe(signature: Signature, options: NetworkOptions, training: NetworkTraining) -> Recipe:
    return Recipe(
        learning_rate=options.pretrained_rate,
        head_rate=training.learning_rate,
        layer_decay=options.layer_decay,
        weight_decay=training.weight_decay,
        label_smoothing=training.label_smoothing,
        warmup=options.warmup,
        # a module of the project drops out where it wants to; its features are its answers
        dropout=options.dropout if options.module is None else 0.0,
        average=options.average,
        weights=options.weights,
        patience=training.patience,
        schedule=options.schedule,
        noisy=True,
        balanced=options.balanced,
        omitted=options.omitted if any(field.optional for field in signature.inputs) else 0.0,
    )


def _unknown(signature: Signature, options: NetworkOptions) -> Iterator[Problem]:
    """Yield the names of inputs and outputs that the options have and the signature has not."""
    inputs = [field.name for field in signature.inputs]
    if unknown := sorted(set(options.encoders) - set(inputs)):
        yield Problem("model.unknown-input", unknown=unknown, inputs=inputs)
    outputs = [field.name for field in signature.outputs]
    if unknown := sorted(set(options.weights) - set(outputs)):
        named = ", ".join(f"`{name}`" for name in unknown)
        yield Problem("model.unknown-output", unknown=named, outputs=", ".join(sorted(outputs)))
