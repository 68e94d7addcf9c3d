"""What the figures of learning are called where people read them."""

from __future__ import annotations

from modelwright.core.messages import Phrase
from modelwright.core.progress import (
    GRADIENT_NORM,
    LEARNING_RATE,
    LOSS,
    PENALTY,
    VALIDATION_ERROR,
    VALIDATION_LOSS,
)


def word(figure: str) -> str:
    """Return the words of a figure; one that a learner from elsewhere names goes by its name."""
    short = {
        LOSS: Phrase("figure.loss"),
        VALIDATION_LOSS: Phrase("figure.validation-loss"),
        VALIDATION_ERROR: Phrase("figure.validation-error"),
        LEARNING_RATE: Phrase("figure.learning-rate"),
        GRADIENT_NORM: Phrase("figure.gradient-norm"),
        PENALTY: "L2",
    }
    return str(short.get(figure, figure))


def long_word(figure: str) -> str:
    """Return the words of a figure where there is room for them, as in a report."""
    long = {
        LOSS: Phrase("figure.long-loss"),
        VALIDATION_LOSS: Phrase("figure.long-validation-loss"),
        VALIDATION_ERROR: Phrase("figure.long-validation-error"),
        LEARNING_RATE: Phrase("figure.long-learning-rate"),
        GRADIENT_NORM: Phrase("figure.long-gradient-norm"),
    }
    return str(long[figure]) if figure in long else word(figure)


SHOWN = (PENALTY, LOSS, VALIDATION_LOSS, VALIDATION_ERROR, LEARNING_RATE, GRADIENT_NORM)
"""The order in which figures stand beside each other; others follow."""


def in_order(figures: list[str]) -> list[str]:
    """Return figures in the order in which they stand beside each other."""
    return [name for name in SHOWN if name in figures] + [name for name in figures if name not in SHOWN]
