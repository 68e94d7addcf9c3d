"""Training of a pretrained encoder that says of every token of a window what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from modelwright import kinds
from modelwright.core.messages import Notice, Phrase
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Array, Dumped, Form, Role
from modelwright.kinds.outputs import located
from modelwright.learners import budget, devices, timing
from modelwright.learners.contract.learn import Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.descent import compiling, trainer
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.locating import located_folder
from modelwright.learners.locating.reading_options import ReadingOptions, ReadingTraining
from modelwright.learners.locating.window_rows import WindowRows, window_rows
from modelwright.learners.networks.network import Network
from modelwright.learners.steps.schedule import schedule_of
from modelwright.learners.training import sample
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.sample import Sample
from modelwright.learners.training.starting_point import StartingPoint, starting_point, unread
from modelwright.runtime.drivers.locate.locate_settings import TOKENIZER, LocateSettings
from modelwright.runtime.drivers.locate.locating import Locator
from modelwright.runtime.drivers.locate.text_windows import WindowReader
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Machine

_TIMED = 2048  # windows, evenly spaced, whose lengths stand for all


@dataclass(frozen=True)
class ReadingStart:
    """Where reading in windows begins: the network, its signature, and what cuts texts into windows.

    whole: the states of the signature as it is; windowed: the signature of windows, which has the one text alone.
    """

    begin: StartingPoint
    windowed: Signature
    whole: Mapping[str, object]
    settings: LocateSettings
    tokenizer: bytes
    locator: Locator


def starting(
    signature: Signature, train: Examples, options: ReadingOptions, pretrained: Mapping[str, Path]
) -> ReadingStart:
    """Return the network before learning, on the weights that the text starts from."""
    text = located(signature)
    assert text is not None, "a learner refuses what has no text"
    windowed = Signature(signature.name, (text,), signature.outputs)
    columns = {one.name: train.columns[one.name] for one in (text, *signature.outputs)}
    some = Examples(train.ids, columns)
    begin = starting_point(
        windowed,
        some,
        {text.name: pretrained[text.name]},
        {"segments": len(signature.inputs) > 1},
        limits={text.name: options.window},
    )
    whole: dict[str, object] = {
        one.name: kinds.arrays(one.kind).fit([], form=Form.LOCATED) for one in signature.inputs
    }
    for one in signature.outputs:
        state = kinds.arrays(one.kind).fit(
            train.columns[one.name], role=Role.OUTPUT, reads=text.name, optional=one.optional
        )
        begin.states[one.name] = whole[one.name] = state
    words = begin.network.encoder(0).words()
    if options.freeze_words and words is not None:
        words.requires_grad_(requires_grad=False)
    dumped: Dumped = kinds.arrays(text.kind).dump(begin.states[text.name])
    settings = LocateSettings(
        window=min(options.window, begin.longest.get(text.name, options.window)),
        stride=options.stride,
        question=options.question,
        pad=int(dumped.data["pad_id"]),
    )
    tokenizer = bytes(dumped.assets[TOKENIZER])
    locator = Locator(signature, whole, WindowReader(tokenizer, settings))
    return ReadingStart(begin, windowed, whole, settings, tokenizer, locator)


def forecast(
    signature: Signature,
    data: Rows,
    options: ReadingOptions,
    training: ReadingTraining,
    pretrained: Mapping[str, Path],
    machine: Machine,
    budget_s: float,
) -> Estimate:
    """Time a few steps on windows of every length, and turn the budget into steps."""
    with deterministic(1, seed=0):
        start = starting(signature, data.train, options, pretrained)
        began = timing.now_s()
        windows = window_rows(start.locator, data.train, start.whole)
        cutting_s = timing.now_s() - began
        begin = start.begin
        batch = max(1, min(training.batch, len(windows)))
        some = _sample(start, windows)
        latency_s = some.request_s(begin.network) * max(1.0, len(windows) / max(1, len(data.train)))
        execution = devices.execution(training.device, machine, training.processes)
        held = round(data.expected_validation * len(windows) / max(1, len(data.train)))
        every = Rows(Examples([str(one) for one in range(len(windows))], {}), validation_rows=held)
        costs = budget.timed(
            begin,
            some,
            every,
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
    return Estimate(
        steps=steps,
        batch=batch,
        epochs=steps / costs.epoch,
        seconds=costs.seconds(steps) + cutting_s,
        memory_bytes=peak_memory_bytes(),
        package_bytes=sample.package_bytes(start.windowed, begin.network, begin.states),
        compressible_bytes=sample.compressible_bytes(begin.network),
        latency_s=latency_s,
        why=Phrase(
            "locate.why",
            batch=batch,
            step_ms=costs.step_s * 1e3,
            before_s=costs.before_s,
            steps=steps,
            epochs=steps / costs.epoch,
            windows=len(windows),
            texts=len(data.train),
        ),
        warnings=(*_remarks(start, windows, data.train), *costs.notices),
        precision=costs.precision,
        execution=costs.execution,
    )


def learn(
    signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
) -> dict[str, object]:
    """Train on windows, keep what validation likes best, and calibrate on the answers to validation."""
    options, training = setup.options, setup.training
    assert isinstance(options, ReadingOptions)
    assert isinstance(training, ReadingTraining)
    device = setup.execution.device
    with deterministic(setup.threads, setup.seed, device):
        start = starting(signature, data.train, options, setup.pretrained)
        network = start.begin.network.to(device)
        trained = trainer.train_as_planned(
            network,
            window_rows(start.locator, data.train, start.whole).rows(start.windowed, start.begin.states),
            window_rows(start.locator, data.held, start.whole).rows(start.windowed, start.begin.states),
            _recipe(options, training),
            setup,
            scratch,
            progress,
        )
        answers = _answered(network, start.locator, data.held.columns)
    states = dict(start.whole)
    for one in signature.outputs:
        truths = data.held.columns[one.name]
        states[one.name] = kinds.arrays(one.kind).calibrate(
            answers[one.name], truths, states[one.name], data.held.columns
        )
    windows = (start.windowed, start.begin.states, network)
    located_folder.write(out, setup.learner, windows, (signature, states), start.settings, start.tokenizer)
    return trainer.summary(trained)


def predict(learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
    """Answer with torch."""
    read = located_folder.read(learned)
    return _answered(read.windows.network, read.locator, inputs)


def _answered(
    network: Network, locator: Locator, columns: Mapping[str, Sequence[object]]
) -> dict[str, dict[str, Array]]:
    """Return the arrays of each output by what a network says of windows."""
    network.eval()

    def logits(arrays: Mapping[str, Array]) -> dict[str, Array]:
        given = {f"{locator.text.name}.{name}": torch.from_numpy(one) for name, one in arrays.items()}
        with torch.no_grad():
            return {name: values.float().cpu().numpy() for name, values in network(given).items()}

    return locator.answers(columns, logits)


def _remarks(start: ReadingStart, windows: WindowRows, train: Examples) -> Iterator[Notice]:
    """Yield what the encoder cannot read, and places that do not begin and end with tokens."""
    text = start.locator.text
    some = Examples(train.ids, {text.name: train.columns[text.name]})
    for notice in unread(start.begin, Signature("", (text,), ()), some):
        if notice.id != "plan.cut-texts":  # a long text is read in several windows
            yield notice
    for name, found in windows.astray.items():
        if found.count:
            yield Notice("plan.places-astray", column=name, count=found.count, of=found.places, row=found.row)
    for one in start.windowed.outputs:
        known = [value for value in train.columns[one.name] if value is not None]
        without = sum(value == () for value in known)
        if without and not one.optional and kinds.arrays(one.kind).abstains:
            yield Notice("plan.unanswerable", column=one.name, count=without, of=len(known), kind=one.kind)


def _sample(start: ReadingStart, windows: WindowRows) -> Sample:
    """Return evenly spaced windows on which a forecast times steps."""
    rows = windows.rows(start.windowed, start.begin.states, windows.spaced(_TIMED))
    return Sample.of_rows(rows, len(windows))


def _recipe(options: ReadingOptions, training: ReadingTraining) -> Recipe:
    return Recipe(
        learning_rate=training.learning_rate,
        head_rate=options.head_rate,
        layer_decay=options.layer_decay,
        weight_decay=training.weight_decay,
        label_smoothing=training.label_smoothing,
        dropout=options.dropout,
        weights={},
        patience=training.patience,
        optimiser=training.optimiser,
        schedule=schedule_of(training.schedule, "linear"),
        averaging=training.averaging,
    )
