"""What an encoder provides: a module with a width, and a type by which it is made, loaded and built again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from modelwright.core.json_types import JsonObject
from modelwright.kinds.contract.common import ArraySpec, Form

ARRAYS: Mapping[Form, tuple[str, ...]] = {
    Form.TOKENS: ("ids", "mask"),  # int64 (n, length), mask 1 where a token is
    Form.CODE: ("index",),  # int64 (n,), 0 missing or unseen
    Form.SCALAR: ("value", "missing"),  # float32 (n,), missing 0 or 1
    Form.VECTOR: ("values", "missing"),  # float32 (n, d) and (n,)
    Form.SET: ("members", "missing"),  # float32 (n, K) and (n,)
    Form.PIXELS: ("pixels", "missing"),  # uint8 (n, h, w, c), scaled within the graph, and (n,)
    Form.FRAMES: ("frames", "mask"),  # float32 (n, t, d), int64 (n, t), 1 where there is a frame
    Form.SERIES: ("series", "present"),  # float32 (n, t, c), both, 0 where there is no value
}
"""Form → the arrays that its encoder takes, in the order in which it takes them."""

READ = "features"
"""The array that stands for those of an input which was read before: float32 (n, width of its encoder)."""


@dataclass(frozen=True)
class Positions:
    """What an encoder gives for each position of a value (a token): (batch, length, width), there (batch, length)."""

    values: Tensor
    there: Tensor

    @classmethod
    def of_one(cls, features: Tensor) -> Self:
        """Return features (batch, width) as the one position of each value."""
        return cls(features.unsqueeze(1), torch.ones_like(features[:, :1]))


class Encoder(nn.Module):
    """An encoder of one form. Abstract: a subclass sets `width` and takes the arrays of `ARRAYS` in `forward`.

    width: of its features, (batch, width); fewest_steps: that a budget is turned into where the rows are so few that
    passes over them come to less.
    """

    width: int
    fewest_steps: int = 0

    @property
    def position_width(self) -> int:
        """Return the width of a position of `in_positions`."""
        return self.width

    def in_positions(self, *arrays: Tensor) -> tuple[Tensor, Positions]:
        """Return features (batch, width), as `forward` does, and what they were made of; by default one position."""
        features: Tensor = self(*arrays)
        return features, Positions.of_one(features)

    def layers(self) -> Sequence[nn.Module]:
        """Return its layers from the lowest, where each shall learn more slowly than the one above it."""
        return ()

    def words(self) -> nn.Module | None:
        """Return its table of word vectors, None of an encoder without."""
        return None


@dataclass(frozen=True)
class Loaded:
    """An encoder with pretrained weights.

    config: by which its type builds it again; fit: what the kind's `fit` takes of it (a tokenizer, the side of a
    picture); most: the longest value that it takes (tokens), None where that has no bound.
    """

    encoder: Encoder
    config: JsonObject
    fit: Mapping[str, object] = field(default_factory=dict)
    most: int | None = None


class EncoderType(ABC):
    """A type of encoder. Stateless; a subclass sets `name`, under which a learned folder knows it."""

    name: ClassVar[str]

    @abstractmethod
    def build(self, config: JsonObject) -> Encoder:
        """Return an encoder of a configuration, its weights drawn at random or yet to be loaded."""


class ScratchType(EncoderType):
    """A type that starts from nothing. option: the `type` of `model.encoders` that means it, where not its name."""

    forms: ClassVar[frozenset[Form]]
    option: ClassVar[str | None] = None

    def fit(self, values: Sequence[object], options: Mapping[str, object]) -> Mapping[str, object]:
        """Return what the kind's `fit` takes of this type, made of the training values (a tokenizer)."""
        return {}

    @abstractmethod
    def config(
        self,
        form: Form,
        specs: Mapping[str, ArraySpec],
        options: Mapping[str, object],
        fitted: Mapping[str, object],
    ) -> JsonObject:
        """Return the configuration for an input whose arrays have these specs.

        options: of the project file, without their `type`; fitted: what `fit` returned.
        """


class PretrainedType(EncoderType):
    """A type that starts from a folder of weights; which folders, says `learners.weights.families` by its name."""

    @abstractmethod
    def load(self, folder: Path, options: Mapping[str, object]) -> Loaded:
        """Return the encoder in a folder; options: of the learner, of which a type takes those that it knows.

        Raises ProjectError for weights that do not fit the configuration, or that are of another sort.
        """

    def fitted(self, loaded: Loaded, inputs: Sequence[Mapping[str, ArraySpec]]) -> Loaded:
        """Return the encoder less the weights that no value needs; inputs: the specs of each that it reads.

        By default all are kept.
        """
        return loaded


def size_of(spec: ArraySpec) -> int:
    """Return the columns of an array (batch, columns)."""
    # a second axis that a kind names (a length) changes with the batch, and no layer can be as wide
    _, columns = spec.shape
    assert isinstance(columns, int), f"an array of {spec.shape} has no fixed width"
    return columns
