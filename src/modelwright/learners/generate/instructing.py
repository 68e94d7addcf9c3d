"""Instruction tuning: a decoder trained further on the answers of a project's rows."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from tokenizers import Tokenizer

from modelwright.core.messages import Notice, Phrase, Problem, ProjectError
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.learners import devices, timing
from modelwright.learners.budget import TrainingCosts, by_processes, exchange_s
from modelwright.learners.causal.causal_objective import CausalObjective
from modelwright.learners.causal.preference_objective import PairRows, PreferenceObjective
from modelwright.learners.causal.token_rows import TokenRows
from modelwright.learners.causal.verdict_objective import VerdictObjective, VerdictRows
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.contract.training import Precision
from modelwright.learners.descent import divergence, plain_run, trainer
from modelwright.learners.descent.plain_run import Batch, PlainRecipe, PlainRun
from modelwright.learners.generate import from_scratch, preferring
from modelwright.learners.generate.answer_rows import AnswerReader, AnswerRows
from modelwright.learners.generate.spec import MOST_CONTEXT, GenerateOptions, GenerateTraining
from modelwright.learners.generate.weights_folder import DecoderWeights
from modelwright.learners.networks.decoders import llama
from modelwright.learners.steps.schedule import schedule_of
from modelwright.learners.training import gpus, precision
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.sample import LOADING_S, ending_s
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Execution, Machine

_RATES = {"full": 5e-5, "lora": 5e-4}
_PREFER_RATES = {"full": 5e-6, "lora": 1e-4}
_RATE_FROM_NOTHING = 3e-3
_EPOCHS, _EPOCHS_FROM_NOTHING = 3, 100  # most passes that a budget is turned into
_HELD = 128  # rows of validation, evenly spaced, whose answers' loss decides which weights are kept
_SIDES = ("answer", "beside")  # of a row with two answers
_MANY_STEPS = 10**6  # of the schedule while steps are timed


@dataclass(frozen=True)
class _Begin:
    """A decoder before its first step, and the rows that it learns from."""

    weights: DecoderWeights
    decoder: llama.Decoder
    read: AnswerRows
    reader: AnswerReader
    context: int

    options: GenerateOptions

    @property
    def rows(self) -> TokenRows | PairRows | VerdictRows:
        return self.read.rows

    @property
    def forward_share(self) -> float:
        """Return which share of a step's time it takes to read its rows once: backwards takes twice as long."""
        # of verdicts answers astray are read forwards alone: 2 of 4
        return 1 / 2 if isinstance(self.rows, VerdictRows) else 1 / 3

    def objective(
        self, numbers: str, device: str, processes: int
    ) -> CausalObjective | PreferenceObjective | VerdictObjective:
        """Return what is made small; numbers: the type in which products are computed; processes: that read steps."""
        prefer, rows, decoder = self.options.prefer, self.rows, self.decoder
        if prefer is None:
            return CausalObjective(decoder, numbers, device, processes)
        beta, kept = prefer.beta, prefer.kept
        if isinstance(rows, VerdictRows):
            shares = rows.shares(prefer.liked)
            return VerdictObjective(decoder, beta, kept, shares, numbers, device, processes)
        return PreferenceObjective(decoder, beta, kept, numbers, device, processes)

    def notices(self) -> Iterator[Notice]:
        most = MOST_CONTEXT if self.options.from_nothing else self.decoder.shape.context
        return self.read.notices(self.context, most)

    def written(self, batch: Batch) -> list[dict[str, Any]]:
        """Return rows as the file of a loss that is no number has them: all that is read, as text."""
        tokenizer, rows = Tokenizer.from_str(self.weights.tokenizer.decode()), self.rows
        sides = {"read": rows} if isinstance(rows, TokenRows) else dict(zip(_SIDES, rows.sides, strict=True))
        return [
            {
                "row": row,
                **{
                    name: divergence.shown(tokenizer.decode(of.ids(row), skip_special_tokens=False))
                    for name, of in sides.items()
                },
            }
            for row in batch.tolist()
        ]

    def held(self, examples: Examples) -> TokenRows | PairRows | VerdictRows:
        """Return the rows of validation that are answered."""
        some = examples.spaced(_HELD)
        if self.options.prefer is None:
            return self.reader.read(some).rows
        verdicts = isinstance(self.rows, VerdictRows)
        return (self.reader.read_verdicts(some) if verdicts else self.reader.read_pairs(some)).rows


