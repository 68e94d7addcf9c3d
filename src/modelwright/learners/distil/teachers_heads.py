"""The heads of the project that has learned the teacher, with which a student of its layers begins.

A layer that is taken out moves the features of the others less than heads that are drawn anew have to learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.learners import kind_states, known_truths
from modelwright.learners.networks.network_plan import WEIGHTS, NetworkPlan
from modelwright.storage.formats.examples import Examples

FOLDER = "heads"
_OF_HEADS = "heads."  # of a network's weights


def alone(plan: NetworkPlan | None) -> bool:
    """Tell whether heads read what one encoder gives of one input, and nothing else, as it is."""
    plain = NetworkPlan((), {})
    return (
        plan is not None
        and len(plan.encoders) == len(plan.inputs) == 1
        and replace(plan, encoders=(), inputs={}) == plain
    )


def write(
    out: Path, signature: Signature, states: Mapping[str, object], learned: Mapping[str, NDArray[Any]]
) -> None:
    """Write the heads beside an encoder, of all weights of a network, and the states of what they answer."""
    folder = out / FOLDER
    folder.mkdir()
    kind_states.write(folder, signature, states)
    # the weights of a folder of pretrained ones lie one above: these are another network's
    save_file(
        {key.removeprefix(_OF_HEADS): values for key, values in learned.items() if key.startswith(_OF_HEADS)},
        folder / WEIGHTS,
    )


def read(
    signature: Signature, encoder: Path, states: Mapping[str, object], train: Examples
) -> dict[str, NDArray[Any]] | None:
    """Return the weights of all heads, by their name below `heads`; None where there are none that fit.

    encoder: the folder that `write` wrote to; states: the teacher's. Heads fit where they answer in its classes and
    scales: another network's would begin with answers to something else.
    """
    folder = encoder / FOLDER
    if not folder.is_dir():
        return None
    theirs, of_heads = kind_states.read(folder)
    if (theirs.inputs, theirs.outputs) != (signature.inputs, signature.outputs):
        return None
    same = all(_alike(one, states, of_heads, train) for one in signature.outputs)
    return load_file(folder / WEIGHTS) if same else None


def _alike(field: Field, one: Mapping[str, object], other: Mapping[str, object], train: Examples) -> bool:
    """Tell whether two states of an output make the same of all truths of the training rows."""
    kind = kinds.arrays(field.kind)
    if kind.answers(one[field.name]) != kind.answers(other[field.name]):
        return False
    first, second = (known_truths.truths(field, train, states) for states in (one, other))
    return np.array_equal(first, second, equal_nan=True)
