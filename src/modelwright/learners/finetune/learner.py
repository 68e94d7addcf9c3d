"""Fine-tuning: a linear probe first, then the whole encoder with it (Kumar et al. 2022, LP-FT)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Option

from modelwright.core.messages import Problem, ProjectError
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Array
from modelwright.learners.base import Forecast, Learner, Machine, Setup, Training
from modelwright.learners.networks import network as networks
from modelwright.learners.networks.network import Network
from modelwright.learners.training import features as _features
from modelwright.learners.training import head_fits as _heads
from modelwright.learners.training import learned_folder as _learned
from modelwright.learners.training import start as _start
from modelwright.learners.training import trainer as _trainer
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import Rows
from modelwright.learners.training.trainer import Recipe
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.rows import Examples

# Chosen on validation of Banking77 (MiniLM, 3 epochs); docs of the learner give the figures.
_BATCH, _LEARNING_RATE, _WEIGHT_DECAY, _LABEL_SMOOTHING = 32, 2e-4, 0.01, 0.1
_HEAD_ITERATIONS, _HEAD_STRENGTHS = 60, (100.0, 30.0, 10.0)  # of the probe that training starts from
_SPARE = 0.05  # of the budget, for a machine that is busier later
_FEWEST_EPOCHS = 2  # fewer rarely reach what the learner can do


class FinetuneOptions(BaseModel):
    """The keys of `model:` that fine-tuning takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pooling: Literal["mean", "first"] | None = Option(
        None, description="how tokens become one vector; None: as the pretrained folder says, else their mean"
    )
    max_length: int | None = Option(
        None, ge=3, description="most tokens of a text; None: 99 % of the training texts are kept whole"
    )
    start: Literal["probe", "random"] = Option(
        "probe", description="where the heads start: fitted on the untrained encoder's features, or at random"
    )
    freeze_words: bool = Option(True, description="leave the word vectors as they were pretrained")
    head_rate: float = Option(1e-3, gt=0, description="peak learning rate of what is not pretrained")
    layer_decay: float = Option(
        0.9, gt=0, le=1, description="learning rate of a layer as a share of the rate of the one above it"
    )
    warmup: float = Option(0.1, ge=0, lt=1, description="share of the steps in which the rates rise")
    dropout: float = Option(0.1, ge=0, lt=1, description="share of the features that a step leaves out")
    average: float = Option(
        0.99, ge=0, lt=1, description="decay of the moving average of the weights, which is what is kept"
    )
    most_epochs: int = Option(10, ge=1, description="most passes that a budget is turned into")
    weights: dict[str, float] = Option({}, description="output → weight of its loss; 1 where none is given")