def forecast(
    signature: Signature,
    data: Rows,
    options: GenerateOptions,
    training: GenerateTraining,
    folder: Path,
    machine: Machine,
    budget_s: float,
) -> Estimate:
    """Time a part of a step, and turn the budget into steps."""
    with deterministic(1, seed=0):
        begun = timing.now_s()
        begin = _begin(signature, data.train, options, folder)
        begin_s = timing.now_s() - begun
        _adapt(begin.decoder, options)
        rows = begin.rows
        batch = min(training.batch, len(rows))
        execution = devices.execution(training.device, machine, training.processes)
        processes = execution.processes
        begin.decoder.to(execution.device)
        typical = _typical(rows, batch)
        timed = partial(
            _timed,
            begin,
            typical,
            options,
            training,
            threads=max(1, machine.cores // processes),
            execution=execution,
        )
        found: dict[str, tuple[float, float]] = {}

        def step_s(tried: Precision) -> float:
            found[tried] = timed(tried)
            return found[tried][0]

        computed_in, _ = precision.quickest(training.precision, step_s, execution.device)
        part_s, update_s = found[computed_in]
        one_s, _ = timed(computed_in, threads=machine.cores) if processes > 1 else (part_s, 0.0)
    epoch = trainer.epoch_steps(len(rows), batch)
    # of the first process, and of all: what one alone would read
    parts, whole = (_parts_of_an_epoch(begin, batch, typical, execution, every) for every in (processes, 1))
    shared_s = part_s * parts / epoch + update_s + exchange_s(begin.decoder, processes)
    one_step_s = one_s * whole / epoch + update_s
    slower = [by_processes(execution, shared_s, one_step_s, machine.cores)] if processes > 1 else []
    held = min(_HELD, data.expected_validation)
    row_s = part_s * whole / len(rows) * begin.forward_share  # without gradients
    # of preferences, what the decoder gives to the answers before it learns, and at most 128 of them afterwards
    known_s = row_s * (len(rows) + held + 2 * _HELD) if options.prefer is not None else 0.0
    before_s = ending_s(begin.decoder) + begin_s * (1 + held / len(rows))
    if processes > 1:  # the others begin as the first has begun
        before_s = LOADING_S + 2 * before_s
    costs = TrainingCosts(
        before_s=before_s + known_s,
        step_s=shared_s,
        row_s=row_s,
        epoch=epoch,
        validation=held,
        precision=computed_in,
        execution=execution,
    )
    most = epoch * (options.most_epochs or (_EPOCHS_FROM_NOTHING if options.from_nothing else _EPOCHS))
    steps = epoch * training.epochs if training.epochs else costs.affordable(budget_s, most)
    learned = sum(one.numel() for one in begin.decoder.parameters() if one.requires_grad)
    size = sum(one.nbytes for one in begin.weights.tensors.values()) + len(begin.weights.tokenizer)
    return Estimate(
        steps=steps,
        batch=batch,
        epochs=steps / epoch,
        seconds=costs.seconds(steps),
        # the weights that are read beside those that learn, until the decoder has them
        memory_bytes=peak_memory_bytes(),
        package_bytes=size,
        latency_s=_token_s(part_s, rows, typical) * options.max_tokens,
        why=Phrase(
            "generate.why-trained",
            learned=learned,
            batch=batch,
            step_s=costs.step_s,
            steps=steps,
            epochs=steps / epoch,
            rows=len(rows),
            tokens=float(rows.lengths.mean()),
            held=held,
        ),
        warnings=(
            *begin.notices(),
            *slower,
            *_unread(data.train, options),
            *_in_turns(signature, data.train, begin.weights),
            *endless(begin.weights, options),
        ),
        precision=computed_in,
        execution=execution,
    )


def learn(
    signature: Signature, data: Rows, setup: Setup, folder: Path, scratch: Path, progress: Progress
) -> tuple[DecoderWeights, dict[str, object]]:
    """Train, and return the weights whose answers validation foresees best, with what is said of it."""
    options, training = setup.options, setup.training
    assert isinstance(options, GenerateOptions)
    assert isinstance(training, GenerateTraining)
    device = setup.execution.device
    with deterministic(setup.threads, setup.seed, device):
        begin = _begin(signature, data.train, options, folder)
        held = begin.held(data.held)
        merge = _adapt(begin.decoder, options)
        decoder = begin.decoder.to(device)
        objective = begin.objective(setup.precision, device, setup.execution.processes)
        rows = begin.rows
        if not isinstance(objective, CausalObjective):
            assert not isinstance(rows, TokenRows)
            assert not isinstance(held, TokenRows)
            rows = preferring.with_reference(objective, rows, scratch / "reference-train.safetensors")
            held = preferring.with_reference(objective, held, scratch / "reference-held.safetensors")
        recipe = replace(_recipe(options, training), precision=setup.precision)
        run = PlainRun(objective, rows, recipe, steps=setup.steps, seed=setup.seed)
        run.written = begin.written
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
            ranks=setup.ranks,
        )
        found = _preferred(objective, options, rows, held)
        merge()
    tensors = {name: one.detach().cpu().numpy() for name, one in decoder.state_dict().items()}
    chosen = trainer.kept_score(history)
    summary: dict[str, object] = {
        "history": [asdict(one) for one in history],
        "chosen": asdict(chosen),
        **found,
    }
    if run.halvings:
        summary["warnings"] = [
            *found.get("warnings", []),
            Notice("learn.smaller-parts", share=2**run.halvings).to_wire(),
        ]
    return replace(begin.weights, tensors=tensors), summary


