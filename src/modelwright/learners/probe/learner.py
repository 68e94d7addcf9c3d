"""A linear probe: a pretrained encoder as it is, and linear heads on its features (Alain and Bengio 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Option

from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Array
from modelwright.learners.base import Forecast, Learner, Machine, Setup, Training
from modelwright.learners.networks import network as networks
from modelwright.learners.training import features as _features
from modelwright.learners.training import head_fits as _heads
from modelwright.learners.training import learned_folder as _learned
from modelwright.learners.training import linear_fit as _linear
from modelwright.learners.training import start as _start
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import Rows
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.rows import Examples

_MOST_ITERATIONS, _FEWEST_ITERATIONS = 100, 20  # of LBFGS, a strength


class ProbeOptions(BaseModel):
    """The keys of `model:` that a probe takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pooling: Literal["mean", "first"] | None = Option(
        None, description="how tokens become one vector; None: as the pretrained folder says, else their mean"
    )
    max_length: int | None = Option(
        None, ge=3, description="most tokens of a text; None: 99 % of the training texts are kept whole"
    )


class Probe(Learner):
    """Linear heads on the features of a frozen pretrained encoder."""

    name: ClassVar[str] = "probe"
    summary: ClassVar[str] = "linear heads on a frozen pretrained encoder; learns in a minute or two"
    Options: ClassVar[type[BaseModel]] = ProbeOptions
    # A step is one iteration of LBFGS over all rows, so an epoch is a step.
    takes: ClassVar[frozenset[str]] = frozenset({"epochs", "weight_decay", "label_smoothing"})
    needs_pretrained: ClassVar[bool] = True
    compresses: ClassVar[bool] = True
    rank: ClassVar[int] = 1

    def refuses(self, signature: Signature) -> str | None:
        """Return why not: a probe reads at least one text, and answers categories, numbers and truth values."""
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
        """Time the features of a few batches of every length, and a few iterations."""
        assert isinstance(options, ProbeOptions)
        with deterministic(machine.cores, seed=0):
            begin = _start.start(signature, train, pretrained, options.pooling, options.max_length)
            sample = _start.Sample.of_examples(signature, begin.states, train)
            row_s = sample.row_s(begin.network, _features.BATCH)
            latency_s = sample.request_s(begin.network)
            iteration_s = _heads.iteration_s(begin.network, sample)
        features_s = row_s * len(train) * (1 + _start.VALIDATION_SHARE)
        fits = len(_strengths(training))
        left = max(0.0, budget_s - _start.STARTUP_S - features_s) / (iteration_s * fits)
        steps = training.epochs or int(min(_MOST_ITERATIONS, max(_FEWEST_ITERATIONS, left)))
        return Forecast(
            steps=steps,
            batch=_features.BATCH,
            seconds=_start.STARTUP_S + features_s + steps * fits * iteration_s,
            memory_bytes=peak_memory_bytes() + 3 * 4 * len(train) * begin.network.combiner.width,
            package_bytes=_start.package_bytes(begin.network, begin.states),
            latency_s=latency_s,
            why=f"the features of a row took {row_s * 1e3:.2g} ms, {len(train)} rows about {features_s:.0f} s; "
            f"then at most {steps} iterations for each of {fits} strengths of L2",
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
        """Compute the features once, fit every head on them, and calibrate on validation."""
        assert isinstance(setup.options, ProbeOptions)
        options = setup.options
        with deterministic(setup.threads, setup.seed):
            begin = _start.start(signature, train, setup.pretrained, options.pooling, options.max_length)
            fitted = _heads.fit(
                begin.network,
                Rows(signature, begin.states, train.columns),
                Rows(signature, begin.states, validation.columns),
                iterations=setup.steps,
                strengths=_strengths(setup.training),
                smoothing=setup.training.label_smoothing or 0.0,
                scratch=scratch,
                progress=progress,
            )
        states = _learned.calibrated(signature, begin.states, begin.network, fitted.answers, validation)
        _learned.write(out, self.name, signature, states, begin.network, begin.config)
        return {"history": fitted.history, "chosen": fitted.chosen}

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, Array]]:
        """Answer with torch."""
        return _learned.predict(learned, inputs)


def _strengths(training: Training) -> tuple[float, ...]:
    return _linear.STRENGTHS if training.weight_decay is None else (training.weight_decay,)
