"""Weights before the first step have the moments of their distribution; activations are those that are named."""

from __future__ import annotations

import io
import json
import math
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from modelwright.core.signature import Signature
from modelwright.learners.contract.steps import Activation, Initialisation, Normalisation
from modelwright.learners.network import learn as network_learn
from modelwright.learners.network.spec import NetworkOptions
from modelwright.learners.networks.encoders.layers import mlp
from modelwright.learners.networks.initial_layers import activate, initialise
from modelwright.learners.networks.network import Network
from modelwright.learners.networks.network_plan import NetworkPlan
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.starting_point import Scratch, StartingPoint, starting_point
from modelwright.storage.formats.examples import Examples


@pytest.mark.parametrize(
    ("name", "deviation"),
    [
        ("uniform", 0.1 / math.sqrt(12)),
        ("normal", 0.05),
        ("xavier", math.sqrt(2 / (300 + 200))),
        ("he", math.sqrt(2 / 300)),
    ],
)
def test_weights_have_the_moments_of_their_distribution(name: Initialisation, deviation: float) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(300, 200)
    initialise(layer, name)
    weight = layer.weight.detach()
    assert float(weight.std()) == pytest.approx(deviation, rel=0.03)
    assert abs(float(weight.mean())) < 0.01 * deviation + 3 * deviation / math.sqrt(weight.numel())
    assert not layer.bias.detach().any()
    if name == "uniform":
        assert float(weight.abs().max()) <= 0.05


def test_orthogonal_rows_are_orthogonal() -> None:
    layer = nn.Conv1d(10, 20, 3)
    initialise(layer, "orthogonal")
    rows = layer.weight.detach().flatten(1)
    assert torch.allclose(rows @ rows.T, torch.eye(20), atol=1e-5)


def test_orthogonal_weights_lie_in_memory_as_they_did() -> None:
    layer = nn.Conv2d(8, 16, 3).to(memory_format=torch.channels_last)
    initialise(layer, "orthogonal")
    rows = layer.weight.detach().flatten(1)
    assert torch.allclose(rows @ rows.T, torch.eye(16), atol=1e-5)
    assert layer.weight.is_contiguous(memory_format=torch.channels_last)


def test_what_is_not_named_stays_as_pytorch_draws_it() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(30, 20)
    before = layer.weight.detach().clone()
    initialise(layer, "default")
    assert torch.equal(layer.weight, before)


@pytest.mark.parametrize(("name", "at_minus_1"), [
    ("relu", 0.0), ("gelu", -0.1587), ("tanh", -0.7616), ("sigmoid", 0.2689), ("silu", -0.2689),
])  # fmt: skip
def test_an_activation_is_the_one_that_is_named(name: Activation, at_minus_1: float) -> None:
    module = nn.Sequential(nn.Sequential(nn.ReLU()), nn.ReLU6())
    activate(module, name)
    assert float(module[0](torch.tensor(-1.0))) == pytest.approx(at_minus_1, abs=1e-4)
    assert isinstance(module[1], nn.ReLU6), "what is pretrained keeps its own"


SENSES = Signature.parse("f(photo: image, n: number, text: text) -> y: number")


def _photo(level: int) -> bytes:
    content = io.BytesIO()
    Image.new("L", (12, 12), level).save(content, "PNG")
    return content.getvalue()


def _begun(activation: Activation) -> tuple[StartingPoint, EncodedRows]:
    columns: dict[str, list[object]] = {
        "photo": [_photo(level) for level in (10, 80, 160, 250)],
        "n": [0.0, 1.0, 2.0, 3.0],
        "text": ["one word", "two words", "more", "words"],
        "y": [0.0, 1.0, 2.0, 3.0],
    }
    torch.manual_seed(0)
    design = Scratch(
        combiner={"type": "concatenate", "width": 8, "dropout": 0.0},
        columns={"width": 8, "layers": 1, "dropout": 0.0},
        activation=activation,
    )
    begin = starting_point(SENSES, Examples(list("abcd"), columns), {}, {}, design)
    return begin, EncodedRows(SENSES, begin.states, columns)


