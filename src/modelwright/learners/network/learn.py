"""A network from scratch, or from pretrained parts: all of it is trained together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Notice, Phrase, Problem, ProjectError
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.learners import budget, devices
from modelwright.learners.budget import TrainingCosts
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.rate_sweep import RateSweep
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.contract.steps import LossKeys
from modelwright.learners.contract.training import Precision
from modelwright.learners.descent import compiling, out_of_fold, rising_rate, trainer
from modelwright.learners.descent.out_of_fold import Stacked
from modelwright.learners.descent.recipe import Recipe, Score, Trained
from modelwright.learners.goals import goal
from modelwright.learners.network import unused
from modelwright.learners.network.spec import NetworkOptions, NetworkTraining
from modelwright.learners.networks.initial_layers import initialise
from modelwright.learners.networks.own_module import OwnCode
from modelwright.learners.options import unknown_outputs
from modelwright.learners.steps.schedule import schedule_of
from modelwright.learners.training import frozen_features, learned_folder, sample
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.sample import Sample
from modelwright.learners.training.starting_point import (
    SCRATCH_TYPES,
    Scratch,
    StartingPoint,
    starting_point,
    unread,
)
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Execution, Machine

# Weight of what each part answers by itself, beside the loss of all parts together. Where inputs may be missing, that
# is an answer of the function, to be as good as one of a function of that input (decision 020).
_AUXILIARY, _AUXILIARY_ALONE = 0.5, 4.0
_COLUMNS_WIDTH = 128
# Rows a step; halved while the budget holds few steps. Seen on 2,400 pictures with sounds, equal CPU time: 140 steps of
# 64 rows answer 75 % of validation right, 280 of 32 rows 85 %.
_BATCH, _SMALLEST_BATCH, _FEW_STEPS = 64, 16, 400


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
        batch = min(training.batch or _BATCH, max(1, rows))
        with deterministic(1, seed=0):
            begin = _begin(signature, data.train, options, pretrained)
            still = _read_once(options, pretrained, begin)
            readers = frozen_features.readers(begin.network, signature, still)
            some = Sample.of_examples(signature, begin.states, data.train, readers)
            moving = replace(data, augment=_varied(data.augment, still))
            latency_s = some.request_s(begin.network)
            # networks whose answers are stacked are many small trainings, each of which one process computes
            stacked = bool(begin.network.plan.parts)
            shared = 1 if stacked else training.processes
            execution = devices.execution(training.device, machine, shared)
            timed = partial(
                _costs,
                begin,
                some,
                moving,
                _recipe(signature, options, training),
                threads=machine.cores,
                precision=training.precision,
                execution=execution,
            )
            costs = timed(batch)
            wanted = None if stacked else compiling.tried_for(training.compile, execution, budget_s)
            steps = _steps(costs, options, training, budget_s)
            # on as many rows, many small steps learn more than few large ones, which few steps do not make up for
            while training.batch is None and steps < _FEW_STEPS and batch // 2 >= _SMALLEST_BATCH:
                batch //= 2
                costs = timed(batch)
                steps = _steps(costs, options, training, budget_s)
            if wanted is not None:
                costs = timed(batch, compiled_for=wanted)
                steps = _steps(costs, options, training, budget_s)
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
            warnings=(
                *unread(begin, signature, data.train),
                *_unvaried(data.augment, still),
                *costs.notices,
                *(
                    Notice("plan.logarithm", column=name, median=options.aim == "median")
                    for name in begin.network.plan.logarithms
                    if options.logarithm is None
                ),
                *([Notice("learn.one-process", what="stacking")] if training.processes > shared else []),
            ),
            precision=costs.precision,
            execution=costs.execution,
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Train everything, keep what validation likes best, and calibrate on validation."""
        options, training = setup.options, setup.training
        assert isinstance(options, NetworkOptions)
        assert isinstance(training, NetworkTraining)
        device = setup.execution.device
        with deterministic(setup.threads, setup.seed, device):
            begin = _begin(signature, data.train, options, setup.pretrained)
            begin.network.to(device)
            still = _read_once(options, setup.pretrained, begin)
            readers = frozen_features.readers(begin.network, signature, still)
            train = EncodedRows(signature, begin.states, data.train.columns, readers)
            held = EncodedRows(signature, begin.states, data.held.columns, readers)
            recipe = replace(_recipe(signature, options, training), augment=_varied(setup.augment, still))
            found: Trained | Stacked
            if begin.network.plan.parts:
                found = out_of_fold.learn(
                    begin.network,
                    train,
                    held,
                    replace(recipe, precision=setup.precision),
                    steps=setup.steps,
                    batch=setup.batch,
                    seed=setup.seed,
                    scratch=scratch,
                    progress=progress,
                    ending=setup.ending,
                )
            else:
                found = trainer.train_as_planned(begin.network, train, held, recipe, setup, scratch, progress)
            answers = frozen_features.answers(begin.network, held)
        states = learned_folder.calibrated(signature, begin.states, begin.network, answers, data.held)
        learned_folder.write(out, setup.learner, signature, states, begin.network)
        if isinstance(found, Stacked):
            return found.summary()
        better = tuple(_better_alone(trainer.kept_score(found.history), begin.network.part_inputs))
        return trainer.summary(replace(found, notices=(*found.notices, *better)))

    def rates(
        self, signature: Signature, data: Rows, setup: Setup, budget_s: float, progress: Progress
    ) -> RateSweep:
        """Return the losses while the rate of what learns rises; pretrained parts keep their share of it."""
        options, training = setup.options, setup.training
        assert isinstance(options, NetworkOptions)
        assert isinstance(training, NetworkTraining)
        device = setup.execution.device
        with deterministic(setup.threads, setup.seed, device):
            begin = _begin(signature, data.train, options, setup.pretrained)
            begin.network.to(device)
            still = _read_once(options, setup.pretrained, begin)
            readers = frozen_features.readers(begin.network, signature, still)
            shown = rising_rate.some(data.train, setup.batch, setup.seed)
            rows = EncodedRows(signature, begin.states, shown.columns, readers)
            recipe = replace(
                _recipe(signature, options, training),
                augment=_varied(setup.augment, still),
                precision=setup.precision,
            )
            plans = begin.network.plan.parts
            # of parts that are trained one by one at the same rate: the sum of their losses
            networks = [begin.network.part(place) for place in range(len(plans))] or [begin.network]
            inputs = [rows.of(tuple(one.inputs)) for one in plans] or [rows]
            sweeps = [
                rising_rate.losses(
                    network,
                    own,
                    recipe,
                    training.learning_rate,
                    batch=setup.batch,
                    seed=setup.seed,
                    budget_s=budget_s / len(networks),
                    progress=progress,
                )
                for network, own in zip(networks, inputs, strict=True)
            ]
        together = {"model.pretrained_rate": options.pretrained_rate / training.learning_rate}
        rates = min((rates for rates, _ in sweeps), key=len)
        losses = [sum(by_part) for by_part in zip(*(found for _, found in sweeps), strict=False)]
        return RateSweep(
            tuple(rates), tuple(losses), together if setup.pretrained and options.pretrained_rate else {}
        )

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Answer with torch."""
        return learned_folder.predict(learned, inputs)


def _costs(
    begin: StartingPoint,
    some: Sample,
    data: Rows,
    recipe: Recipe,
    batch: int,
    *,
    threads: int,
    precision: Precision | None,
    execution: Execution,
    compiled_for: float | None = None,
) -> TrainingCosts:
    """Return what training in batches of so many rows costs; the weights of the network change."""
    timed = partial(budget.timed, begin, some, data, recipe, batch, threads, precision, execution)
    if not begin.network.plan.parts:
        return timed(compiled_for=compiled_for)
    costs = timed(out_of_fold.step_s)
    # a step of the setup is one of each part, and of each fold its share
    times = out_of_fold.TIMES
    return replace(costs, step_s=costs.step_s * times, row_s=costs.row_s * times)


def _steps(costs: TrainingCosts, options: NetworkOptions, training: NetworkTraining, budget_s: float) -> int:
    """Return the steps that the budget holds, or those of the passes that were asked for."""
    if training.epochs is not None:
        return costs.epoch * training.epochs
    return costs.affordable(budget_s, max(costs.epoch * options.most_epochs, budget.LEAST_MOST_STEPS))


def _begin(
    signature: Signature, train: Examples, options: NetworkOptions, pretrained: Mapping[str, Path]
) -> StartingPoint:
    """Return the network before its first step; raises ProjectError with all names in the options that are none."""
    if problems := list(_unknown(signature, options)):
        raise ProjectError(problems)
    # one part needs no layer that combines: what its encoder gives goes to the heads
    several = unused.parts(signature, options) > 1
    combiner = options.combiner if several else "concatenate"
    stacked = combiner == "stacking" and options.module is None
    matched = combiner == "matching" and options.module is None
    begin = starting_point(
        signature,
        train,
        pretrained,
        options.model_dump(mode="json", include={"pooling", "max_length", "pixels"}),
        Scratch(
            types=SCRATCH_TYPES,
            encoders={name: one.model_dump(mode="json") for name, one in options.encoders.items()},
            combiner={
                "type": "concatenate" if stacked or matched else combiner,
                "width": 0 if stacked or not several else options.width,
                "dropout": options.dropout,
            },
            columns={
                "width": options.columns_width or _columns_width(signature),
                "layers": options.columns_layers,
                "dropout": options.dropout,
                "normalisation": options.normalisation,
            },
            weighing=options.weighing == "uncertainty" and len(signature.outputs) > 1,
            matching={"width": options.width, "dropout": options.dropout} if matched else None,
            alone=unused.answers_alone(signature, options),
            scaled=True,
            activation=options.activation,
            own_layers=_own_layers(signature, combiner, options),
            own=None if options.module is None else OwnCode(options.module, options.code),
            logarithm=False if stacked else options.logarithm,
            median=options.aim == "median",
        ),
    )
    for name in _still(options, pretrained, begin):
        begin.network.encoder_of(name).requires_grad_(requires_grad=False)
    found = out_of_fold.begin(begin, signature) if stacked else begin
    for module in found.network.from_scratch() if options.module is None else ():
        initialise(module, options.initialisation)
    return found


def _still(options: NetworkOptions, pretrained: Mapping[str, Path], begin: StartingPoint) -> frozenset[str]:
    """Return the inputs whose pretrained encoders stay as they are."""
    own = begin.network.own is not None
    return frozenset() if options.pretrained_rate or own else frozenset(pretrained)


def _read_once(
    options: NetworkOptions, pretrained: Mapping[str, Path], begin: StartingPoint
) -> frozenset[str]:
    """Return the inputs that are read before the first step; what is matched by position is read in every step."""
    return _still(options, pretrained, begin) if begin.network.matching is None else frozenset()


def _varied(
    augment: Mapping[str, Mapping[str, float]], still: frozenset[str]
) -> Mapping[str, Mapping[str, float]]:
    """Return how far values vary, without the inputs that are read once."""
    return {name: amounts for name, amounts in augment.items() if name not in still}


def _unvaried(augment: Mapping[str, Mapping[str, float]], still: frozenset[str]) -> Iterator[Notice]:
    """Yield a warning for each input whose values would vary, if its encoder did not read them once."""
    for name in sorted(still.intersection(augment)):
        if augment[name]:
            yield Notice("network.unvaried", column=name)


def _better_alone(score: Score, parts: Sequence[tuple[str, ...]]) -> Iterator[Notice]:
    """Yield a warning for a part that answers validation better by itself than all do together, beyond chance."""
    found = [
        (wrong, names)
        for (wrong, margin), names in zip(score.alone, parts, strict=False)
        if wrong + margin < score.wrong
    ]
    if found:
        wrong, names = min(found)
        yield Notice("network.better-alone", column=", ".join(names), alone=wrong, together=score.wrong)


def _recipe(signature: Signature, options: NetworkOptions, training: NetworkTraining) -> Recipe:
    return Recipe(
        learning_rate=options.pretrained_rate,
        head_rate=training.learning_rate,
        heads_stated=True,
        layer_decay=options.layer_decay,
        unfreeze=options.unfreeze,
        weight_decay=training.weight_decay,
        label_smoothing=training.label_smoothing,
        optimiser=training.optimiser,
        schedule=schedule_of(training.schedule, "one-cycle"),
        loss=_loss(options, training),
        regularisation=training.regularisation,
        # a module of the project drops out where it wants to; its features are its answers
        dropout=options.dropout if options.module is None else 0.0,
        averaging=training.averaging,
        growth=training.growth,
        stop_at=goal(training.stop_at, signature),
        weights=options.weights,
        patience=training.patience,
        noisy=True,
        balanced=options.balanced,
        auxiliary=_auxiliary(signature, options),
        left_out=options.left_out,
        omitted=options.omitted if any(field.optional for field in signature.inputs) else 0.0,
    )


def _loss(options: NetworkOptions, training: NetworkTraining) -> LossKeys:
    """Return what is made small: of numbers that aim at the median, the absolute error, where nothing else is said."""
    if training.loss.numbers is not None or options.aim != "median":
        return training.loss
    return training.loss.model_copy(update={"numbers": "absolute"})


def _columns_width(signature: Signature) -> int:
    """Return how wide layers over the columns of a table are: several outputs share what these can hold.

    Seen on hourly rentals, two outputs in 30 s, errors relative to two functions, two seeds: 0.994 and 1.032 with a
    width of 128, 0.970 and 0.978 with 256; one output gains nothing from it.
    """
    return _COLUMNS_WIDTH * min(2, len(signature.outputs))


def _own_layers(signature: Signature, combiner: str, options: NetworkOptions) -> JsonObject | None:
    """Return the layer that each output has of its own; a sum of answers stays one without it."""
    if not options.output_width or len(signature.outputs) == 1 or combiner == "sum":
        return None
    return {
        "width": options.output_width,
        "dropout": options.dropout,
        "normalisation": options.normalisation,
    }


def _auxiliary(signature: Signature, options: NetworkOptions) -> float:
    """Return the weight of what each part answers by itself; of two that are matched, one alone says nothing."""
    if options.auxiliary is not None:
        return options.auxiliary
    if options.combiner == "matching":
        return 0.0
    return _AUXILIARY_ALONE if unused.answers_alone(signature, options) else _AUXILIARY


def _unknown(signature: Signature, options: NetworkOptions) -> Iterator[Problem]:
    """Yield what the options name and the signature has not: inputs, outputs, several inputs to compare."""
    inputs = [field.name for field in signature.inputs]
    if unknown := sorted(set(options.encoders) - set(inputs)):
        yield Problem("model.unknown-input", unknown=unknown, inputs=inputs)
    yield from unknown_outputs(signature, options.weights)
    apart = unused.apart(signature, options)
    if options.combiner == "matching" and options.module is None and len(apart) < 2:
        yield Problem("model.nothing-to-match", name=next(iter(apart), None))
