"""A student that begins with some layers of a pretrained encoder (as in Sanh et al. 2019, DistilBERT, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from modelwright import kinds
from modelwright.core.messages import Problem, ProjectError
from modelwright.core.signature import Signature
from modelwright.learners.distil.bring import ENCODER
from modelwright.learners.networks.encoders.registry import PRETRAINED
from modelwright.learners.networks.network import Network
from modelwright.learners.networks.network_plan import EncoderPlan, NetworkPlan
from modelwright.learners.training.starting_point import StartingPoint
from modelwright.learners.weights.families import family_of

_COUNT = "num_hidden_layers"  # of a configuration
_KINDS_OF_LAYERS = "layer_types"  # of one whose layers differ: taken apart, they would be read as others
OF_TEXTS = "transformer"


def weights_of(signature: Signature, brought: Path) -> dict[str, Path]:
    """Return input → the folder of pretrained weights, for the inputs of the form that these read."""
    folder = brought / ENCODER
    if not folder.is_dir():
        return {}
    form = family_of(folder).form
    return {one.name: folder for one in signature.inputs if kinds.arrays(one.kind).input_form is form}


def places(plan: NetworkPlan) -> list[int]:
    """Return the places of the encoders that are pretrained."""
    names = {one.name for one in PRETRAINED}
    return [place for place, one in enumerate(plan.encoders) if one.type in names]


def cut(signature: Signature, begin: StartingPoint, count: int) -> StartingPoint:
    """Return the network with so many layers of its pretrained encoders; raises ProjectError where it cannot."""
    planned, kept = list(begin.network.plan.encoders), {}
    for place in places(begin.network.plan):
        encoder = begin.network.encoder(place)
        planned[place] = _planned(planned[place], len(encoder.layers()), count)
        stacks = [one for one in encoder.modules() if isinstance(one, nn.ModuleList)]
        stack = max(stacks, key=len)
        stay = [stack[number] for number in spread(len(stack), count)]
        del stack[:]
        stack.extend(stay)
        kept[place] = encoder
    plan = replace(begin.network.plan, encoders=tuple(planned))
    return replace(begin, network=Network(signature, begin.states, plan, kept))


def spread(layers: int, count: int) -> list[int]:
    """Return the places of so many of the layers: the middle ones of as many equal runs."""
    return [(2 * number + 1) * layers // (2 * count) for number in range(count)]


def _planned(plan: EncoderPlan, there: int, count: int) -> EncoderPlan:
    """Return the plan of an encoder with so many layers."""
    config: Any = plan.config.get(OF_TEXTS)
    known = isinstance(config, Mapping) and config.get(_COUNT) == there and not config.get(_KINDS_OF_LAYERS)
    if not known or count > there:
        raise ProjectError(
            Problem("distil.bad-layers", asked=count, layers=there if known else None).at("model.layers")
        )
    return replace(plan, config={**plan.config, OF_TEXTS: {**config, _COUNT: count}})
