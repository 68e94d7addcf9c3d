"""Fine-tuning: a linear probe first, then the whole encoder with it (Kumar et al. 2022, LP-FT)."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import ClassVar

import numpy as np
from pydantic import BaseModel

from modelwright.core.messages import Phrase, Problem, ProjectError
from modelwright.core.progress import OfPart, Progress
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners import budget, devices
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.rate_sweep import RateSweep
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.contract.spec import fields_of
from modelwright.learners.descent import compiling, rising_rate, trainer
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.finetune.spec import FinetuneOptions, FinetuneSpec, FinetuneTraining
from modelwright.learners.goals import goal
from modelwright.learners.networks.network import Network
from modelwright.learners.options import unknown_outputs
from modelwright.learners.steps.schedule import schedule_of
from modelwright.learners.training import frozen_features, head_fits, learned_folder, sample
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.sample import Sample
from modelwright.learners.training.starting_point import (
    COMPARED,
    Scratch,
    StartingPoint,
    starting_point,
    unread,
)
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.plan import Machine

_HEAD_ITERATIONS, _HEAD_STRENGTHS = 60, (100.0, 30.0, 10.0)  # of the probe that training starts from
# Peak rates of the encoder and of what is not pretrained. Those of pictures: 16 rows a class, MobileNetV2 with frozen
# statistics, 40 to 300 steps.
_RATES_OF_TEXTS, _RATES = (2e-4, 1e-3), (4e-4, 2e-3)
# Passes that a budget is turned into at most. Over many texts fewer: Banking77's 9,000 rows were answered best by an
# average of the third pass, on validation, and what followed was learned by heart; few rows need more passes.
_MOST_PASSES, _OVER_MANY_TEXTS, _MANY_STEPS = 10, 3, 1000
_UNEVEN = 5.0  # times the rows of the rarest class, from which classes are drawn as often


class FinetuneLearn(Learn[Rows]):
    """Trains a pretrained encoder further, together with its heads.

    design: how the network is put together; limit: the most tokens that are kept of a text, None: as many as the
    encoder takes; begun_on: the most rows that heads are fitted on before training, None: all.
    """

    design: ClassVar[Scratch] = COMPARED
    begun_on: ClassVar[int | None] = None
    limit: int | None = None

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
        assert isinstance(options, FinetuneOptions)
        assert isinstance(training, FinetuneTraining)
        _require_outputs(signature, options)
        rows = len(data.train)
        batch = min(training.batch, max(1, rows))
        with deterministic(1, seed=0):
            begin = self._begun(signature, data, pretrained, options)
            _freeze(begin.network, options)
            some = Sample.of_examples(signature, begin.states, data.train)
            latency_s = some.request_s(begin.network)
            iteration_s = head_fits.iteration_s(begin.network, some, machine.cores)
            _adapt(begin.network, options)
            execution = devices.execution(training.device, machine, training.processes)
            costs = budget.timed(
                begin,
                some,
                data,
                _recipe(options, training, some.rows),
                batch,
                machine.cores,
                training.precision,
                execution,
                compiled_for=compiling.tried_for(training.compile, execution, budget_s),
            )
        if options.start == "probe":
            # the features of the rows once, and the heads on them
            most = rows if self.begun_on is None else min(rows, self.begun_on)
            held = costs.validation if self.begun_on is None else min(costs.validation, self.begun_on)
            probe_s = costs.row_s * (most + held)
            probe_s += iteration_s * most / max(1, rows) * _HEAD_ITERATIONS * len(_HEAD_STRENGTHS)
            costs = replace(costs, before_s=costs.before_s + probe_s)
        steps = (
            training.epochs * costs.epoch if training.epochs else _most_steps(signature, options, costs.epoch)
        )
        if training.epochs is None:
            network = begin.network
            fewest = max(network.encoder(place).fewest_steps for place in range(len(network.encoders)))
            steps = costs.affordable(budget_s, max(steps, fewest))
        epochs = steps / costs.epoch
        few = epochs < FinetuneSpec.fewest_epochs and training.epochs is None
        return Estimate(
            steps=steps,
            batch=batch,
            epochs=epochs,
            seconds=costs.seconds(steps),
            memory_bytes=peak_memory_bytes() + 3 * 4 * rows * begin.network.combiner.width,
            package_bytes=sample.package_bytes(signature, begin.network, begin.states),
            compressible_bytes=sample.compressible_bytes(begin.network),
            latency_s=latency_s,
            why=Phrase(
                "finetune.why",
                batch=batch,
                step_ms=costs.step_s * 1e3,
                before_s=costs.before_s,
                steps=steps,
                epochs=epochs,
                rows=rows,
                few=FinetuneSpec.fewest_epochs if few else None,
            ),
            warnings=(*unread(begin, signature, data.train), *costs.notices),
            precision=costs.precision,
            execution=costs.execution,
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Fit the heads, train everything, keep what validation likes best, and calibrate on validation."""
        options, training = setup.options, setup.training
        assert isinstance(options, FinetuneOptions)
        assert isinstance(training, FinetuneTraining)
        _require_outputs(signature, options)
        device = setup.execution.device
        with deterministic(setup.threads, setup.seed, device):
            begin = self._begun(signature, data, setup.pretrained, options)
            network = begin.network.to(device)
            rows = EncodedRows(signature, begin.states, data.train.columns)
            held = EncodedRows(signature, begin.states, data.held.columns)
            if options.start == "probe" and not trainer.has_checkpoint(scratch):
                head_fits.fit(
                    network,
                    self._begin_on(rows),
                    self._begin_on(held),
                    iterations=_HEAD_ITERATIONS,
                    strengths=_HEAD_STRENGTHS,
                    smoothing=0.0,
                    scratch=scratch,
                    # a resumed run does not fit them again, so they are no part of the record
                    progress=OfPart(progress, None),
                )
            _freeze(network, options)
            adapted = _adapt(network, options)
            trained = trainer.train_as_planned(
                network,
                rows,
                held,
                replace(_recipe(options, training, rows), augment=setup.augment),
                setup,
                scratch,
                progress,
            )
            if adapted is not None:
                adapted.merge(network)
            answers = frozen_features.answers(network, held)
        states = learned_folder.calibrated(signature, begin.states, network, answers, data.held)
        learned_folder.write(out, setup.learner, signature, states, network)
        return trainer.summary(trained)

    def rates(
        self, signature: Signature, data: Rows, setup: Setup, budget_s: float, progress: Progress
    ) -> RateSweep:
        """Return the losses while the rates of encoder and heads rise together, from where training would begin."""
        options, training = setup.options, setup.training
        assert isinstance(options, FinetuneOptions)
        assert isinstance(training, FinetuneTraining)
        _require_outputs(signature, options)
        device = setup.execution.device
        with deterministic(setup.threads, setup.seed, device), TemporaryDirectory() as scratch:
            begin = self._begun(signature, data, setup.pretrained, options)
            begin.network.to(device)
            shown = rising_rate.some(data.train, setup.batch, setup.seed)
            rows = EncodedRows(signature, begin.states, shown.columns)
            if options.start == "probe":
                held = rising_rate.some(data.held, setup.batch, setup.seed)
                head_fits.fit(
                    begin.network,
                    rows,
                    EncodedRows(signature, begin.states, held.columns),
                    iterations=_HEAD_ITERATIONS,
                    strengths=_HEAD_STRENGTHS,
                    smoothing=0.0,
                    scratch=Path(scratch),
                    progress=OfPart(progress, None),
                )
            _freeze(begin.network, options)
            recipe = replace(
                _recipe(options, training, rows), augment=setup.augment, precision=setup.precision
            )
            rates, losses = rising_rate.losses(
                begin.network,
                rows,
                recipe,
                recipe.learning_rate,
                batch=setup.batch,
                seed=setup.seed,
                budget_s=budget_s,
                progress=progress,
            )
        together = {"model.head_rate": recipe.head_rate / recipe.learning_rate}
        return RateSweep(tuple(rates), tuple(losses), together)

    def _begin_on(self, rows: EncodedRows) -> EncodedRows:
        """Return the rows that heads are fitted on, evenly spaced where not all are."""
        if self.begun_on is None or len(rows) <= self.begun_on:
            return rows
        return rows.only(np.arange(self.begun_on, dtype=np.int64) * len(rows) // self.begun_on)

    def _begun(
        self, signature: Signature, data: Rows, pretrained: Mapping[str, Path], options: FinetuneOptions
    ) -> StartingPoint:
        limits = None if self.limit is None else dict.fromkeys(pretrained, self.limit)
        return starting_point(signature, data.train, pretrained, options.model_dump(), self.design, limits)

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Answer with torch."""
        return learned_folder.predict(learned, inputs)


def _recipe(options: FinetuneOptions, training: FinetuneTraining, rows: EncodedRows) -> Recipe:
    """Return how to train; what is left open follows from whether there are texts, and how even the classes are."""
    texts = bool(fields_of(rows.signature.inputs, Form.TOKENS))
    rate, head_rate = _RATES_OF_TEXTS if texts else _RATES
    balanced = not texts and _uneven(rows) if options.balanced is None else options.balanced
    return Recipe(
        learning_rate=training.learning_rate or rate,
        head_rate=options.head_rate or head_rate,
        layer_decay=options.layer_decay,
        unfreeze=options.unfreeze,
        weight_decay=training.weight_decay,
        label_smoothing=training.label_smoothing,
        optimiser=training.optimiser,
        schedule=schedule_of(training.schedule, "linear"),
        loss=training.loss,
        regularisation=training.regularisation,
        dropout=options.dropout,
        layer_dropout=options.layer_dropout,
        token_dropout=options.token_dropout,
        averaging=training.averaging,
        growth=training.growth,
        stop_at=goal(training.stop_at, rows.signature),
        weights=options.weights,
        patience=training.patience,
        balanced=balanced,
        fitted=options.start == "probe",
    )


def _most_steps(signature: Signature, options: FinetuneOptions, epoch: int) -> int:
    """Return the most steps that a budget is turned into; epoch: the steps of a pass."""
    passes = options.most_epochs or _MOST_PASSES
    # adapters hold far less, and learn by heart much later
    if options.most_epochs or options.lora is not None or not fields_of(signature.inputs, Form.TOKENS):
        return epoch * passes
    return min(epoch * passes, max(epoch * _OVER_MANY_TEXTS, _MANY_STEPS))


def _uneven(rows: EncodedRows) -> bool:
    """Tell whether one class has many times the rows of another."""
    # a row is drawn as much more often as its class has fewer rows
    return rows.balance is not None and bool(rows.balance.max() >= _UNEVEN * rows.balance.min())


def _freeze(network: Network, options: FinetuneOptions) -> None:
    """Let what stays as it was pretrained take no gradient; raises ProjectError for more layers than there are."""
    for place in range(len(network.encoders)):
        encoder = network.encoder(place)
        if options.freeze_words and (words := encoder.words()) is not None:
            words.requires_grad_(requires_grad=False)
        layers = encoder.layers()
        if options.frozen_layers > len(layers) > 0:
            raise ProjectError(
                Problem("finetune.too-many-layers", asked=options.frozen_layers, layers=len(layers))
            )
        if options.frozen_layers and layers:
            # all of the encoder, and then the layers above those that stay: what is below them stays, too
            encoder.requires_grad_(requires_grad=False)
            for layer in layers[options.frozen_layers :]:
                layer.requires_grad_(requires_grad=True)


def _adapt(network: Network, options: FinetuneOptions) -> ModuleType | None:
    """Put adapters into the encoders where they are asked for, and return what merges them.

    Raises ProjectError where the library is not there, or no encoder has layers.
    """
    if options.lora is None:
        return None
    if importlib.util.find_spec("peft") is None:
        raise ProjectError(Problem("finetune.no-peft"))
    from modelwright.learners.networks import adapters

    if not adapters.insert(network, options.lora.rank, options.lora.alpha, options.frozen_layers):
        has_layers = any(network.encoder(place).layers() for place in range(len(network.encoders)))
        frozen = options.frozen_layers if has_layers else None
        raise ProjectError(Problem("finetune.no-layers", frozen=frozen))
    return adapters


def _require_outputs(signature: Signature, options: FinetuneOptions) -> None:
    if problems := list(unknown_outputs(signature, options.weights)):
        raise ProjectError(problems)
