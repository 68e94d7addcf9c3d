"""The facet `baseline`: the least that learning must beat, on the same rows. Needs the extra `learn`.

It imports scikit-learn, which is why it is a facet of its own: nothing but `evaluate` loads it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from modelwright.core.messages import Phrase
from modelwright.core.outcomes import Outcomes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Of = TypeVar("Of", bound=Outcomes)


@dataclass(frozen=True)
class Truths:
    """The training split's truths of an output: (n,) canonical values, and the labels that each stands for."""

    values: Sequence[object]
    labels: Sequence[tuple[str, ...]]


class BaselineModels(ABC, Generic[Of]):
    """Makes the outcomes of two simple rules, learned from the training split alone.

    `reference` are the outcomes of the package on the test rows, whose truths and labels are taken over. Truths
    hold no missing value. `sort`: what `linear` is called in a table, where it is no linear model.
    """

    sort: ClassVar[str] = "linear model"

    @abstractmethod
    def constant(self, truths: Truths, reference: Of) -> tuple[Of, Phrase]:
        """Return the outcomes of always answering the same, and what that answer is, in a sentence."""

    @abstractmethod
    def linear(self, truths: Truths, train: csr_matrix, test: csr_matrix, reference: Of) -> Of | None:
        """Return the outcomes of a linear model, None where there is nothing to learn (one class).

        train: (n, features) of the training rows that `truths` belong to; test: (rows, features).
        """

    @abstractmethod
    def linear_name(self) -> Phrase:
        """Return what `linear` learns, as a noun: logistic regression."""

    def describes(self, features: Phrase) -> Phrase:
        """Return what `linear` does, in a sentence; features: what a linear model sees of the inputs."""
        return Phrase("baseline.linear", model=self.linear_name(), features=features)
