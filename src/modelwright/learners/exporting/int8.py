"""Compresses a graph to 8-bit weights in such a way that an answer does not depend on its batch.

Every row of activations is scaled by its own largest value while the graph runs, so that whatever stands beside
it in a batch changes nothing; every column of a matrix has a scale, and so has every vector of a table. Weights
use 7 of their 8 bits: with all 8, the pairs that AVX2 adds in 16 bits could saturate. What is small stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from modelwright.learners.exporting.network_graph import is_head_weight
from modelwright.package.body import Body
from modelwright.package.content import whole

WEIGHT_LEVELS = 63  # of matrices: 7 bits, symmetric
_LEVELS = 127  # of activations and tables: 8 bits, symmetric
_ZERO = 128  # of activations, in unsigned bytes
_FEWEST_IN_MATRIX = 64 * 64
_FEWEST_IN_TABLE = 100_000


def compress(body: Body) -> Body | None:
    """Return the body with matrices and tables in 8 bits, or None where nothing is large enough."""
    model = onnx.load_from_string(whole(body.graphs["model"]))
    if not _quantise(model):
        return None
    return replace(body, graphs={**body.graphs, "model": model.SerializeToString(deterministic=True)})


def _quantise(model: onnx.ModelProto) -> int:
    """Replace nodes in place and return how many weights were quantised."""
    graph = model.graph
    weights = {one.name: one for one in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    added: dict[str, onnx.TensorProto] = {}
    scaled: set[str] = set()  # activations that are quantised already: query, key and value read the same
    gone: set[str] = set()
    for node in graph.node:
        name = _weight_of(node)
        weight = weights.get(name) if name else None
        if weight is None or not _worth_it(node, weight):
            nodes.append(node)
            continue
        gone.add(weight.name)
        if node.op_type == "Gather":
            nodes.extend(_table(node, weight, added))
            continue
        if node.input[0] not in scaled:
            scaled.add(node.input[0])
            nodes.extend(_rows(node.input[0]))
        nodes.extend(
            _matrix(node, weight, added) if node.op_type == "MatMul" else _layer(node, weight, added)
        )
    if not gone:
        return 0
    used = {name for node in nodes for name in node.input}
    kept = [one for one in graph.initializer if one.name not in gone or one.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, *added.values(), *_constants()])
    if not any(one.domain == "com.microsoft" for one in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return len(gone)


def _constants() -> list[onnx.TensorProto]:
    values: dict[str, NDArray[Any]] = {
        "int8.last": np.array([-1], np.int64),
        "int8.one": np.array(1, np.float32),
        "int8.step": np.array(1 / _LEVELS, np.float32),
        "int8.round": np.array(_ZERO + 0.5, np.float32),  # Cast cuts off
        "int8.tiny": np.array(1e-12, np.float32),
        "int8.zero": np.array(_ZERO, np.uint8),
        "int8.none": np.array(0, np.int8),
    }
    return [numpy_helper.from_array(value, name) for name, value in values.items()]


def _rows(name: str) -> list[onnx.NodeProto]:
    """Return the nodes that scale each row (last axis) of activations to unsigned bytes around 128."""
    make = helper.make_node
    return [
        make("Abs", [name], [f"{name}.abs"]),
        make("ReduceMax", [f"{name}.abs", "int8.last"], [f"{name}.most"], keepdims=1),
        make("Mul", [f"{name}.most", "int8.step"], [f"{name}.step"]),
        make("Max", [f"{name}.step", "int8.tiny"], [f"{name}.scale"]),
        make("Div", ["int8.one", f"{name}.scale"], [f"{name}.inverse"]),
        make("Mul", [name, f"{name}.inverse"], [f"{name}.steps"]),
        make("Add", [f"{name}.steps", "int8.round"], [f"{name}.shifted"]),
        make("Cast", [f"{name}.shifted"], [f"{name}.bytes"], to=onnx.TensorProto.UINT8),
    ]


def _weight_of(node: onnx.NodeProto) -> str | None:
    if node.op_type == "MatMul" or (node.op_type == "Gemm" and _is_inner(node)):
        return str(node.input[1])
    return str(node.input[0]) if node.op_type == "Gather" else None


def _is_inner(node: onnx.NodeProto) -> bool:
    """Tell whether a Gemm is y = x Wᵀ + b, as a layer over one vector a row is exported, and none of the heads.

    Heads stay in float32: they are small, and are fitted again to what the other layers give in 8 bits.
    """
    given = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    usual = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}
    stated = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0} | given
    return stated == usual and len(node.input) == 3 and not is_head_weight(str(node.input[1]))


def _worth_it(node: onnx.NodeProto, weight: onnx.TensorProto) -> bool:
    if len(weight.dims) != 2 or weight.data_type != onnx.TensorProto.FLOAT:
        return False
    is_table = node.op_type == "Gather"
    axis = next((one.i for one in node.attribute if one.name == "axis"), 0)
    fewest = _FEWEST_IN_TABLE if is_table else _FEWEST_IN_MATRIX
    return int(np.prod(weight.dims)) >= fewest and not (is_table and axis != 0)


def _matrix(
    node: onnx.NodeProto, weight: onnx.TensorProto, added: dict[str, onnx.TensorProto]
) -> list[onnx.NodeProto]:
    quantised, scales = f"{weight.name}.q", f"{weight.name}.scale"
    if quantised not in added:
        steps, scale = rounded(numpy_helper.to_array(weight).T, WEIGHT_LEVELS)
        added[quantised] = numpy_helper.from_array(np.ascontiguousarray(steps.T.astype(np.int8)), quantised)
        added[scales] = numpy_helper.from_array(scale, scales)
    name, output = node.input[0], node.output[0]
    inputs = [f"{name}.bytes", quantised, "int8.one", scales, "int8.zero", "int8.none"]
    return [
        helper.make_node("MatMulIntegerToFloat", inputs, [f"{output}.unscaled"], domain="com.microsoft"),
        helper.make_node("Mul", [f"{output}.unscaled", f"{name}.scale"], [output], name=node.name),
    ]


def _layer(
    node: onnx.NodeProto, weight: onnx.TensorProto, added: dict[str, onnx.TensorProto]
) -> list[onnx.NodeProto]:
    """Return a layer over vectors: W (out, in), turned to (in, out), is a matrix as others, and its bias is added."""
    turned = np.ascontiguousarray(numpy_helper.to_array(weight).T)
    product = f"{node.output[0]}.product"
    matrix = helper.make_node("MatMul", [node.input[0], weight.name], [product], name=node.name)
    return [
        *_matrix(matrix, numpy_helper.from_array(turned, weight.name), added),
        helper.make_node("Add", [product, node.input[2]], [node.output[0]]),
    ]


def _table(
    node: onnx.NodeProto, weight: onnx.TensorProto, added: dict[str, onnx.TensorProto]
) -> list[onnx.NodeProto]:
    quantised, scales = f"{weight.name}.q", f"{weight.name}.scale"
    if quantised not in added:
        steps, scale = rounded(numpy_helper.to_array(weight), _LEVELS)
        added[quantised] = numpy_helper.from_array(steps.astype(np.int8), quantised)
        added[scales] = numpy_helper.from_array(scale[:, None], scales)
    output, places = node.output[0], node.input[1]
    found = f"{output}.found"  # apart from the names of `_rows`, which may scale what was looked up
    return [
        helper.make_node("Gather", [quantised, places], [f"{found}.q"], name=node.name),
        helper.make_node("Cast", [f"{found}.q"], [f"{found}.steps"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Gather", [scales, places], [f"{found}.scale"]),
        helper.make_node("Mul", [f"{found}.steps", f"{found}.scale"], [output]),
    ]


def rounded(values: NDArray[np.float32], levels: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return whole steps from -levels to levels and the scale of each vector along the last axis."""
    scale = (np.abs(values).max(axis=-1) / levels).astype(np.float32)
    scale[scale == 0] = 1
    return np.rint(values / scale[..., None]).astype(np.float32), scale
