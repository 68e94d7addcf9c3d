"""Distillation: a network from scratch that learns what a package answers, and the truths beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel
from safetensors.numpy import load_file, save_file
from torch import nn

from modelwright import kinds
from modelwright.core.messages import Notice, Phrase, Problem, ProjectError
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.core.units import Unit, format_quantity
from modelwright.kinds.contract.common import Array, Form
from modelwright.learners import budget, devices, timing
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.descent import compiling, trainer
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.distil import (
    further_rows,
    narrower_layers,
    pretrained_layers,
    teacher,
    teachers_heads,
)
from modelwright.learners.distil.bring import ENCODER
from modelwright.learners.distil.spec import DistilOptions, DistilTraining
from modelwright.learners.distil.taught import TaughtTask, truths_of
from modelwright.learners.distil.teacher import Teacher
from modelwright.learners.goals import goal
from modelwright.learners.networks.encoders.contract import ARRAYS
from modelwright.learners.networks.network import Network
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
from modelwright.storage.formats.plan import BROUGHT, Machine

_WORDS_WIDTH = (
    192  # of the default encoder of a text: a student can be taught more than few rows would teach it
)
_COLUMNS_WIDTH, _COLUMNS_LAYERS = 128, 2
_MOST_OF_BUDGET = 0.4  # that the teacher's answers may take before it is worth a word
_TIMED = 16  # rows that the teacher answers while it is timed
_DEVIATION = 0.1  # of the numbers of a word vector, as those that are drawn have it
_ANSWERS = "teacher.safetensors"


@dataclass(frozen=True)
class _Taught:
    """The rows that a student learns from: inputs of all, the training rows first; notices about them."""

    columns: Mapping[str, Sequence[object]]
    notices: tuple[Notice, ...]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


class DistilLearn(Learn[Rows]):
    """Trains a student on what the teacher answers."""

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
        """Time the teacher's answers and a few steps of the student, and turn the budget into steps."""
        assert isinstance(options, DistilOptions)
        assert isinstance(training, DistilTraining)
        teaching = teacher.read(pretrained[BROUGHT], 1)
        with deterministic(1, seed=0):
            begin = _begin(signature, data.train, options, teaching)
            taught = _taught(signature, data.train, options, teaching, seed=0)
            some = Sample.of_examples(signature, begin.states, data.train)
            latency_s = some.request_s(begin.network)
            batch = min(training.batch, len(taught))
            answer_s = _answer_s(teaching, taught)
            many = replace(data, train=_as_examples(taught, data.train))
            execution = devices.execution(training.device, machine, training.processes)
            costs = budget.timed(
                begin,
                some,
                many,
                _recipe(signature, begin, options, training),
                batch,
                machine.cores,
                training.precision,
                execution,
                compiled_for=compiling.tried_for(training.compile, execution, budget_s),
            )
        costs = replace(costs, before_s=costs.before_s + answer_s * len(taught))
        steps = costs.epoch * (training.epochs or options.most_epochs)
        if training.epochs is None:
            steps = costs.affordable(budget_s, max(steps, budget.LEAST_MOST_STEPS))
        return Estimate(
            steps=steps,
            batch=batch,
            epochs=steps / costs.epoch,
            seconds=costs.seconds(steps),
            memory_bytes=peak_memory_bytes() + some.kept_bytes(len(taught)),
            package_bytes=sample.package_bytes(signature, begin.network, begin.states),
            compressible_bytes=sample.compressible_bytes(begin.network),
            latency_s=latency_s,
            why=Phrase(
                "distil.why",
                rows=len(taught),
                own=len(data.train),
                teacher_s=answer_s * len(taught),
                step_ms=costs.step_s * 1e3,
                steps=steps,
                weights=sum(weight.numel() for weight in begin.network.parameters()),
                heads=_has_teachers_heads(begin, options) or None,
            ),
            warnings=(
                *_slow(answer_s * len(taught), budget_s, training),
                *unread(begin, signature, data.train),
                *taught.notices,
                *costs.notices,
                *_unknown(signature, data, teaching),
            ),
            precision=costs.precision,
            execution=costs.execution,
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Let the teacher answer all rows, train the student on them, and calibrate it on validation."""
        options, training = setup.options, setup.training
        assert isinstance(options, DistilOptions)
        assert isinstance(training, DistilTraining)
        teaching = teacher.read(setup.pretrained[BROUGHT], setup.threads)
        with deterministic(setup.threads, setup.seed, setup.execution.device):
            begin = _begin(signature, data.train, options, teaching)
            taught = _taught(signature, data.train, options, teaching, setup.seed)
            answered = _answers(teaching, taught, begin.network, scratch, progress)
            rows = _rows(signature, begin, data.train, taught, answered)
            held = EncodedRows(signature, begin.states, data.held.columns)
            for head in begin.network.tasks().values():
                head.task = TaughtTask(head.task, options.share, options.temperature)
            begin.network.to(setup.execution.device)
            history = trainer.train_as_planned(
                begin.network,
                rows,
                held,
                _recipe(signature, begin, options, training),
                setup,
                scratch,
                progress,
            )
            answers = frozen_features.answers(begin.network, held)
        states = learned_folder.calibrated(signature, begin.states, begin.network, answers, data.held)
        learned_folder.write(out, setup.learner, signature, states, begin.network)
        return trainer.summary(history)

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Answer with torch."""
        return learned_folder.predict(learned, inputs)


def _begin(signature: Signature, train: Examples, options: DistilOptions, teaching: Teacher) -> StartingPoint:
    """Return the student before its first step: it answers in the teacher's classes, and reads texts in its words."""
    inputs = {one.name for one in signature.inputs}
    if unknown := sorted(set(options.encoders) - inputs):
        raise ProjectError(Problem("model.unknown-input", unknown=unknown, inputs=sorted(inputs)))
    if problems := list(unknown_outputs(signature, options.weights)):
        raise ProjectError(problems)
    several = len(signature.inputs) > 1
    weights = pretrained_layers.weights_of(signature, teaching.folder)
    heads = teachers_heads.read(signature, teaching.folder / ENCODER, teaching.states, train)
    encoders: dict[str, Mapping[str, object]] = {
        one.name: {"type": "words", "width": _WORDS_WIDTH}
        for one in signature.inputs
        if kinds.arrays(one.kind).input_form is Form.TOKENS and one.name not in weights
    }
    encoders |= {name: one.model_dump(mode="json") for name, one in options.encoders.items()}
    begin = starting_point(
        signature,
        train,
        weights,
        options.model_dump(mode="json", include={"max_length", "pixels"}),
        Scratch(
            types=SCRATCH_TYPES,
            encoders=encoders,
            combiner={
                "type": "concatenate",
                "width": options.width if several else 0,
                "dropout": options.dropout,
            },
            columns={"width": _COLUMNS_WIDTH, "layers": _COLUMNS_LAYERS, "dropout": options.dropout},
            scaled=heads is None,  # what the teacher's heads read is as its encoder gives it
        ),
    )
    if options.layers is not None:
        begin = pretrained_layers.cut(signature, begin, options.layers)
    if options.feed_forward < 1.0:
        begin = narrower_layers.narrow(signature, begin, options.feed_forward, train)
    found = _as_the_teacher(signature, begin, options, teaching)
    for name in weights:
        # rows that are few beside the words of a language would move some of them, and leave the others behind
        if (words := found.network.encoder_of(name).words()) is not None:
            words.requires_grad_(requires_grad=False)
    if heads is not None:
        found.network.heads.load_state_dict({name: torch.from_numpy(one) for name, one in heads.items()})
    return found


def _as_the_teacher(
    signature: Signature, begin: StartingPoint, options: DistilOptions, teaching: Teacher
) -> StartingPoint:
    """Return the student with the teacher's states of outputs and texts, and its word vectors."""
    states = {**begin.states, **{one.name: teaching.states[one.name] for one in signature.outputs}}
    plan = begin.network.plan
    planned = list(plan.encoders)
    vectors: dict[int, Array] = {}
    for one in signature.inputs:
        tokens = _words_of(one.kind, teaching.states[one.name])
        place = plan.inputs.get(one.name)
        if place is None or tokens is None or "tokens" not in planned[place].config:
            continue
        states[one.name] = teaching.states[one.name]
        planned[place] = replace(planned[place], config={**planned[place].config, "tokens": tokens})
        found = teacher.word_vectors(teaching, one.name, tokens) if options.words else None
        if found is not None:
            vectors[place] = found
    # what is pretrained keeps its encoder; all else is drawn for the teacher's words and classes
    kept = {place: begin.network.encoder(place) for place in pretrained_layers.places(plan)}
    network = Network(signature, states, replace(plan, encoders=tuple(planned)), kept)
    for place, found in vectors.items():
        table = getattr(network.encoder(place), "table", None)
        if isinstance(table, nn.Embedding):
            _begin_as(table, found)
    return replace(begin, states=states, network=network)


def _words_of(kind: str, state: object) -> int | None:
    """Return how many words a teacher's state of a text knows; None of what is no text of tokens."""
    if kinds.arrays(kind).input_form is not Form.TOKENS:
        return None
    specs = kinds.arrays(kind).specs(state)
    return specs["ids"].codes if set(ARRAYS[Form.TOKENS]) <= set(specs) else None


def _begin_as(table: nn.Embedding, vectors: Array) -> None:
    """Put the teacher's word vectors (words, d) into a table, by their largest principal axes."""
    _, axes = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)
    reduced = vectors @ axes[:, ::-1][:, : table.embedding_dim]  # (words, at most the width)
    reduced *= _DEVIATION / max(float(reduced.std()), 1e-12)
    with torch.no_grad():
        table.weight[:, : reduced.shape[1]] = torch.from_numpy(reduced.astype(np.float32))


