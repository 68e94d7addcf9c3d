"""The contract of a kind: a type of the signature, and the one code path for training and serving.

A kind is stateless. What it must remember (vocabulary, category table, mean and deviation) is a *state*: a
frozen dataclass that `fit` makes from the training split alone, and that the package stores as JSON and
assets. Values are plain Python (str, float, bool); None stands for a missing value.

Arrays have names. An input `age: number` gives the arrays `age.value` and `age.missing`; they are the inputs
of the graph by those names. An output `domain: category` reads the array `domain.logits`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from numpy.typing import NDArray

from modelwright.core.outcomes import Outcomes

Array = NDArray[Any]
State = TypeVar("State")


class Role(StrEnum):
    """Names the side of the signature on which a field stands."""

    INPUT = "input"
    OUTPUT = "output"


class ValueProblem(ValueError):  # noqa: N818 - names a finding about one value, which a caller turns into an error
    """One value that a kind does not take; the text says the rule and what was found."""


@dataclass(frozen=True)
class Answer:
    """One decoded output: its value (None: abstained) and, where there is one, its confidence in [0, 1]."""

    value: Any
    confidence: float | None = None


@dataclass(frozen=True)
class ArraySpec:
    """The shape and type of one named array; shape names axes (`batch`, `length`) or gives their size."""

    dtype: str
    shape: tuple[str | int, ...]


@dataclass(frozen=True)
class Dumped:
    """A state as it is stored: JSON, and binary assets by file name (below `assets/{field}/`)."""

    data: Mapping[str, Any]
    assets: Mapping[str, bytes]


class Kind(ABC, Generic[State]):
    """A type of the signature. Abstract; every kind is one final class in a file of its own."""

    name: ClassVar[str]
    roles: ClassVar[frozenset[Role]]

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of one value as it stands in a request or an answer."""

    @abstractmethod
    def parse(self, raw: object, *, lenient: bool = False) -> Any | None:
        """Return the canonical value of `raw`, or None when it is missing; raises ValueProblem.

        Strict (a request): JSON types only, so that the text "3" is no number. Lenient (a table cell, a
        command line): text is read as the kind reads it ("3", "1e3", "yes"), and blanks are missing.
        """

    @abstractmethod
    def fit(self, values: Sequence[Any], **options: Any) -> State:
        """Learn the state from the training split's values (None: missing). Raises ValueProblem."""

    @abstractmethod
    def dump(self, state: State) -> Dumped:
        """Return the state as JSON and assets."""

    @abstractmethod
    def load(self, dumped: Dumped) -> State:
        """Read what `dump` returned."""

    # -- as an input ---------------------------------------------------------------------------------------

    def arrays(self, state: State) -> dict[str, ArraySpec]:
        """Return the arrays that `encode` makes, by name; the first axis of each is `batch`."""
        raise NotImplementedError(f"{self.name} is not an input kind")

    def encode(self, values: Sequence[Any], state: State) -> dict[str, Array]:
        """Return the arrays of a batch of canonical values (None: missing)."""
        raise NotImplementedError(f"{self.name} is not an input kind")

    # -- as an output --------------------------------------------------------------------------------------

    def answers(self, state: State) -> dict[str, ArraySpec]:
        """Return the arrays that a body must give for this output, by name (`logits`: (batch, classes))."""
        raise NotImplementedError(f"{self.name} is not an output kind")

    def targets(self, values: Sequence[Any], state: State) -> Array:
        """Return the truth as a learner's loss reads it: int64 class indices, or standardised float32."""
        raise NotImplementedError(f"{self.name} is not an output kind")

    def calibrate(self, arrays: Mapping[str, Array], values: Sequence[Any], state: State) -> State:
        """Return the state with what validation teaches about confidence (a temperature)."""
        return state

    def decode(self, arrays: Mapping[str, Array], state: State) -> list[Answer]:
        """Return one answer a row from the body's arrays for this output."""
        raise NotImplementedError(f"{self.name} is not an output kind")

    def outcomes(self, values: Sequence[Any], arrays: Mapping[str, Array], state: State) -> Outcomes:
        """Return the truths beside what the body answered, as the metrics read them."""
        raise NotImplementedError(f"{self.name} is not an output kind")
