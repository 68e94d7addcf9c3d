"""Boosted trees: what they accept and take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from modelwright.core.json_types import Json
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.aim import Aim
from modelwright.learners.contract.spec import Between, Spec
from modelwright.learners.contract.training import Epochs, LearningRate, Patience, WeightDecay

Codes = Literal["sets", "order", "both"]
"""How classes that are read are split."""


class TreesOptions(BaseModel):
    """The keys of `model:` that boosted trees take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    leaves: int | None = Field(
        None,
        ge=2,
        le=4096,
        description="most leaves of a tree; None: 31, and 8 of at most 5,000 training rows",
    )
    min_rows: int | None = Field(
        None,
        ge=1,
        description="fewest rows in a leaf, and in a group of classes to split by; None: 20, and 5 with random "
        "splits",
    )
    bags: int | None = Field(
        None,
        ge=1,
        le=100,
        description="boosters whose mean is answered, each without another share of the training rows; None: 5 of at "
        "most 50,000 training rows, else 1",
    )
    random_splits: bool | None = Field(
        None,
        description="whether a split tries one random threshold of each column instead of all; None: where several "
        "boosters, or one of forecasts, learn numbers from at most 20,000 rows, or classes from at most 5,000",
    )
    codes: Codes | None = Field(
        None,
        description="how classes that are read are split: by `sets` of them, in their `order` (numbers by size, "
        "others as they are sorted), or `both`; None: both where numbers alone are answered, with random "
        "thresholds, else sets",
    )
    logarithm: bool | None = Field(
        None,
        description="whether numbers are learned as their logarithm; None: those above 0 that are skewed to the "
        "right in training",
    )
    aim: Aim | None = Field(
        None,
        description="what an answered number aims at: the mean, whose squared error is least, or the median, whose "
        "absolute error is; None: the median where the requirements of numbers are on mae alone, else the mean",
    )
    most_rounds: int = Field(1000, ge=1, description="most rounds that a budget is turned into")


class TreesTraining(BaseModel):
    """The keys of `learn:` that boosted trees take, with their defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # A round reads every row once, so an epoch is a round.
    epochs: Epochs | None = Field(None, description="rounds of boosting; without it, the budget decides")
    learning_rate: LearningRate = Field(0.05, description="shrinkage of each tree")
    weight_decay: WeightDecay = Field(0.0, description="L2 of the leaves")
    patience: Patience = Field(
        50, description="rounds without a lesser validation loss before boosting stops"
    )


class TreesSpec(Spec):
    """Gradient-boosted decision trees."""

    name: ClassVar[str] = "trees"
    summary: ClassVar[str] = "boosted trees on the columns of a table (LightGBM)"
    inputs: ClassVar[frozenset[Form]] = frozenset(
        {Form.AMOUNT, Form.SCALAR, Form.CODE, Form.VECTOR, Form.SET, Form.SERIES}
    )
    outputs: ClassVar[frozenset[Form]] = frozenset({Form.SCALAR, Form.CODE, Form.FLAG, Form.SET, Form.SERIES})
    Options: ClassVar[type[BaseModel]] = TreesOptions
    Training: ClassVar[type[BaseModel]] = TreesTraining
    cuttable: ClassVar[bool] = True
    modules: ClassVar[tuple[str, ...]] = ("lightgbm", "onnx")
    space: ClassVar[Mapping[str, tuple[Json, ...] | Between]] = {
        "learn.learning_rate": Between(0.02, 0.3, log=True),
        "model.leaves": Between(3, 64, log=True, whole=True),
        "model.min_rows": Between(3, 60, log=True, whole=True),
        "learn.weight_decay": Between(1e-3, 30, log=True),
        "model.codes": ("order", "both", "sets"),  # what large tables have by default comes last
        "model.random_splits": (True, False),
    }
    rank: ClassVar[int] = 1
