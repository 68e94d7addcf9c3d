"""Small ONNX graphs as other tools write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shaped = tuple[int, Sequence[int | str]]  # a type of TensorProto, and the axes
FLOAT, INT64, STRING, DOUBLE = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING, TensorProto.DOUBLE


def graph(
    inputs: Mapping[str, Shaped],
    outputs: Mapping[str, Shaped],
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
    opset: int = 17,
) -> bytes:
    """Return a graph as bytes."""
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info(name, *shaped) for name, shaped in inputs.items()],
            [helper.make_tensor_value_info(name, *shaped) for name, shaped in outputs.items()],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
        ),
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)],
        ir_version=8,
    )
    for key, value in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    content: bytes = model.SerializeToString()
    return content


def linear(
    width: int,
    columns: int,
    *,
    softmax: bool = False,
    weights: Any = None,
    rows: int | str = "n",
    **more: Any,
) -> bytes:
    """Return a graph `x` (n, width) → `y` (n, columns): one layer, and softmax."""
    draw = np.random.default_rng(width * 31 + columns)
    table = draw.normal(size=(width, columns)) if weights is None else np.asarray(weights)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["s" if softmax else "y"])]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["s"], ["y"], axis=1))
    shapes = {"x": (FLOAT, [rows, width])}, {"y": (FLOAT, [rows, columns])}
    return graph(*shapes, nodes, {"w": table.astype(np.float32)}, **more)
