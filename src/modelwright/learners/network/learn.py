"""A network from scratch, or from pretrained parts: all of it is trained together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from modelwright import kinds
from modelwright.core.messages import Phrase, Problem, ProjectError
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners import budget
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.network.spec import NetworkOptions, NetworkTraining
from modelwright.learners.networks import forms
from modelwright.learners.networks.own_module import OwnCode
from modelwright.learners.training import (
    frozen_features,
    learned_folder,
    out_of_fold,
    sample,
    trainer,
)
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.out_of_fold import Stacked
from modelwright.learners.training.recipe import Recipe, Score
from modelwright.learners.training.sample import Sample
from modelwright.learners.training.starting_point import Scratch, StartingPoint, starting_point, unread
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Machine

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
            recipe = _recipe(signature, options, training)
            stacked = bool(begin.network.plan.parts)
            costs = budget.timed(
                begin.network,
                some,
                data,
                recipe,
                batch,
                machine.cores,
                training.precision,
                out_of_fold.step_s if stacked else trainer.step_s,
            )
            if stacked:
                # a step of the setup is one of each part, and of each fold its share
                times = out_of_fold.TIMES
                costs = replace(costs, step_s=costs.step_s * times, row_s=costs.row_s * times)
        if training.epochs is not None:
            steps = costs.epoch * training.epochs
        else:
            steps = costs.affordable(budget_s, max(costs.epoch * options.most_epochs, _LEAST_MOST_STEPS))
        return Estimate(
            steps=steps,
            batch=batch,
            epochs=steps / costs.epoch,
            seconds=costs.seconds(steps),
            memory_bytes=peak_memory_bytes()
            + some.kept_bytes(rows)
            + some.kept_bytes(data.expected_validation),
            package_bytes=sample.package_bytes(signature, begin.network, begin.states),
            compressible_bytes=sample.compressible_bytes(begin.network),
            latency_s=latency_s,
            why=Phrase(
                "network.why",
                batch=batch,
                step_ms=costs.step_s * 1e3,
                before_s=costs.before_s,
                steps=steps,
                epochs=steps / costs.epoch,
                rows=rows,
                weights=sum(weight.numel() for weight in begin.network.parameters()),
            ),
            warnings=tuple(unread(begin, signature, data.train)),
            precision=costs.precision,
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
            train_all: Callable[..., list[Score] | Stacked] = (
                out_of_fold.learn if begin.network.plan.parts else trainer.train
            )
            found = train_all(
                begin.network,
                train,
                held,
                recipe,
                steps=setup.steps,
                batch=setup.batch,
                seed=setup.seed,
                scratch=scratch,
                progress=progress,
            )
            answers = frozen_features.answers(begin.network, held)
        states = learned_folder.calibrated(signature, begin.states, begin.network, answers, data.held)
        learned_folder.write(out, setup.learner, signature, states, begin.network)
        return found.summary() if isinstance(found, Stacked) else trainer.summary(found)

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Answer with torch."""
        return learned_folder.predict(learned, inputs)


def _begin(
    signature: Signature, train: Examples, options: NetworkOptions, pretrained: Mapping[str, Path]
) -> StartingPoint:
    """Return the network before its first step; raises ProjectError with all names in the options that are none."""
    if problems := list(_unknown(signature, options, pretrained)):
        raise ProjectError(problems)
    # one part needs no layer that combines: what its encoder gives goes to the heads
    several = _parts(signature, options, pretrained) > 1
    combiner = options.combiner if several else "concatenate"
    stacked = combiner == "stacking" and options.module is None
    matched = combiner == "matching" and options.module is None
    begin = starting_point(
        signature,
        train,
        pretrained,
        options.model_dump(mode="json", include={"pooling", "max_length", "pixels"}),
        Scratch(
            types=_TYPES,
            encoders={name: one.model_dump(mode="json") for name, one in options.encoders.items()},
            combiner={
                "type": "concatenate" if stacked or matched else combiner,
                "width": 0 if stacked or not several else options.width,
                "dropout": options.dropout,
            },
            columns={
                "width": options.columns_width,
                "layers": options.columns_layers,
                "dropout": options.dropout,
            },
            weighing=options.weighing == "uncertainty" and len(signature.outputs) > 1,
            matching={"width": options.width, "dropout": options.dropout} if matched else None,
            own=None if options.module is None else OwnCode(options.module, options.code),
        ),
    )
    return out_of_fold.begin(begin, signature) if stacked else begin


def _parts(signature: Signature, options: NetworkOptions, pretrained: Mapping[str, Path]) -> int:
    """Return how many parts the combiner has: an input each, but all columns of a table together."""
    apart = _apart(signature, options, pretrained)
    return len(apart) + (len(apart) < len(signature.inputs))


def _apart(signature: Signature, options: NetworkOptions, pretrained: Mapping[str, Path]) -> list[str]:
    """Return the inputs that are a part of their own."""
    return [
        field.name
        for field in signature.inputs
        if field.name in pretrained
        or kinds.arrays(field.kind).input_form not in forms.PLAIN
        or (field.name in options.encoders and options.encoders[field.name].type == "mlp")
    ]


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


def _unknown(
    signature: Signature, options: NetworkOptions, pretrained: Mapping[str, Path]
) -> Iterator[Problem]:
    """Yield what the options name and the signature has not: inputs, outputs, several inputs to compare."""
    inputs = [field.name for field in signature.inputs]
    if unknown := sorted(set(options.encoders) - set(inputs)):
        yield Problem("model.unknown-input", unknown=unknown, inputs=inputs)
    outputs = [field.name for field in signature.outputs]
    if unknown := sorted(set(options.weights) - set(outputs)):
        named = ", ".join(f"`{name}`" for name in unknown)
        yield Problem("model.unknown-output", unknown=named, outputs=", ".join(sorted(outputs)))
    apart = _apart(signature, options, pretrained)
    if options.combiner == "matching" and options.module is None and len(apart) < 2:
        yield Problem("model.nothing-to-match", name=next(iter(apart), None))
