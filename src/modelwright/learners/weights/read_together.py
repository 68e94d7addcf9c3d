"""Which texts one encoder reads in one sequence. Light: no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.spec import fields_of
from modelwright.learners.weights.families import TRANSFORMER, family_of


def read_together(signature: Signature, weights: Mapping[str, Path], wanted: object) -> tuple[str, ...]:
    """Return the texts that are read in one sequence: those that start from the weights of the first, where several do.

    wanted: the option `together`, True or False; None: where the function has two texts, and no more.
    """
    alike = of_one_folder(signature, weights)
    if wanted is False or len(alike) < 2 or (wanted is None and len(alike) > 2):
        return ()
    return alike if family_of(weights[alike[0]]) is TRANSFORMER else ()


def of_one_folder(signature: Signature, weights: Mapping[str, Path]) -> tuple[str, ...]:
    """Return the texts that start from the weights of the first that starts from some."""
    texts = [one.name for one in fields_of(signature.inputs, Form.TOKENS) if one.name in weights]
    return tuple(name for name in texts if weights[name] == weights[texts[0]])
