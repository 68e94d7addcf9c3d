"""The facet `learn` of learners whose encoder reads texts in windows; what differs is their heads, by array form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.locating import window_training
from modelwright.learners.locating.reading_options import ReadingOptions, ReadingTraining
from modelwright.storage.formats.plan import Machine


class WindowedLearn(Learn[Rows]):
    """Trains on windows over the texts."""

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
        """Time a few steps on windows of every length, and turn the budget into steps."""
        assert isinstance(options, ReadingOptions)
        assert isinstance(training, ReadingTraining)
        return window_training.forecast(signature, data, options, training, pretrained, machine, budget_s)

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Train, keep what validation likes best, and calibrate on validation."""
        return window_training.learn(signature, data, setup, out, scratch, progress)

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Answer with torch."""
        return window_training.predict(learned, inputs)