def _taught(
    signature: Signature, train: Examples, options: DistilOptions, teaching: Teacher, seed: int
) -> _Taught:
    """Return the inputs of the training rows, of the rows without labels, and of what is made of the former."""
    more, notices = teaching.unlabelled()
    made = further_rows.variants(signature, train.columns, options.variants, seed)
    return _Taught(
        {
            one.name: [*train.columns[one.name], *more.get(one.name, ()), *made[one.name]]
            for one in signature.inputs
        },
        notices,
    )


def _as_examples(taught: _Taught, train: Examples) -> Examples:
    """Return as many rows as are learned from, for what they cost: the truths are those of training rows, repeated."""
    count = len(taught)
    truths = {
        name: [column[row % len(train)] for row in range(count)]
        for name, column in train.columns.items()
        if name not in taught.columns
    }
    return Examples([str(row) for row in range(count)], {**taught.columns, **truths})


def _answer_s(teaching: Teacher, taught: _Taught) -> float:
    """Return the seconds that the teacher takes for a row."""
    some = {name: column[:_TIMED] for name, column in taught.columns.items()}
    count = min(_TIMED, len(taught))
    teaching.answers(some)  # warms up
    begun = timing.now_s()
    teaching.answers(some)
    return (timing.now_s() - begun) / count


