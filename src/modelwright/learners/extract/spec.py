"""Extraction: what it accepts and takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel

from modelwright.core.json_types import Json
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.spec import Between, Spec
from modelwright.learners.locating.reading_options import ReadingOptions, ReadingTraining
from modelwright.learners.networks import forms


class ExtractSpec(Spec):
    """A pretrained encoder that says of each token of a text whether an answer begins or ends there."""

    name: ClassVar[str] = "extract"
    summary: ClassVar[str] = (
        "where a text holds the answer to a question, by a pretrained encoder that reads both"
    )
    inputs: ClassVar[frozenset[Form]] = frozenset({Form.LOCATED})
    outputs: ClassVar[frozenset[Form]] = frozenset({Form.SPAN})
    Options: ClassVar[type[BaseModel]] = ReadingOptions
    Training: ClassVar[type[BaseModel]] = ReadingTraining
    modules: ClassVar[tuple[str, ...]] = forms.MODULES
    needs_pretrained: ClassVar[bool] = True
    compresses: ClassVar[bool] = True
    cuttable: ClassVar[bool] = True
    rank: ClassVar[int] = 2
    space: ClassVar[Mapping[str, tuple[Json, ...] | Between]] = {
        "learn.learning_rate": Between(5e-5, 5e-4, log=True),
    }