@pytest.mark.parametrize("name", get_args(Normalisation))
def test_layers_are_normalised_over_what_is_named(name: Normalisation) -> None:
    torch.manual_seed(0)
    layers = mlp(5, 64, 1, 0.0, name)
    rows = 10 + 3 * torch.randn(32, 5)
    found = layers[:-2](rows)  # before the activation
    for axis, of in ((0, "batch"), (1, "layer")):
        standard = torch.allclose(found.mean(axis), torch.tensor(0.0), atol=1e-4)
        standard &= torch.allclose(found.var(axis, correction=0), torch.tensor(1.0), atol=1e-2)
        assert standard == (name == of)
    # while it learns, a row of a batch moves the others where they are normalised together, and only there
    others = torch.cat([rows[:1], 100 * rows[1:]])
    assert torch.allclose(layers[:-2](others)[0], found[0], atol=1e-4) == (name != "batch")


def test_the_layers_of_columns_and_outputs_are_normalised_as_the_model_says() -> None:
    signature = Signature.parse("f(a: number, b: number) -> y: number, z: number")
    rows = Examples(list("0123"), {one: [0.0, 1.0, 2.0, 4.0] for one in "abyz"})
    options = NetworkOptions(normalisation="layer", output_width=8, columns_width=8)
    begin = network_learn._begin(signature, rows, options, {})
    sort = {type(one) for one in begin.network.modules()}
    assert nn.LayerNorm in sort
    assert nn.BatchNorm1d not in sort
    written = json.loads(json.dumps(begin.network.plan.to_json()))
    again = Network(signature, begin.states, NetworkPlan.from_json(written))
    again.load_state_dict(begin.network.state_dict())
    # a plan from before it could be chosen is of layers that the batch normalises
    for key in ("columns", "own_layers"):
        del written[key]["normalisation"]
    old = Network(signature, begin.states, NetworkPlan.from_json(written))
    assert nn.LayerNorm not in {type(one) for one in old.modules()}


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_as_many_layers_read_the_columns_as_the_model_says(layers: int) -> None:
    signature = Signature.parse("f(a: number, b: number) -> y: number")
    rows = Examples(list("0123"), {one: [0.0, 1.0, 2.0, 4.0] for one in "aby"})
    options = NetworkOptions(columns_layers=layers, columns_width=8)
    begin = network_learn._begin(signature, rows, options, {})
    assert begin.network.columns is not None
    read = [one for one in begin.network.columns.modules() if isinstance(one, nn.Linear)]
    together = read[0].in_features
    assert [(one.in_features, one.out_features) for one in read] == [
        (together, 8),
        *[(8, 8)] * (layers - 1),
    ]
    written = json.loads(json.dumps(begin.network.plan.to_json()))
    again = Network(signature, begin.states, NetworkPlan.from_json(written))
    again.load_state_dict(begin.network.state_dict())  # strict: it has the same layers


def test_every_layer_of_a_network_takes_it_and_it_is_built_again() -> None:
    (plain, rows), answers = _begun("relu"), {}
    for name in get_args(Activation):
        begin, _ = _begun(name)
        layers = [one for one in begin.network.modules() if isinstance(one, nn.ReLU)]
        assert bool(layers) == (name == "relu")
        plan = NetworkPlan.from_json(json.loads(json.dumps(begin.network.plan.to_json())))
        again = Network(SENSES, begin.states, plan)
        again.load_state_dict(plain.network.state_dict())
        answers[name] = again.eval()(rows.arrays(np.arange(4)))["y"].detach()
        begin.network.load_state_dict(plain.network.state_dict())
        assert torch.equal(answers[name], begin.network.eval()(rows.arrays(np.arange(4)))["y"])
    assert len({tuple(one.tolist()) for one in answers.values()}) == len(answers)
