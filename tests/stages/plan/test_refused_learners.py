"""Why a learner is not weighed: what its reason says to write can be written, and would help."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from modelwright import learners
from modelwright.core.messages import ProjectError
from modelwright.core.signature import Signature
from modelwright.learners.options import option_problems
from modelwright.learners.weights.resolving import InputWeights
from modelwright.stages.plan.config import ModelConfig, PlanConfig
from modelwright.stages.plan.ranking import sift


@pytest.mark.parametrize(
    "signature",
    [
        "answer(subject: text, body: text) -> answer: choice",
        "reply(subject: text, body: text) -> reply: text",
        "reply(subject: number) -> reply: text",
        "embed(question: text) -> place: vector",
        "same(a: text, b: text) -> same: boolean",
    ],
)
def test_what_is_advised_to_name_has_such_keys_and_learns_the_signature(signature: str) -> None:
    of = Signature.parse(signature)
    try:
        _, refused = sift(of, PlanConfig(), ModelConfig(), InputWeights(), Path())
        words = " ".join(map(str, refused.values()))
    except ProjectError as error:
        words = str(error)
    for name in learners.names():
        if learners.spec(name).refuses(of) is not None:
            assert f"learner: {name}" not in words
    for line in re.findall(r"\(model: (\{.*?\})\)", words):
        assert option_problems(yaml.safe_load(line)) == [], line
