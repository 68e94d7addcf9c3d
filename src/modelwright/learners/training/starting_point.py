"""Where the gradient learners start: fitted kinds, and a network with pretrained weights where some are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

import numpy as np

from modelwright import kinds
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Notice, Problem, ProjectError
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners import kind_states, known_truths, logarithms, readable_texts, timing
from modelwright.learners.contract.pixels import pixel_options
from modelwright.learners.contract.steps import Activation
from modelwright.learners.networks import forms
from modelwright.learners.networks.encoders import joined_texts, registry
from modelwright.learners.networks.encoders.contract import Loaded, ScratchType
from modelwright.learners.networks.network import Network
from modelwright.learners.networks.network_plan import EncoderPlan, JoinedPlan, LogarithmPlan, NetworkPlan
from modelwright.learners.networks.own_module import OwnCode
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.weights.read_together import of_one_folder, read_together
from modelwright.storage.formats.examples import Examples

_TRIED = 3  # rows on which a module of the project is tried before it learns


SCRATCH_TYPES: Mapping[Form, str] = {
    Form.CODE: "embedding",
    Form.TOKENS: "words",
    Form.PIXELS: "convolutional",
    Form.FRAMES: "temporal",
    Form.SERIES: "attention",  # over patches; it forecast better than GRU and convolutions in the same time
}
"""Form → the type of the encoder that a learner starts from scratch, where the project names none."""


@dataclass(frozen=True)
class StartingPoint:
    """A network before learning, with the states of the kinds.

    longest: input → the most tokens that it takes; seconds: of CPU time that it took to get here.
    """

    states: dict[str, object]
    network: Network
    longest: dict[str, int]
    seconds: float = 0.0


@dataclass(frozen=True)
class Scratch:
    """How inputs without weights are encoded, and how all inputs are combined (`NetworkPlan`).

    types: form → the type of its encoders; encoders: input → the options of its own, `type` among them; matching: of
    `NetworkPlan`, whose inputs share an encoder where one reads them alike; alone, scaled,
    own_layers, activation: of `NetworkPlan`; logarithm: whether numbers are learned as theirs, False: none is, else as
    `logarithms.decided` has it; median: whether numbers aim at it; compared: the combiner by which the features of two
    texts that start from the same weights are compared, None: they are not.
    """

    types: Mapping[Form, str] = field(default_factory=dict)
    encoders: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    combiner: JsonObject = field(default_factory=lambda: {"type": "concatenate"})
    columns: JsonObject | None = None
    weighing: bool = False
    own: OwnCode | None = None
    matching: JsonObject | None = None
    alone: bool = False
    scaled: bool = False
    own_layers: JsonObject | None = None
    activation: Activation = "relu"
    logarithm: bool | None = False
    median: bool = False
    compared: Literal["compare", "cosine"] | None = None


COMPARED = Scratch(compared="compare")
"""How learners combine their inputs that put heads on pretrained encoders."""

ALIKE = Scratch(compared="cosine")
"""How it is told whether two texts belong together, by how near their vectors are and by nothing else."""


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
    scratch: Scratch | None = None,
    limits: Mapping[str, int] | None = None,
) -> StartingPoint:
    """Fit the kinds on the training split and put the network together; what is not pretrained is drawn at random.

    weights: input → the folder of its pretrained weights; options: of the learner, for reading those (`pooling`,
    `max_length`); scratch: how the other inputs are encoded and all are combined, None: as a linear probe does;
    limits: input → the most tokens that are kept of its texts, where that is less than its encoder takes.
    """
    begun = timing.now_s()
    found = _begun(signature, train, weights, options or {}, scratch or Scratch(), limits or {})
    return replace(found, seconds=timing.now_s() - begun)


def _begun(
    signature: Signature,
    train: Examples,
    weights: Mapping[str, Path],
    options: Mapping[str, object],
    design: Scratch,
    limits: Mapping[str, int],
) -> StartingPoint:
    together = read_together(signature, weights, options.get("together", False))
    alike = of_one_folder(signature, weights)
    given = _load(weights, {**options, "segments": bool(together) or options.get("segments", False)})
    longest = {name: most for name in given.places if (most := given.of(name).most) is not None}
    if together and together[0] in longest:  # an encoder has room for all of them at once
        most = longest[together[0]] // len(together)
        longest |= dict.fromkeys(together, most)
        usual = cast("int", given.of(together[0]).fit["limit"])
        limits = {**limits, **dict.fromkeys(together, min(most, usual))}
    of_pixels = pixel_options(options)
    pixels: dict[str, Mapping[str, object]] = {
        one.name: of_pixels for one in signature.inputs if kinds.arrays(one.kind).input_form is Form.PIXELS
    }
    made = {one.name: _type(one, design) for one in signature.inputs if one.name not in given.places}
    own = {name: _options(design, name, made[name].forms, options) for name in made}
    fitted = _fitted(made, own, train, shared=design.matching is not None)
    of_kinds = {**fitted, **{name: _limited(given.of(name), limits.get(name)) for name in given.places}}
    states = kind_states.fit(
        signature, train, {name: {**of_kinds[name], **pixels.get(name, {})} for name in of_kinds}
    )
    given.fit(signature, states)
    encoders = [EncoderPlan(name, one.config) for name, one in zip(given.types, given.loaded, strict=True)]
    inputs = dict(given.places)
    for one in signature.inputs:
        if one.name in inputs:
            continue
        kind = kinds.arrays(one.kind)
        assert kind.input_form is not None, "a learner refuses what has no form"
        inputs[one.name] = len(encoders)
        config = made[one.name].config(
            kind.input_form, kind.specs(states[one.name]), own[one.name], fitted[one.name]
        )
        planned = EncoderPlan(made[one.name].name, config)
        if design.matching is not None and planned in encoders[len(given.types) :]:
            inputs[one.name] = encoders.index(planned, len(given.types))
        else:
            encoders.append(planned)
    plan = NetworkPlan(
        tuple(encoders),
        inputs,
        design.combiner if together or not design.compared else _comparing(design.compared, signature, alike),
        design.columns,
        design.weighing,
        matching=design.matching,
        alone=design.alone,
        scaled=design.scaled,
        own_layers=design.own_layers,
        activation=design.activation,
        logarithms=_logarithms(signature, states, train, design),
        joined=_joined(together, given),
    )
    if design.own is not None:
        plan = NetworkPlan((), {}, weighing=design.weighing, own=design.own.to_json())
        network = Network(signature, states, plan)
        assert network.own is not None
        some = EncodedRows(
            signature, states, {name: column[:_TRIED] for name, column in train.columns.items()}
        )
        network.own.check(some.arrays(np.arange(len(some))))
        return StartingPoint(states, network, {})
    network = Network(signature, states, plan, {place: one.encoder for place, one in enumerate(given.loaded)})
    return StartingPoint(states, network, longest)


def _comparing(how: str, signature: Signature, alike: Sequence[str]) -> JsonObject:
    """Return the combiner of parts that are an input each, which compares two texts where there are two."""
    if len(alike) != 2:
        return {"type": "concatenate"}
    return {
        "type": how,
        "compared": [place for place, one in enumerate(signature.inputs) if one.name in alike],
    }


def _joined(together: Sequence[str], given: _Pretrained) -> JoinedPlan | None:
    if not together:
        return None
    tokenizer = given.of(together[0]).fit["tokenizer"]
    assert isinstance(tokenizer, bytes)
    return JoinedPlan(tuple(together), joined_texts.leading_tokens(tokenizer))


def _logarithms(
    signature: Signature, states: Mapping[str, object], train: Examples, design: Scratch
) -> dict[str, LogarithmPlan]:
    """Return how outputs are learned as their logarithm, by training rows, for those that are."""
    found: dict[str, LogarithmPlan] = {}
    if design.logarithm is False:
        return found
    for one in signature.outputs:
        if kinds.arrays(one.kind).output_form is not Form.SCALAR:
            continue
        truth = known_truths.truths(one, train, states)
        decided = logarithms.decided(
            one, states[one.name], truth, insists=design.logarithm, median=design.median
        )
        if decided is not None:
            there = decided.of(truth[known_truths.known(truth)])  # (n,)
            apart = float(there.std()) or 1.0
            # beyond the largest by a deviation of them: the largest are learned, too, and noise grows no further
            found[one.name] = LogarithmPlan(float(there.mean()), apart, decided.most + apart, decided.zero)
    return found


def unread(begin: StartingPoint, signature: Signature, train: Examples) -> Iterator[Notice]:
    """Yield what the encoder cannot read of the training texts, and how many of them it is not given whole."""
    for found in readable_texts.of_states(signature, begin.states, train.columns, begin.longest):
        yield from found.notices()
    yield from readable_texts.cut_values(signature, begin.states, train.columns)
    yield from readable_texts.lost_values(signature, begin.states, train.columns, forms.READ)


def _limited(loaded: Loaded, limit: int | None) -> Mapping[str, object]:
    """Return what the kind of an input fits with its encoder, which keeps no more tokens than the limit."""
    if limit is None or loaded.most is None:
        return loaded.fit
    return {**loaded.fit, "limit": min(limit, loaded.most)}


def _fitted(
    made: Mapping[str, ScratchType], own: Mapping[str, Mapping[str, object]], train: Examples, *, shared: bool
) -> dict[str, Mapping[str, object]]:
    """Return what each input's type fits on the training values; shared: on those of all inputs that it reads alike."""
    found: dict[str, Mapping[str, object]] = {}
    for name, one in made.items():
        alike = [name]
        if shared:
            alike = [other for other in made if made[other] is one and own[other] == own[name]]
        if alike[0] in found:
            found[name] = found[alike[0]]
        elif len(alike) == 1:
            found[name] = one.fit(train.columns[name], own[name])
        else:
            values = [value for other in alike for value in train.columns[other]]
            found[name] = one.fit(values, own[name])
    return found


def _type(of: Field, design: Scratch) -> ScratchType:
    """Return the type of an input's encoder; raises ProjectError where the one that is named reads another form."""
    form = kinds.arrays(of.kind).input_form
    assert form is not None, "a learner refuses what has no form"
    wanted = design.encoders.get(of.name, {}).get("type", design.types.get(form))
    assert wanted is None or isinstance(wanted, str)
    known = registry.options_of(form)
    if wanted is not None and wanted not in known:
        raise ProjectError(
            Problem("model.encoder-form", name=of.name, type=wanted, form=form.value, known=list(known))
        )
    return registry.scratch(form, wanted)


def _options(
    design: Scratch, name: str, read: frozenset[Form], options: Mapping[str, object]
) -> Mapping[str, object]:
    """Return the options of an input's encoder, without their type; of texts, the learner's `max_length` too."""
    own = {key: value for key, value in design.encoders.get(name, {}).items() if key != "type"}
    longest = options.get("max_length") if Form.TOKENS in read else None
    return own | ({"max_length": longest} if longest is not None else {})


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
