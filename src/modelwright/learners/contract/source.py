"""What a learner learns from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # reading rows loads Polars, which a specification has no use for
    from modelwright.storage.formats.examples import Examples


class Source(StrEnum):
    """Names what a learner learns from; a specification lists those that it accepts.

    rows: inputs with their true outputs; preferences: pairs of outputs of which one is better; environment:
    a simulator that answers actions with observations and rewards.
    """

    ROWS = "rows"
    PREFERENCES = "preferences"
    ENVIRONMENT = "environment"


@dataclass(frozen=True)
class Rows:
    """The data of the source `rows`.

    train: the training rows; validation: the rows on which checkpoint and calibration are chosen, None for a
    forecast, which must not see them.
    """

    train: Examples
    validation: Examples | None = None

    @property
    def held(self) -> Examples:
        """Return the validation rows, where learning has been given some."""
        assert self.validation is not None, "learning is given validation rows"
        return self.validation
