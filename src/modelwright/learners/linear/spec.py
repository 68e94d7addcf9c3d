"""Linear and logistic regression: what they accept and take."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.aim import Aim
from modelwright.learners.contract.spec import Spec
from modelwright.learners.contract.training import Epochs, WeightDecay


class LinearOptions(BaseModel):
    """The keys of `model:` that linear regression takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    most_terms: int = Field(
        50_000, ge=1, description="most terms of a text that are weighed: of words, and as many of characters"
    )
    logarithm: bool | None = Field(
        None,
        description="whether numbers are learned as their logarithm; None: those above 0 that are skewed to the "
        "right in training",
    )
    aim: Aim | None = Field(
        None,
        description="what a number learned as its logarithm aims at: the mean or the median; None: the median where "
        "the requirements of numbers are on mae alone, else the mean",
    )


class LinearTraining(BaseModel):
    """The keys of `learn:` that linear regression takes, with their defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # A step is one iteration over all rows, so an epoch is a step.
    epochs: Epochs | None = Field(
        None, description="most iterations a strength of L2; without it, the budget decides"
    )
    weight_decay: WeightDecay | None = Field(
        None,
        description="L2 of the weights, in rows; None: validation chooses, from 100 to 0.01 and of "
        "forecasts and vectors from 10000 to 0.1",
    )


class LinearSpec(Spec):
    """Regularised linear and logistic regression."""

    name: ClassVar[str] = "linear"
    summary: ClassVar[str] = (
        "linear or logistic regression on columns, the steps of series, and TF-IDF of words and characters; "
        "learns in seconds"
    )
    inputs: ClassVar[frozenset[Form]] = frozenset(
        {Form.TERMS, Form.CODE, Form.SCALAR, Form.VECTOR, Form.SET, Form.SERIES}
    )
    outputs: ClassVar[frozenset[Form]] = frozenset(
        {Form.CODE, Form.FLAG, Form.SCALAR, Form.SET, Form.VECTOR, Form.SERIES}
    )
    Options: ClassVar[type[BaseModel]] = LinearOptions
    Training: ClassVar[type[BaseModel]] = LinearTraining
    modules: ClassVar[tuple[str, ...]] = ("sklearn", "scipy", "threadpoolctl", "onnx")
    rank: ClassVar[int] = 0
