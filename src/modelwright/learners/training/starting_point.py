"""Where the gradient learners start: fitted kinds, and a network with pretrained weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelwright.core.messages import Notice
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners import kind_states, readable_texts
from modelwright.learners.contract.spec import fields_of
from modelwright.learners.networks import forms, pretrained
from modelwright.learners.networks.network import Network
from modelwright.storage.formats.examples import Examples


@dataclass(frozen=True)
class StartingPoint:
    """A network before learning; `config` is that of its transformer, `positions` the most tokens that it takes."""

    states: dict[str, object]
    network: Network
    config: dict[str, object]
    positions: int


def starting_point(
    signature: Signature,
    train: Examples,
    weights: Path | None,
    pooling: str | None,
    max_length: int | None,
) -> StartingPoint:
    """Fit the kinds on the training split and put the network together; heads are drawn at random."""
    assert weights is not None, "a learner that needs pretrained weights was given none"
    read = pretrained.read(weights, pooling)
    limit = min(read.positions, readable_texts.MOST_TOKENS) if max_length is None else read.positions
    given = {"tokenizer": read.tokenizer, "max_length": max_length, "limit": limit}
    options = {field.name: given for field in fields_of(signature.inputs, Form.TOKENS)}
    states = kind_states.fit(signature, train, options)
    return StartingPoint(states, Network(signature, states, read.encoder()), read.config, read.positions)


def unread(begin: StartingPoint, signature: Signature, train: Examples) -> Iterator[Notice]:
    """Yield what the encoder cannot read of the training texts, and how many of them it is not given whole."""
    for found in readable_texts.of_states(signature, begin.states, train.columns, begin.positions):
        yield from found.notices()
    yield from readable_texts.lost_values(signature, begin.states, train.columns, forms.READ)
