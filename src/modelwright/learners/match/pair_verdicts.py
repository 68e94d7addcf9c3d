"""Whether two texts belong together: the cosine of their vectors decides, of one encoder that reads each by itself.

A cross-encoder, which reads both in one sequence, is `finetune`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from modelwright.core.messages import Notice, Problem, ProjectError
from modelwright.core.messages.setting import setting
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.finetune.learn import FinetuneLearn
from modelwright.learners.finetune.spec import FinetuneOptions, FinetuneTraining
from modelwright.learners.match.spec import MatchOptions, MatchTraining
from modelwright.learners.training.starting_point import ALIKE, Scratch
from modelwright.storage.formats.plan import Machine


class VerdictLearn(FinetuneLearn):
    """Trains the encoder of both texts, and the line that makes a verdict of their cosine."""

    design: ClassVar[Scratch] = ALIKE
    begun_on: ClassVar[int | None] = 2_000  # two numbers are fitted, and what reading costs is time to train

    def __init__(self, options: MatchOptions) -> None:
        self.limit = options.passage_length

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
        """Time a few steps as fine-tuning does; raises ProjectError where the texts start from different weights."""
        if len(set(pretrained.values())) > 1:
            raise ProjectError(Problem("match.two-encoders").at("model.pretrained"))
        found = super().forecast(
            signature, data, _options(options), _training(training), pretrained, machine, budget_s
        )
        return replace(found, warnings=tuple(map(_of_own_key, found.warnings)))

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Fit the line on the cosines of the pretrained encoder, then train both."""
        own = replace(setup, options=_options(setup.options), training=_training(setup.training))
        return super().learn(signature, data, own, out, scratch, progress)


def _of_own_key(notice: Notice) -> Notice:
    """Return a notice of fine-tuning with the key that matching has for how much is read."""
    if notice.id != "plan.cut-texts" or notice.values["more"] is None:
        return notice
    line = setting("model", {"passage_length": notice.values["more"]})
    return Notice("plan.cut-texts", where=None, **{**notice.values, "line": line})


def _options(given: BaseModel) -> FinetuneOptions:
    assert isinstance(given, MatchOptions)
    return FinetuneOptions(
        pooling=given.pooling,
        together=False,
        freeze_words=given.freeze_words,
        layer_decay=given.layer_decay,
        most_epochs=given.most_epochs,
        dropout=0.0,  # of one number there is nothing to leave out
    )


def _training(given: BaseModel) -> FinetuneTraining:
    assert isinstance(given, MatchTraining)
    return FinetuneTraining.model_validate(given.model_dump())
