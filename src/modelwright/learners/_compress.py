"""Compresses a graph to 8-bit weights in such a way that an answer does not depend on its batch.

Matrices are quantised in blocks along the inner axis, and each row of activations in the same blocks while it
is multiplied (ONNX Runtime's MatMulNBits at accuracy level 4): a row's scale is its own, whatever stands beside
it. Tables of vectors are quantised a vector at a time. What is small stays as it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from modelwright.serve.body import Body

_BITS = 8
_LEVELS = 127  # symmetric: from -127 to 127, around 128 in unsigned bytes
_BLOCK = 32  # weights that share a scale
_INT8_ROWS = 4  # MatMulNBits' accuracy level at which activations are int8 too, scaled a row and block
_FEWEST_IN_MATRIX = 64 * 64
_FEWEST_IN_TABLE = 100_000


def compress(body: Body) -> Body | None:
    """Return the body with matrices and tables in 8 bits, or None where nothing is large enough."""
    model = onnx.load_from_string(body.graphs["model"])
    if not _quantise(model):
        return None
    return replace(body, graphs={**body.graphs, "model": model.SerializeToString(deterministic=True)})


def _quantise(model: onnx.ModelProto) -> int:
    """Replace nodes in place and return how many weights were quantised."""
    graph = model.graph
    weights = {one.name: one for one in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    added: dict[str, onnx.TensorProto] = {}
    gone: set[str] = set()
    for node in graph.node:
        name = _weight_of(node)
        weight = weights.get(name) if name else None
        if weight is None or not _worth_it(node, weight):
            nodes.append(node)
        elif node.op_type == "MatMul":
            nodes.append(_matrix(node, weight, added))
            gone.add(weight.name)
        else:
            nodes.extend(_table(node, weight, added))
            gone.add(weight.name)
    kept_uses = {name for node in nodes for name in node.input}
    remaining = [one for one in graph.initializer if one.name not in gone or one.name in kept_uses]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*remaining, *added.values()])
    if gone and not any(one.domain == "com.microsoft" for one in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return len(gone)


def _weight_of(node: onnx.NodeProto) -> str | None:
    if node.op_type == "MatMul":
        return str(node.input[1])
    return str(node.input[0]) if node.op_type == "Gather" else None


def _worth_it(node: onnx.NodeProto, weight: onnx.TensorProto) -> bool:
    if len(weight.dims) != 2 or weight.data_type != onnx.TensorProto.FLOAT:
        return False
    fewest = _FEWEST_IN_MATRIX if node.op_type == "MatMul" else _FEWEST_IN_TABLE
    axis = next((one.i for one in node.attribute if one.name == "axis"), 0)
    return int(np.prod(weight.dims)) >= fewest and (node.op_type == "MatMul" or axis == 0)


def _matrix(
    node: onnx.NodeProto, weight: onnx.TensorProto, added: dict[str, onnx.TensorProto]
) -> onnx.NodeProto:
    inner, outer = weight.dims
    quantised, scales = f"{weight.name}.q", f"{weight.name}.scale"
    if quantised not in added:
        values = numpy_helper.to_array(weight)
        padded = np.zeros((-(-inner // _BLOCK) * _BLOCK, outer), np.float32)
        padded[:inner] = values
        blocks = padded.T.reshape(outer, -1, _BLOCK)
        steps, scale = _rounded(blocks)
        added[quantised] = numpy_helper.from_array((steps + 128).astype(np.uint8), quantised)
        added[scales] = numpy_helper.from_array(scale, scales)
    return helper.make_node(
        "MatMulNBits",
        [node.input[0], quantised, scales],
        list(node.output),
        name=node.name,
        domain="com.microsoft",
        K=inner,
        N=outer,
        bits=_BITS,
        block_size=_BLOCK,
        accuracy_level=_INT8_ROWS,
    )


def _table(
    node: onnx.NodeProto, weight: onnx.TensorProto, added: dict[str, onnx.TensorProto]
) -> list[onnx.NodeProto]:
    quantised, scales = f"{weight.name}.q", f"{weight.name}.scale"
    if quantised not in added:
        steps, scale = _rounded(numpy_helper.to_array(weight))
        added[quantised] = numpy_helper.from_array(steps.astype(np.int8), quantised)
        added[scales] = numpy_helper.from_array(scale[:, None], scales)
    output, places = node.output[0], node.input[1]
    return [
        helper.make_node("Gather", [quantised, places], [f"{output}.q"], name=node.name),
        helper.make_node("Cast", [f"{output}.q"], [f"{output}.steps"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Gather", [scales, places], [f"{output}.scale"]),
        helper.make_node("Mul", [f"{output}.steps", f"{output}.scale"], [output]),
    ]


def _rounded(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return whole steps from -127 to 127 and the scale of each vector along the last axis."""
    scale = (np.abs(values).max(axis=-1) / _LEVELS).astype(np.float32)
    scale[scale == 0] = 1
    return np.rint(values / scale[..., None]).astype(np.float32), scale
