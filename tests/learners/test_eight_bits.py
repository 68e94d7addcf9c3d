"""Convolutions in 8 bits with heads fitted again: near the exact body, smaller, the same bytes, in any batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NoReturn

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.kinds.image.samples import picture
from modelwright.learners.contract.source import Rows
from modelwright.learners.exporting import convolutions, eight_bits, int8, network_graph, refitted_heads
from modelwright.learners.networks.encoders import registry
from modelwright.learners.networks.network import Network
from modelwright.learners.networks.network_plan import EncoderPlan, NetworkPlan
from modelwright.learners.training import learned_folder
from modelwright.package.body import Body
from modelwright.package.content import whole
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples

SEE = Signature.parse("see(photo: image?) -> bright: category, level: number")


def examples(count: int, first: int) -> Examples:
    """Return noise, every second picture paler, and one that is missing."""
    seeds = range(first, first + count)
    photos = [picture("PNG", "RGB", size=(16 + seed % 3, 16), seed=seed) for seed in seeds]
    return Examples(
        [str(seed) for seed in seeds],
        {
            "photo": [None, *photos[1:]],
            "bright": ["abc"[seed % 3] for seed in seeds],
            "level": [float(seed) for seed in seeds],
        },
    )


TRAIN, HELD = examples(60, 0), examples(30, 1000)


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Body:
    """Return a residual network as it was drawn, with statistics of its pictures, and heads of the usual size."""
    states: Mapping[str, object] = {
        field.name: kinds.arrays(field.kind).fit(TRAIN.columns[field.name])
        for field in (*SEE.inputs, *SEE.outputs)
    }
    (photo,) = SEE.inputs
    made = registry.scratch(kinds.arrays("image").input_form, "convolutional")  # type: ignore[arg-type]
    options = {"width": 16, "blocks": 1, "stages": 2, "dropout": 0.0}
    specs = kinds.arrays("image").specs(states["photo"])
    config = made.config(kinds.arrays("image").input_form, specs, options, {})  # type: ignore[arg-type]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Network(SEE, states, NetworkPlan((EncoderPlan("convolutional", config),), {photo.name: 0}))
        for head in network.heads:
            torch.nn.init.normal_(head.linear.weight, std=0.5)  # type: ignore[union-attr,arg-type]
        network.train()
        pixels = torch.randint(0, 256, (32, *specs["pixels"].shape[1:]), dtype=torch.uint8)  # type: ignore[arg-type]
        with torch.no_grad():
            for _ in range(20):
                network({"photo.pixels": pixels, "photo.missing": torch.zeros(32)})
    folder = tmp_path_factory.mktemp("learned")
    learned_folder.write(folder, "network", SEE, states, network.eval())
    return network_graph.export(folder)


@pytest.fixture(scope="module")
def small(body: Body) -> Body:
    found = eight_bits.compress(body, lambda: Rows(TRAIN, HELD))
    assert found is not None
    return found


def answers(of: Body, rows: Examples, batch: int = 32) -> dict[str, np.ndarray]:
    found = Function(Package(of, "", 1)).infer({"photo": rows.columns["photo"]}, batch)
    return {f"{name}.{array}": values for name, one in found.items() for array, values in one.items()}


def test_it_is_smaller_and_all_its_convolutions_are_in_8_bits(body: Body, small: Body) -> None:
    assert len(whole(small.graphs["model"])) < 0.6 * len(whole(body.graphs["model"]))
    model = onnx.load_from_string(whole(small.graphs["model"]))
    stored = {one.name: one.data_type for one in model.graph.initializer}
    made = {name: node for node in model.graph.node for name in node.output}
    found = [node for node in model.graph.node if node.op_type == "Conv"]
    assert found
    for node in found:
        assert made[node.input[0]].op_type == "DequantizeLinear"
        weight = made[node.input[1]]
        assert weight.op_type == "DequantizeLinear"
        assert stored[weight.input[0]] == TensorProto.INT8
    # 7 of 8 bits: a pair of products must fit 16 bits on AVX2
    for one in model.graph.initializer:
        if one.data_type == TensorProto.INT8 and len(one.dims) == 4:
            assert np.abs(numpy_helper.to_array(one).astype(int)).max() <= 64


def test_fitted_heads_are_nearer_to_the_exact_answers_than_those_as_learned(
    body: Body, small: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refitted_heads, "refit", lambda *_: False)
    as_learned = eight_bits.compress(body, lambda: Rows(TRAIN, HELD))
    assert as_learned is not None
    exact, before, after = (answers(one, HELD) for one in (body, as_learned, small))
    for name, right in exact.items():
        off, less = (np.square(one[name] - right).mean() for one in (before, after))
        assert less < off, name


def test_the_same_body_and_rows_give_the_same_bytes(body: Body, small: Body) -> None:
    again = eight_bits.compress(body, lambda: Rows(TRAIN, HELD))
    assert again is not None
    assert again.graphs == small.graphs
    assert again.states == body.states


def test_an_answer_does_not_depend_on_its_batch(small: Body) -> None:
    alone = answers(small, HELD, 1)
    for batch in (2, 7, 30):
        for name, values in answers(small, HELD, batch).items():
            np.testing.assert_allclose(values, alone[name], atol=1e-5)


def test_a_body_without_convolutions_reads_no_rows(body: Body) -> None:
    def unread() -> NoReturn:
        raise AssertionError("rows were read")

    weights = np.random.default_rng(0).normal(size=(128, 64)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 128])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 64])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    plain = replace(body, graphs={"model": model.SerializeToString()})
    assert eight_bits.compress(plain, unread) == int8.compress(plain)


@pytest.mark.parametrize(
    ("op", "inputs", "inside"),
    [
        ("Relu", ["a"], True),
        ("Add", ["a", "a"], True),
        ("Add", ["a", "constant"], False),  # a range of its own
        ("Add", ["a", "x"], False),  # of which half was never in 8 bits
        ("Sigmoid", ["a"], False),
    ],
)
def test_values_stay_in_8_bits_only_where_they_come_of_convolutions(
    op: str, inputs: list[str], inside: bool
) -> None:
    weights = np.ones((64, 8, 3, 3), np.float32)
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"]), helper.make_node(op, inputs, ["y"])]
    shape = ["batch", 8, 9, 9]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.float32(1), "constant")],
    )
    assert len(convolutions.named_nodes(helper.make_model(graph))) == 1 + inside