def _preferred(
    objective: CausalObjective | PreferenceObjective | VerdictObjective,
    options: GenerateOptions,
    rows: Any,
    held: Any,
) -> dict[str, Any]:
    """Return what a summary says of preferences, nothing where none were learned."""
    if options.prefer is None or isinstance(objective, CausalObjective):
        return {}
    of = {"train": rows, "validation": held}
    found = {name: preferring.measured(objective, one, options.prefer.beta) for name, one in of.items()}
    return {
        "preferred": {name: None if one is None else asdict(one) for name, one in found.items()},
        "warnings": [one.to_wire() for one in preferring.notices(found["train"], found["validation"])],
    }


def _begin(signature: Signature, train: Examples, options: GenerateOptions, folder: Path) -> _Begin:
    """Return where training begins; raises ProjectError where no row can be learned from."""
    weights = (
        from_scratch.drawn(signature, train, options.scratch, options.context, options.template)
        if options.from_nothing
        else DecoderWeights.read(folder)
    )
    decoder = llama.built(weights.config, weights.tensors)
    shape = decoder.shape
    context = shape.served(options.context)
    reader = AnswerReader(signature, weights, shape.words, context)
    if options.prefer is not None and train.less_liked is None:
        raise ProjectError(Problem("generate.no-preferences").at("model.prefer"))
    if options.prefer is None:
        read = reader.read(train, packs=True)
    else:
        read = (reader.read_verdicts if _has_verdicts(signature, train) else reader.read_pairs)(train)
    if not len(read.rows):
        reasons = [str(one.values["reason"]) for one in read.notices(context, shape.context)]
        prefers = {PairRows: "pairs", VerdictRows: "verdicts"}.get(type(read.rows))
        raise ProjectError(Problem("generate.no-rows", rows=len(train), reasons=reasons, prefers=prefers))
    if isinstance(read.rows, VerdictRows) and (good := read.rows.liked).all() | ~good.any():
        count = len(read.rows)
        raise ProjectError(
            Problem("generate.one-verdict", rows=count, liked=bool(good.all())).at("model.prefer")
        )
    return _Begin(weights, decoder, read, reader, context, options)


def _has_verdicts(signature: Signature, train: Examples) -> bool:
    """Tell whether rows have one answer each, a truth or one that was not liked, and no row has both."""
    truths = train.columns[signature.outputs[0].name]
    return all(
        one is None or other is None for one, other in zip(truths, train.less_liked or (), strict=True)
    )


def _adapt(decoder: llama.Decoder, options: GenerateOptions) -> Callable[[], object]:
    """Settle what of a decoder learns, and return what adds adapters to the weights beside which they stand.

    Raises ProjectError where the library of adapters is not there.
    """
    if options.train == "lora":
        if importlib.util.find_spec("peft") is None:
            raise ProjectError(Problem("finetune.no-peft"))
        from modelwright.learners.networks import adapters  # PEFT

        adapters.insert_into(decoder, decoder.model.layers, options.lora.rank, options.lora.alpha)
        return partial(adapters.merge, decoder)
    if options.freeze_words and not options.from_nothing:
        decoder.model.embed_tokens.requires_grad_(requires_grad=False)
    return lambda: None  # nothing stands beside the weights


def _recipe(options: GenerateOptions, training: GenerateTraining) -> PlainRecipe:
    return PlainRecipe(
        rate=training.learning_rate or _rate(options),
        decay=training.weight_decay,
        average=training.averaging,
        schedule=schedule_of(training.schedule, "linear"),
        optimiser=training.optimiser,
    )


