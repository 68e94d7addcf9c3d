"""What a learner learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # reading rows loads Polars, which a specification has no use for
    from modelwright.storage.formats.examples import Examples


_HELD_SHARE = 2 / 7  # of the training rows; 20 for 70 is what the default split leaves for validation


class Source(StrEnum):
    """Names what a learner learns from; a specification lists those that it accepts.

    rows: inputs with their true outputs; preferences: pairs of outputs of which one is better; environment:
    a simulator that answers actions with observations and rewards.
    """

    ROWS = "rows"
    PREFERENCES = "preferences"
    ENVIRONMENT = "environment"


@dataclass(frozen=True)
class CorpusSize:
    """How many passages a corpus has, and bytes of text (UTF-8)."""

    passages: int
    text_bytes: int


@dataclass(frozen=True)
class Rows:
    """The data of the source `rows`.

    train: the training rows; validation: the rows on which checkpoint and calibration are chosen, None for a
    forecast, which must not see them. Of a forecast: validation_rows, how many there will be, None where nobody
    says it; augment: input → variation → how far its training values will vary (then in `Setup.augment`); corpus: how
    large that is from which an output is chosen, None where nobody says it.
    """

    train: Examples
    validation: Examples | None = None
    validation_rows: int | None = None
    augment: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    corpus: CorpusSize | None = None

    @property
    def expected_corpus(self) -> CorpusSize:
        """Return how large a corpus a forecast reckons with: at least the passages that rows name."""
        if self.corpus is not None:
            return self.corpus
        named = self.train.passages.values()
        return CorpusSize(len(named), sum(len(one.encode()) for one in named))

    @property
    def held(self) -> Examples:
        """Return the validation rows, where learning has been given some."""
        assert self.validation is not None, "learning is given validation rows"
        return self.validation

    @property
    def expected_validation(self) -> int:
        """Return how many validation rows a forecast reckons with."""
        if self.validation_rows is not None:
            return self.validation_rows
        return round(len(self.train) * _HELD_SHARE)
