"""What a graph has to compute for a row: a figure that is the same wherever and whenever it is asked for.

Multiplications with weights, each by how long it takes beside one of float32, and a price for each node (MiniLM on one
thread with AVX2; docs/compression.md). A clock would give another answer each time, and what decides must not.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper

from modelwright.learners.compressing.material import graph_of, one_by_one
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.package.body import Body
from modelwright.package.graphs import open_session

_BYTES, _FOUR_BITS = 0.5, 0.8  # of what a product takes in float32
# What a node takes beside: in a small graph, the steps that scale activations outweigh what 8 bits save. With it, int8
# comes to 0.61 of MiniLM's time for a question, and was measured at 0.56; scales that are fixed to 0.56 and 0.50.
_NODE = 50_000
_SHARES: Mapping[str, float] = {
    "MatMul": 1.0,
    "Gemm": 1.0,
    "Conv": 1.0,
    "MatMulIntegerToFloat": _BYTES,
    "MatMulNBits": _FOUR_BITS,
}


def work(body: Body, rows: EncodedRows) -> float:
    """Return what the graph `model` computes for these rows: multiplications, and a price for each node that runs."""
    return multiplications(body, rows) + _NODE * len(_running(graph_of(body))) * len(rows)


def multiplications(body: Body, rows: EncodedRows) -> float:
    """Return what the graph `model` multiplies with weights for these rows, in multiplications of float32."""
    model = graph_of(body)
    counted = _products(model)
    if not counted:
        return 0.0
    names = list(
        dict.fromkeys(name for node, _ in counted for name in (node.output[0], *_weight(node, model)))
    )
    model.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in names
        if name not in {one.name for one in model.graph.output}
    )
    session = open_session(model.SerializeToString(), 1, "model")
    sizes = {one.name: tuple(one.dims) for one in model.graph.initializer}
    total = 0.0
    for arrays in one_by_one(rows):
        found = dict(zip(names, session.run(names, dict(arrays)), strict=True))
        shapes = {**sizes, **{name: values.shape for name, values in found.items()}}
        total += sum(share * _each(node, shapes) * np.prod(shapes[node.output[0]]) for node, share in counted)
    return float(total)


def _products(model: onnx.ModelProto) -> list[tuple[onnx.NodeProto, float]]:
    """Return the nodes that multiply with weights, and how long each multiplication takes."""
    constant = {one.name for one in model.graph.initializer}
    bytes_: set[str] = set()  # weights that are stored in 8 bits, and computed with as such
    found = []
    for node in model.graph.node:
        if all(name in constant for name in node.input if name):
            constant.update(node.output)
            if node.op_type == "DequantizeLinear":
                bytes_.update(node.output)
        elif node.op_type in _SHARES and node.input[1] in constant:
            found.append((node, _BYTES if node.input[1] in bytes_ else _SHARES[node.op_type]))
    return found


def _running(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Return the nodes that run for a row; those of constants alone run when the graph is opened."""
    constant = {one.name for one in model.graph.initializer}
    found = []
    for node in model.graph.node:
        if all(name in constant for name in node.input if name):
            constant.update(node.output)
        else:
            found.append(node)
    return found


def _weight(node: onnx.NodeProto, model: onnx.ModelProto) -> list[str]:
    """Return the weight of a node where it is put together by others, which know its size."""
    return [] if any(one.name == node.input[1] for one in model.graph.initializer) else [node.input[1]]


def _each(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> float:
    """Return how many multiplications each number takes that a node gives."""
    if node.op_type == "MatMulNBits":
        return float(next(one.i for one in node.attribute if one.name == "K"))
    dims = shapes[node.input[1]]
    if node.op_type == "Conv":
        return float(np.prod(dims[1:]))
    transposed = any(one.name == "transB" and one.i for one in node.attribute)
    return float(dims[1 if transposed else 0])