def _rate(options: GenerateOptions) -> float:
    """Return the peak rate where none is stated; of what begins from nothing, preferences take that of all weights."""
    prefers = options.prefer is not None
    if options.from_nothing and not prefers:
        return _RATE_FROM_NOTHING
    return rate_of("lora" if options.train == "lora" else "full", prefers=prefers)


def rate_of(train: Literal["lora", "full"], *, prefers: bool) -> float:
    """Return the peak rate of adapters or of all weights, of answers or of preferences."""
    return (_PREFER_RATES if prefers else _RATES)[train]


def _typical(rows: TokenRows | PairRows | VerdictRows, batch: int) -> Batch:
    """Return the rows whose length lies in the middle, as many as a step reads at most."""
    order = np.argsort(rows.lengths, kind="stable")
    begin = max(0, (len(order) - batch) // 2)
    return order[begin : begin + batch]


def _timed(
    begin: _Begin,
    typical: Batch,
    options: GenerateOptions,
    training: GenerateTraining,
    tried: Precision,
    *,
    threads: int,
    execution: Execution,
) -> tuple[float, float]:
    """Return the seconds of a part of a step, forwards and backwards, and those of the optimiser's update."""
    device = execution.device
    objective: Any = begin.objective(tried, device, execution.processes)
    # a rate of 0 takes as long, and leaves the weights as they are
    still = replace(_recipe(options, training), rate=0.0, precision=tried)
    run = PlainRun(objective, begin.rows, still, steps=_MANY_STEPS, seed=0)
    part, _ = next(iter(objective.parts(begin.rows, typical)))
    with gpus.using(threads):
        run.learn(part)  # the first step allocates the moments
        read_s = gpus.seconds_in_use([partial(objective.read, begin.rows, part)], torch.device(device))
        whole_s = gpus.seconds_in_use([partial(run.learn, part)], torch.device(device))
    begin.decoder.zero_grad()
    return read_s, max(0.0, whole_s - read_s)


def _parts_of_an_epoch(begin: _Begin, batch: int, typical: Batch, execution: Execution, every: int) -> float:
    """Return how many times the tokens of the part that was timed an epoch reads, filled up as it is read.

    every: of so many parts of a step one, the first among them.
    """
    objective: Any = begin.objective("float32", execution.device, execution.processes)
    rows = begin.rows
    timed, _ = next(iter(objective.parts(rows, typical)))

    def tokens(part: Batch) -> int:
        return int(rows.lengths[part].max()) * len(part)

    drawn = rows.shuffled(batch, 0, 0)
    read = sum(tokens(part) for one in drawn for part, _ in list(objective.parts(rows, one))[::every])
    return read / tokens(timed)


def _token_s(part_s: float, rows: TokenRows | PairRows | VerdictRows, typical: Batch) -> float:
    """Return about the seconds of a token that is written; written by itself, it takes longer than among others."""
    return part_s / max(1, int(rows.lengths[typical].max()))


def _unread(train: Examples, options: GenerateOptions) -> Iterator[Notice]:
    """Yield that rejected answers are not read, where rows have some."""
    if options.prefer is None and any(one is not None for one in train.less_liked or ()):
        yield Notice("generate.preferences-unread", line=setting("model.prefer", {"beta": 0.1}))


def _in_turns(signature: Signature, train: Examples, weights: DecoderWeights) -> Iterator[Notice]:
    """Yield of how many rows nothing asks for the text, where the template takes it for an answer to nothing."""
    template = weights.template
    if template is None or template.goes_on:
        return
    inputs = [train.columns[field.name] for field in signature.inputs]
    count = sum(all(one is None for one in row) for row in zip(*inputs, strict=True))
    if count:
        tokenizer = Tokenizer.from_buffer(weights.tokenizer)
        # what ends a text stands before the next one, so that something foresees its first token
        opening = "".join(tokenizer.id_to_token(one) or "" for one in weights.ends[:1])
        line = setting("model.template", {**({"opening": opening} if opening else {}), "goes_on": True})
        yield Notice("generate.documents-in-turns", count=count, rows=len(train), line=line)


def endless(weights: DecoderWeights, options: GenerateOptions) -> Iterator[Notice]:
    """Yield that no token ends an answer, where the weights name none."""
    if not weights.ends:
        yield Notice("generate.no-end", most=options.max_tokens)
