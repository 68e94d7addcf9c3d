"""The facet `learn`: forecasts, learns and answers in the learner's own framework. Loaded when it is used.

The order of calls: `forecast` (in `plan`, on training rows alone) → `learn` (with what `plan` sealed; again
after a kill, with the same scratch folder) → `predict` (in `package`, beside the exported body). How what was
learned becomes a body stands apart, in the facet `export`, so that a change there learns nothing again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel

from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Array
from modelwright.learners.contract.rate_sweep import RateSweep
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.storage.formats.plan import Machine

Data_contra = TypeVar("Data_contra", contravariant=True)  # what the source gives: `Rows`, …
Predicted = dict[str, dict[str, Array]]
"""Output → array → values, (rows, …), named as the kind's arrays facet names them."""


class Learn(ABC, Generic[Data_contra]):
    """Learns a body. Abstract; every learner has one final subclass in its file `learn.py`.

    `Data_contra` is what the source of its specification gives: `class NearestLearn(Learn[Rows])` for `rows`.
    """

    @abstractmethod
    def forecast(
        self,
        signature: Signature,
        data: Data_contra,
        options: BaseModel,
        training: BaseModel,
        pretrained: Mapping[str, Path],
        machine: Machine,
        budget_s: float,
    ) -> Estimate:
        """Time a few untrained steps here and say what fits into the budget.

        signature: every kind known; data: without validation rows; options, training: of the specification's
        classes; pretrained: input → the folder of its weights, where the specification takes some; machine: `cores` is
        how many threads will learn; budget_s: seconds of learning on a quiet machine. Times are CPU time (see
        `learners.timing`), so that a busy machine makes no smaller plan. Raises DataError where nothing can be
        learned from the rows.
        """

    @abstractmethod
    def learn(
        self,
        signature: Signature,
        data: Data_contra,
        setup: Setup,
        out: Path,
        scratch: Path,
        progress: Progress,
    ) -> dict[str, object]:
        """Learn into the folder `out` and return a JSON summary (the history, the chosen checkpoint).

        data: training and validation rows; checkpoint and calibration are chosen on validation. setup: what
        `plan` sealed; the bits follow from it and the data alone. out: an empty folder; it holds no path and
        no pickle in the end. scratch: outlives a kill; a rerun finds there what the last one left, and must
        end with the same bytes in `out` as an unbroken run. progress: where steps are reported.
        """

    def rates(
        self, signature: Signature, data: Data_contra, setup: Setup, budget_s: float, progress: Progress
    ) -> RateSweep | None:
        """Return the loss on training batches while the rate rises; None of a learner that has no such test.

        budget_s: CPU seconds that it may take, but for what goes before the first step; nothing is kept.
        """
        return None

    @abstractmethod
    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Answer in the learner's own framework, for parity after export.

        learned: the folder that `learn` wrote; inputs: field name → canonical values (None: missing). Of an output that
        is written the truths stand among them: how likely each is (`LIKELIHOOD`) is compared, and nothing is written.
        """
