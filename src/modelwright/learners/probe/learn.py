"""A linear probe: a pretrained encoder as it is, and linear heads on its features (Alain and Bengio 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.messages import Phrase
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.learners import devices
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.probe.spec import ProbeOptions, ProbeTraining
from modelwright.learners.training import frozen_features, head_fits, learned_folder, linear_fit, sample
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.sample import Sample
from modelwright.learners.training.starting_point import COMPARED, starting_point, unread
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.plan import Machine

_MOST_ITERATIONS, _FEWEST_ITERATIONS = 100, 20  # of L-BFGS, a strength


class ProbeLearn(Learn[Rows]):
    """Fits linear heads on the features of a frozen pretrained encoder."""

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
        """Time the features of a few batches of every length, and a few iterations."""
        assert isinstance(options, ProbeOptions)
        assert isinstance(training, ProbeTraining)
        rows = len(data.train)
        with deterministic(1, seed=0):
            begin = starting_point(signature, data.train, pretrained, options.model_dump(), COMPARED)
            some = Sample.of_examples(signature, begin.states, data.train)
            latency_s = some.request_s(begin.network)
            execution = devices.execution(training.device, machine)
            begin.network.to(execution.device)
            row_s = some.row_s(begin.network, frozen_features.BATCH, machine.cores)
            iteration_s = head_fits.iteration_s(begin.network, some, machine.cores)
        start_s = sample.ending_s(begin.network) + begin.seconds
        features_s = (row_s + some.encode_row_s) * (rows + data.expected_validation)
        fits = len(_strengths(training))
        left = max(0.0, budget_s - start_s - features_s) / (iteration_s * fits)
        steps = training.epochs or int(min(_MOST_ITERATIONS, max(_FEWEST_ITERATIONS, left)))
        return Estimate(
            steps=steps,
            batch=frozen_features.BATCH,
            epochs=float(steps),  # an iteration goes over all rows
            seconds=start_s + features_s + steps * fits * iteration_s,
            memory_bytes=peak_memory_bytes() + 3 * 4 * rows * begin.network.combiner.width,
            package_bytes=sample.package_bytes(signature, begin.network, begin.states),
            compressible_bytes=sample.compressible_bytes(begin.network),
            latency_s=latency_s,
            why=Phrase(
                "probe.why", row_ms=row_s * 1e3, rows=rows, features_s=features_s, iterations=steps, fits=fits
            ),
            warnings=tuple(unread(begin, signature, data.train)),
            execution=execution,
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Compute the features once, fit every head on them, and calibrate on validation."""
        options, training = setup.options, setup.training
        assert isinstance(options, ProbeOptions)
        assert isinstance(training, ProbeTraining)
        device = setup.execution.device
        with deterministic(setup.threads, setup.seed, device):
            begin = starting_point(signature, data.train, setup.pretrained, options.model_dump(), COMPARED)
            begin.network.to(device)
            fitted = head_fits.fit(
                begin.network,
                EncodedRows(signature, begin.states, data.train.columns),
                EncodedRows(signature, begin.states, data.held.columns),
                iterations=setup.steps,
                strengths=_strengths(training),
                smoothing=training.label_smoothing,
                scratch=scratch,
                progress=progress,
            )
        states = learned_folder.calibrated(signature, begin.states, begin.network, fitted.answers, data.held)
        learned_folder.write(out, setup.learner, signature, states, begin.network)
        return {"history": fitted.history, "chosen": fitted.chosen}

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Answer with torch."""
        return learned_folder.predict(learned, inputs)


def _strengths(training: ProbeTraining) -> tuple[float, ...]:
    return linear_fit.STRENGTHS if training.weight_decay is None else (training.weight_decay,)
