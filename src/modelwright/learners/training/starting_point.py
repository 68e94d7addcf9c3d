"""Where the gradient learners start: fitted kinds, and a network with pretrained weights where some are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelwright import kinds
from modelwright.core.messages import Notice
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners import kind_states, readable_texts
from modelwright.learners.contract.pixels import pixel_options
from modelwright.learners.networks import forms
from modelwright.learners.networks.encoders import registry
from modelwright.learners.networks.encoders.contract import Loaded
from modelwright.learners.networks.network import Network
from modelwright.learners.networks.network_plan import EncoderPlan, NetworkPlan
from modelwright.storage.formats.examples import Examples


@dataclass(frozen=True)
class StartingPoint:
    """A network before learning, with the states of the kinds; `longest`: input → the most tokens that it takes."""

    states: dict[str, object]
    network: Network
    longest: dict[str, int]


@dataclass
class _Pretrained:
    """The encoders with weights: inputs that start from one folder share one encoder."""

    types: list[str] = field(default_factory=list)
    loaded: list[Loaded] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)  # input → place among them

    def of(self, name: str) -> Loaded:
        """Return the encoder of an input."""
        return self.loaded[self.places[name]]

    def fit(self, signature: Signature, states: Mapping[str, object]) -> None:
        """Keep of each encoder what its inputs need, by the states that were fitted."""
        specs = {
            one.name: kinds.arrays(one.kind).specs(states[one.name])
            for one in signature.inputs
            if one.name in self.places
        }
        # inputs of one folder share an encoder, which must do for the longest of them
        self.loaded = [
            registry.fitted(type_, loaded, [specs[name] for name in specs if self.places[name] == place])
            for place, (type_, loaded) in enumerate(zip(self.types, self.loaded, strict=True))
        ]


def starting_point(
    signature: Signature,
    train: Examples,
    weights: Mapping[str, Path],
    options: Mapping[str, object] | None = None,
) -> StartingPoint:
    """Fit the kinds on the training split and put the network together; what is not pretrained is drawn at random.

    weights: input → the folder of its pretrained weights; options: of the learner, for reading those (`pooling`,
    `max_length`).
    """
    given = _load(weights, options or {})
    pixels = pixel_options(options or {})
    own: dict[str, Mapping[str, object]] = {
        one.name: pixels for one in signature.inputs if kinds.arrays(one.kind).input_form is Form.PIXELS
    }
    fit_options = {name: {**given.of(name).fit, **own.get(name, {})} for name in given.places}
    states = kind_states.fit(signature, train, own | fit_options)
    given.fit(signature, states)
    encoders = [EncoderPlan(name, one.config) for name, one in zip(given.types, given.loaded, strict=True)]
    inputs = dict(given.places)
    for one in signature.inputs:
        if one.name in inputs:
            continue
        kind = kinds.arrays(one.kind)
        assert kind.input_form is not None, "a learner refuses what has no form"
        made = registry.scratch(kind.input_form)
        inputs[one.name] = len(encoders)
        encoders.append(
            EncoderPlan(made.name, made.config(kind.input_form, kind.specs(states[one.name]), {}))
        )
    plan = NetworkPlan(tuple(encoders), inputs)
    network = Network(signature, states, plan, {place: one.encoder for place, one in enumerate(given.loaded)})
    longest = {name: most for name in given.places if (most := given.of(name).most) is not None}
    return StartingPoint(states, network, longest)


def unread(begin: StartingPoint, signature: Signature, train: Examples) -> Iterator[Notice]:
    """Yield what the encoder cannot read of the training texts, and how many of them it is not given whole."""
    for found in readable_texts.of_states(signature, begin.states, train.columns, begin.longest):
        yield from found.notices()
    yield from readable_texts.cut_values(signature, begin.states, train.columns)
    yield from readable_texts.lost_values(signature, begin.states, train.columns, forms.READ)


def _load(weights: Mapping[str, Path], options: Mapping[str, object]) -> _Pretrained:
    found, folders = _Pretrained(), list[Path]()
    for name, folder in weights.items():
        if folder not in folders:
            folders.append(folder)
            type_name, loaded = registry.load(folder, options)
            found.types.append(type_name)
            found.loaded.append(loaded)
        found.places[name] = folders.index(folder)
    return found