def _answers(
    teaching: Teacher, taught: _Taught, network: Network, scratch: Path, progress: Progress
) -> dict[str, Array]:
    """Return the teacher's array of each output, (n, …), kept in `scratch` for a resumed run."""
    kept = scratch / _ANSWERS
    if kept.is_file():
        found: dict[str, Array] = load_file(kept)
        return {name: found[str(place)] for place, name in enumerate(network.outputs)}
    with progress.task(str(Phrase("work.asking-teacher")), 1) as task:
        arrays = teaching.answers(taught.columns)
        task.advance()
    answered = {
        name: np.ascontiguousarray(arrays[name][head.task.array], np.float32)
        for name, head in network.tasks().items()
    }
    half = kept.with_suffix(".part")
    save_file({str(place): answered[name] for place, name in enumerate(network.outputs)}, half)
    half.replace(kept)
    return answered


def _rows(
    signature: Signature,
    begin: StartingPoint,
    train: Examples,
    taught: _Taught,
    answered: Mapping[str, Array],
) -> EncodedRows:
    """Return the rows that the student learns from, with truths where there are some and the teacher's answers."""
    own = EncodedRows(signature, begin.states, train.columns).truths
    rows = EncodedRows(signature, begin.states, taught.columns)
    # where `cached_property` looks: these are known already
    rows.__dict__["truths"] = {name: truths_of(own[name], answered[name]) for name in own}
    return rows


def _slow(teacher_s: float, budget_s: float, training: DistilTraining) -> list[Notice]:
    """Return a warning where the teacher's answers leave the student little of the budget."""
    if training.epochs is not None or teacher_s <= _MOST_OF_BUDGET * budget_s:
        return []
    enough = format_quantity(teacher_s / _MOST_OF_BUDGET, Unit.SECONDS)
    return [
        Notice(
            "distil.slow-teacher",
            share=teacher_s / budget_s,
            seconds=teacher_s,
            line=f"learn: {{budget: {enough}}}",
        )
    ]


def _unknown(signature: Signature, data: Rows, teaching: Teacher) -> list[Notice]:
    """Return a warning for each output with truths that the teacher never answers: the student cannot either."""
    found = []
    for one in signature.outputs:
        values = [value for value in data.train.columns[one.name] if value is not None]
        rows = {
            name: [column[row] for row, value in enumerate(data.train.columns[one.name]) if value is not None]
            for name, column in data.train.columns.items()
        }
        truths = kinds.arrays(one.kind).encode_truth(values, rows, teaching.states[one.name])
        lost = int((truths["index"] < 0).sum()) if "index" in truths else 0
        if lost:
            found.append(Notice("distil.unknown-truths", column=one.name, count=lost, rows=len(values)))
    return found


def _recipe(
    signature: Signature, begin: StartingPoint, options: DistilOptions, training: DistilTraining
) -> Recipe:
    return Recipe(
        learning_rate=training.learning_rate if options.pretrained is None else options.pretrained_rate,
        head_rate=options.pretrained_rate if _has_teachers_heads(begin, options) else training.learning_rate,
        heads_stated=options.pretrained is not None,
        layer_decay=1.0,
        weight_decay=training.weight_decay,
        label_smoothing=training.label_smoothing,
        optimiser=training.optimiser,
        schedule=schedule_of(training.schedule, "one-cycle"),
        loss=training.loss,
        regularisation=training.regularisation,
        dropout=options.dropout,
        averaging=training.averaging,
        weights=options.weights,
        patience=training.patience,
        growth=training.growth,
        stop_at=goal(training.stop_at, signature),
        noisy=True,
    )


def _has_teachers_heads(begin: StartingPoint, options: DistilOptions) -> bool:
    """Tell whether heads began as the teacher's: they read what the encoder gives as it is, as all others do not."""
    return options.pretrained is not None and not begin.network.plan.scaled
