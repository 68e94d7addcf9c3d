"""How the answers of several bodies become one: weighted means of probabilities, or of numbers.

What is learned mixes the same way before it is exported, so that both answer the same.
Shapes: n rows, C classes, K members of a set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.signature import Field
from modelwright.kinds.contract.common import Array, Form

Floats = NDArray[np.float64]
LEAST = 1e-9  # probability: no logarithm is infinite

ARRAYS: Mapping[Form, str] = {
    Form.CODE: "logits",
    Form.FLAG: "logit",
    Form.SET: "logits",
    Form.SCALAR: "value",
    Form.VECTOR: "values",
    Form.SERIES: "quantiles",
}
"""Output form → its array of answers."""


@dataclass(frozen=True)
class Share:
    """What a body has in the answers to one output: its weight, and the temperature of its probabilities."""

    weight: float
    temperature: float = 1.0


def form_of(output: Field) -> Form:
    """Return the form of an output's answers; raises KeyError for one that cannot be mixed."""
    form = kinds.arrays(output.kind).output_form
    if form is None or form not in ARRAYS:
        raise KeyError(output.kind)
    return form


def mixed(form: Form, answers: Sequence[Array], shares: Sequence[Share]) -> Array:
    """Return the mixture of answers to an output, of the shape of each; one alone is answered as it is.

    shares: of each, with weights that add up to 1.
    """
    if len(answers) == 1:
        return answers[0]
    if form in (Form.SCALAR, Form.VECTOR, Form.SERIES):
        total = sum(one.astype(np.float64) * share.weight for one, share in zip(answers, shares, strict=True))
        return np.asarray(total, np.float32)
    chances = mixed_chances(form, answers, shares)
    if form is Form.CODE:
        return np.log(chances).astype(np.float32)
    return (np.log(chances) - np.log1p(-chances)).astype(np.float32)


def mixed_chances(form: Form, answers: Sequence[Array], shares: Sequence[Share]) -> Floats:
    """Return the mixture of the probabilities: of classes (n, C), of a flag (n,) or of the members of a set (n, K)."""
    found = np.zeros(answers[0].shape)
    for one, share in zip(answers, shares, strict=True):
        found += share.weight * chances_of(form, one, share.temperature)
    return np.clip(found, LEAST, 1 - LEAST)


def chances_of(form: Form, logits: Array, temperature: float) -> Floats:
    """Return the probabilities of logits, of the same shape."""
    scaled = logits.astype(np.float64) / temperature
    if form is not Form.CODE:
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * scaled)))  # the logistic function, without overflow
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
