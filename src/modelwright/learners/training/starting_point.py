"""Where the gradient learners start: fitted kinds, and a network with pretrained weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from modelwright import kinds
from modelwright.core.messages import Notice
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners import kind_states
from modelwright.learners.contract.spec import fields_of
from modelwright.learners.networks import pretrained
from modelwright.learners.networks.network import Network
from modelwright.storage.formats.examples import Examples

_READ_ROWS = 1000  # training texts that are searched for unknown tokens
_MOST_UNKNOWN = 0.1  # of the tokens; English questions have less than 0.001


@dataclass(frozen=True)
class StartingPoint:
    """A network before learning; `config` is that of its transformer."""

    states: dict[str, object]
    network: Network
    config: dict[str, object]


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
    limit = min(read.positions, pretrained.MOST_TOKENS) if max_length is None else read.positions
    reading = {"tokenizer": read.tokenizer, "max_length": max_length, "limit": limit}
    options = {field.name: reading for field in fields_of(signature.inputs, Form.TOKENS)}
    states = kind_states.fit(signature, train, options)
    return StartingPoint(states, Network(signature, states, read.encoder()), read.config)


def unread(signature: Signature, states: Mapping[str, object], train: Examples) -> Iterator[Notice]:
    """Yield a warning for each input whose tokens the encoder's tokenizer mostly does not know."""
    for field in fields_of(signature.inputs, Form.TOKENS):
        column = train.columns[field.name]
        some = column[:: max(1, len(column) // _READ_ROWS)]
        share = kinds.arrays(field.kind).unknown_share(some, states[field.name])
        if share > _MOST_UNKNOWN:
            yield Notice("plan.unknown-tokens", column=field.name, share=share)