class Finetune(Learner):
    """A pretrained encoder, trained further together with its heads."""

    name: ClassVar[str] = "finetune"
    summary: ClassVar[str] = "a pretrained encoder, trained further on your data; the most accurate on text"
    Options: ClassVar[type[BaseModel]] = FinetuneOptions
    takes: ClassVar[frozenset[str]] = frozenset(
        {"epochs", "batch", "learning_rate", "weight_decay", "label_smoothing", "patience"}
    )
    needs_pretrained: ClassVar[bool] = True
    compresses: ClassVar[bool] = True
    rank: ClassVar[int] = 2
    fewest_epochs: ClassVar[int] = 3

    def refuses(self, signature: Signature) -> str | None:
        """Return why not: it reads at least one text, and answers categories, numbers and truth values."""
        return networks.refuses(signature)

    def forecast(
        self,
        signature: Signature,
        train: Examples,
        options: BaseModel,
        training: Training,
        pretrained: Path | None,
        machine: Machine,
        budget_s: float,
    ) -> Forecast:
        """Time a few steps on batches of every length, and turn the budget into steps."""
        assert isinstance(options, FinetuneOptions)
        _require_outputs(signature, options)
        batch = min(training.batch or _BATCH, max(1, len(train)))
        with deterministic(machine.cores, seed=0):
            begin = _start.start(signature, train, pretrained, options.pooling, options.max_length)
            _freeze(begin.network, options)
            sample = _start.Sample.of_examples(signature, begin.states, train)
            latency_s = sample.request_s(begin.network)
            row_s = sample.row_s(begin.network, _features.BATCH)
            iteration_s = _heads.iteration_s(begin.network, sample)
            timed = sample.batches(batch)
            step_s = _trainer.step_s(begin.network, sample.rows, _recipe(options, training), timed)
        held_s = row_s * len(train) * _start.VALIDATION_SHARE
        before_s = _start.STARTUP_S
        if options.start == "probe":
            before_s += row_s * len(train) + held_s
            before_s += iteration_s * _HEAD_ITERATIONS * len(_HEAD_STRENGTHS)
        epoch = _trainer.epoch_steps(len(train), batch)
        epoch_s = epoch * step_s + held_s
        steps = epoch * (training.epochs or options.most_epochs)
        if training.epochs is None:
            affordable = (budget_s * (1 - _SPARE) - before_s) / (epoch_s / epoch)
            steps = int(max(1, min(steps, affordable)))
        epochs = steps / epoch
        few = f"; fewer than {_FEWEST_EPOCHS} fit, and a larger learn.budget would help"
        return Forecast(
            steps=steps,
            batch=batch,
            seconds=before_s + steps * step_s + held_s * len(_trainer.evaluation_steps(steps, epoch)),
            memory_bytes=peak_memory_bytes() + 3 * 4 * len(train) * begin.network.combiner.width,
            package_bytes=_start.package_bytes(begin.network, begin.states),
            latency_s=latency_s,
            why=f"a step of {batch} rows took {step_s * 1e3:.3g} ms; after {before_s:.0f} s for the start, "
            f"{steps} steps are {epochs:.2g} passes over {len(train)} rows"
            + (few if epochs < _FEWEST_EPOCHS and training.epochs is None else ""),
            warnings=_start.warnings(signature, begin.states, train),
        )

    def learn(
        self,
        signature: Signature,
        train: Examples,
        validation: Examples,
        setup: Setup,
        out: Path,
        scratch: Path,
        progress: Progress,
    ) -> dict[str, Any]:
        """Fit the heads, train everything, keep what validation likes best, and calibrate on validation."""
        assert isinstance(setup.options, FinetuneOptions)
        options = setup.options
        _require_outputs(signature, options)
        with deterministic(setup.threads, setup.seed):
            begin = _start.start(signature, train, setup.pretrained, options.pooling, options.max_length)
            network = begin.network
            rows = Rows(signature, begin.states, train.columns)
            held = Rows(signature, begin.states, validation.columns)
            if options.start == "probe" and not _trainer.has_checkpoint(scratch):
                _heads.fit(
                    network,
                    rows,
                    held,
                    iterations=_HEAD_ITERATIONS,
                    strengths=_HEAD_STRENGTHS,
                    smoothing=0.0,
                    scratch=scratch,
                    progress=progress,
                )
            _freeze(network, options)
            history = _trainer.train(
                network,
                rows,
                held,
                _recipe(options, setup.training),
                steps=setup.steps,
                batch=setup.batch,
                seed=setup.seed,
                scratch=scratch,
                progress=progress,
            )
            answers = _features.answers(network, held)
        states = _learned.calibrated(signature, begin.states, network, answers, validation)
        _learned.write(out, self.name, signature, states, network, begin.config)
        best = min(history, key=lambda score: (score.wrong, score.loss, score.step))
        return {"history": [asdict(score) for score in history], "chosen": asdict(best)}

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, Array]]:
        """Answer with torch."""
        return _learned.predict(learned, inputs)


def _recipe(options: FinetuneOptions, training: Training) -> Recipe:
    def chosen(value: float | None, default: float) -> float:
        return default if value is None else value

    return Recipe(
        learning_rate=chosen(training.learning_rate, _LEARNING_RATE),
        head_rate=options.head_rate,
        layer_decay=options.layer_decay,
        weight_decay=chosen(training.weight_decay, _WEIGHT_DECAY),
        label_smoothing=chosen(training.label_smoothing, _LABEL_SMOOTHING),
        warmup=options.warmup,
        dropout=options.dropout,
        average=options.average,
        weights=options.weights,
        patience=training.patience,
    )


def _freeze(network: Network, options: FinetuneOptions) -> None:
    if options.freeze_words:
        network.text.words().requires_grad_(requires_grad=False)


def _require_outputs(signature: Signature, options: FinetuneOptions) -> None:
    known = {field.name for field in signature.outputs}
    if unknown := sorted(set(options.weights) - known):
        raise ProjectError(
            Problem(
                "model.unknown-output",
                "model.weights names outputs of the function",
                ", ".join(f"`{name}`" for name in unknown),
                f"the outputs are {', '.join(sorted(known))}",
            )
        )
