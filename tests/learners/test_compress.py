"""8-bit graphs: near the exact ones, the same whatever stands beside a row, and exact on extreme values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from modelwright.core.signature import Field, Signature
from modelwright.learners.exporting.int8 import compress
from modelwright.learners.exporting.network_graph import turn_shared_weights
from modelwright.package.body import Body
from modelwright.package.graphs import open_session

WIDTH, ANSWERS = 256, 96


def _body(weights: np.ndarray, table: np.ndarray | None = None) -> Body:
    """Return a graph `y = x · W`, with x looked up in a table where there is one."""
    looked_up = table is not None
    nodes = [helper.make_node("Gather", ["i", "table"][::-1], ["x"])] if looked_up else []
    nodes.append(helper.make_node("MatMul", ["x", "w"], ["y"]))
    first = (
        helper.make_tensor_value_info("i", TensorProto.INT64, ["batch"])
        if looked_up
        else helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", WIDTH])
    )
    tensors = [numpy_helper.from_array(weights.astype(np.float32), "w")]
    if table is not None:
        tensors.append(numpy_helper.from_array(table.astype(np.float32), "table"))
    last = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", weights.shape[1]])
    graph = helper.make_graph(nodes, "g", [first], [last], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    signature = Signature("f", (Field("a", "text"),), (Field("b", "category"),))
    return Body(signature, "once", {"model": model.SerializeToString()}, {})


def _run(body: Body, **arrays: np.ndarray) -> np.ndarray:
    answer: np.ndarray = open_session(body.graphs["model"], 1, "test").run(None, arrays)[0]
    return answer


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_answers_are_near_the_exact_ones_and_smaller() -> None:
    exact = _body(_normal(WIDTH, ANSWERS), _normal(1000, WIDTH, seed=1))
    small = compress(exact)
    assert small is not None
    rows = np.arange(50)
    gap = np.abs(_run(exact, i=rows) - _run(small, i=rows))
    assert gap.max() < 0.03 * np.sqrt(WIDTH) * 3
    assert len(small.graphs["model"]) < 0.3 * len(exact.graphs["model"])


@given(st.integers(0, 2**31), st.floats(1e-6, 1e6))
@settings(max_examples=25, deadline=None)
def test_a_row_answers_alike_beside_any_other(seed: int, size: float) -> None:
    small = compress(_body(_normal(WIDTH, ANSWERS)))
    assert small is not None
    row = _normal(1, WIDTH, seed=seed)
    beside = np.concatenate([row, size * _normal(7, WIDTH, seed=seed + 1)])
    assert np.array_equal(_run(small, x=row)[0], _run(small, x=beside)[0])


def test_largest_values_do_not_saturate() -> None:
    # Where pairs are added in 16 bits, 8-bit weights would give 32,767 instead of 2 · 255 · 127 and more.
    small = compress(_body(np.ones((WIDTH, ANSWERS))))
    assert small is not None
    for sign in (1.0, -1.0):
        answers = _run(small, x=np.full((2, WIDTH), sign, np.float32))
        assert answers == pytest.approx(np.full((2, ANSWERS), sign * WIDTH), rel=1e-5)


def test_rows_and_columns_of_zeros_stay_zero() -> None:
    weights = _normal(WIDTH, ANSWERS)
    weights[:, 3] = 0
    small = compress(_body(weights))
    assert small is not None
    answers = _run(small, x=np.concatenate([np.zeros((1, WIDTH), np.float32), _normal(1, WIDTH)]))
    assert not answers[0].any()
    assert not answers[:, 3].any()
    assert np.isfinite(answers).all()


def test_same_bytes_again_and_the_exact_body_untouched() -> None:
    body = _body(_normal(WIDTH, ANSWERS), _normal(1000, WIDTH, seed=1))
    before = body.graphs["model"]
    first, second = compress(body), compress(body)
    assert first is not None
    assert second is not None
    assert first.graphs == second.graphs
    assert body.graphs["model"] == before
    onnx.load_from_string(first.graphs["model"])


def _layers(alpha: float = 1.0, turned: int = 1, name: str = "network.columns.0.weight") -> Body:
    """Return two layers over vectors as a network over columns is exported, and a head."""
    sides = [(WIDTH, ANSWERS), (ANSWERS, WIDTH), (WIDTH, ANSWERS)]
    names = [name, "network.columns.1.weight", "network.heads.0.linear.weight"]
    tensors, nodes, last = [], [], "x"
    for place, ((width, out), weight) in enumerate(zip(sides, names, strict=True)):
        values = _normal(out, width, seed=place) / np.float32(width**0.5)
        is_turned = turned or place
        tensors.append(
            numpy_helper.from_array(values if is_turned else np.ascontiguousarray(values.T), weight)
        )
        tensors.append(numpy_helper.from_array(_normal(out, seed=place + 9), f"b{place}"))
        given = {"transB": 1} if is_turned else {}
        if place == 0 and alpha != 1.0:
            given["alpha"] = alpha  # type: ignore[assignment]
        nodes.append(helper.make_node("Gemm", [last, weight, f"b{place}"], [f"y{place}"], **given))
        last = f"y{place}"
    first = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", WIDTH])
    answer = helper.make_tensor_value_info(last, TensorProto.FLOAT, ["batch", ANSWERS])
    graph = helper.make_graph(nodes, "g", [first], [answer], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    signature = Signature("f", (Field("a", "text"),), (Field("b", "category"),))
    return Body(signature, "once", {"model": model.SerializeToString()}, {})


def _kept(body: Body) -> set[str]:
    """Return the weights that are as they were."""
    return {
        one.name
        for one in onnx.load_from_string(body.graphs["model"]).graph.initializer
        if one.data_type == TensorProto.FLOAT and len(one.dims) == 2
    }


def test_layers_over_vectors_are_in_8_bits_and_heads_are_not() -> None:
    exact = _layers()
    small = compress(exact)
    assert small is not None
    assert _kept(small) == {"network.heads.0.linear.weight"}
    rows = _normal(60, WIDTH, seed=5)
    answers = _run(small, x=rows)
    assert np.abs(_run(exact, x=rows) - answers).max() < 0.3
    alone = np.concatenate([_run(small, x=rows[at : at + 1]) for at in range(len(rows))])
    assert np.abs(alone - answers).max() < 1e-5
    assert len(small.graphs["model"]) < 0.6 * len(exact.graphs["model"])


@pytest.mark.parametrize("other", [_layers(alpha=0.5), _layers(turned=0)])
def test_a_layer_of_another_form_stays_as_it_is(other: Body) -> None:
    small = compress(other)
    assert small is not None
    assert "network.columns.0.weight" in _kept(small)
    rows = _normal(20, WIDTH, seed=5)
    assert np.abs(_run(other, x=rows) - _run(small, x=rows)).max() < 0.3


def test_nothing_large_enough_gives_none() -> None:
    assert compress(_body(_normal(4, 3))) is None


@pytest.mark.parametrize("axis", [0, 1])
def test_only_rows_of_a_table_are_looked_up_in_8_bits(axis: int) -> None:
    # The scales belong to the rows; along the other axis, a lookup in 8 bits would mix them up.
    table = _normal(1000, WIDTH, seed=1) * np.arange(1, 1001)[:, None]
    node = helper.make_node("Gather", ["table", "i"], ["y"], axis=axis)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("i", TensorProto.INT64, ["batch"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, None])],
        [numpy_helper.from_array(table.astype(np.float32), "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    signature = Signature("f", (Field("a", "text"),), (Field("b", "category"),))
    body = Body(signature, "once", {"model": model.SerializeToString()}, {})
    small = compress(body)
    if axis == 1:
        assert small is None
        return
    assert small is not None
    rows = np.array([0, 500, 999])
    exact, found = _run(body, i=rows), _run(small, i=rows)
    for row, other in zip(exact, found, strict=True):
        assert np.abs(row - other).max() <= np.abs(row).max() / 127


def test_a_layer_that_two_texts_read_is_stored_in_8_bits_too() -> None:
    """As the exporter leaves it: W (out, in), turned wherever it is read."""
    weights = np.random.default_rng(0).normal(size=(ANSWERS, WIDTH)).astype(np.float32)
    nodes = [
        *(helper.make_node("Transpose", ["w"], [f"t{one}"], perm=[1, 0]) for one in "ab"),
        *(helper.make_node("MatMul", [f"x{one}", f"t{one}"], [f"y{one}"]) for one in "ab"),
        helper.make_node("Add", ["ya", "yb"], ["y"]),
    ]
    given = [helper.make_tensor_value_info(f"x{one}", TensorProto.FLOAT, ["batch", WIDTH]) for one in "ab"]
    last = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", ANSWERS])
    graph = helper.make_graph(nodes, "g", given, [last], [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    signature = Signature("f", (Field("a", "text"), Field("c", "text")), (Field("b", "category"),))
    exact = Body(signature, "once", {"model": model.SerializeToString()}, {})
    turn_shared_weights(model.graph)
    turned = replace(exact, graphs={"model": model.SerializeToString()})
    small = compress(turned)
    assert small is not None
    assert len(small.graphs["model"]) < 0.35 * len(exact.graphs["model"])
    arrays = {f"x{one}": np.random.default_rng(1).normal(size=(3, WIDTH)).astype(np.float32) for one in "ab"}
    wanted = _run(exact, **arrays)
    assert np.array_equal(_run(turned, **arrays), wanted)
    assert np.abs(_run(small, **arrays) - wanted).max() < 0.02 * np.abs(wanted).max()


def test_a_matrix_that_is_read_as_it_is_stays_as_it_is() -> None:
    weights = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    nodes = [
        helper.make_node("Transpose", ["w"], ["t"], perm=[1, 0]),
        helper.make_node("MatMul", ["x", "t"], ["u"]),
        helper.make_node("MatMul", ["u", "w"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(one, TensorProto.FLOAT, ["batch", 4]) for one in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weights])
    before = graph.SerializeToString()
    turn_shared_weights(graph)
    assert graph.SerializeToString() == before
