"""Stores matrices and tables in 4 bits, with one scale and one zero a block of weights.

The runtime multiplies such matrices without unpacking them (`MatMulNBits`): it rounds activations to 8 bits for each
block of each row, so an answer does not depend on its batch: but on processors without AVX-512 one row alone has other
last bits than two and more. Tables are looked up by `GatherBlockQuantized`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_FEWEST_IN_MATRIX = 64 * 64
_FEWEST_IN_TABLE = 10_000
_LEVELS = 15
_SHRUNK = (1.0, 0.95, 0.9, 0.85, 0.8)  # of a block's range: the outermost weights cost the others their steps
_ROUNDED = 4  # `accuracy_level`: activations in 8 bits
_DOMAIN = "com.microsoft"


def store(model: onnx.ModelProto, block: int, of: str) -> int:
    """Store large weights in 4 bits, in place; return how many tensors. of: `all`, `tables` or `matrices`."""
    graph = model.graph
    weights = {one.name: one for one in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    added: dict[str, onnx.TensorProto] = {}
    gone: set[str] = set()
    for node in graph.node:
        weight = weights.get(_weight_of(node, of) or "")
        if weight is None or not _worth_it(node, weight):
            nodes.append(node)
            continue
        gone.add(weight.name)
        values = numpy_helper.to_array(weight)
        if node.op_type == "Gather":
            nodes.append(_table(node, weight.name, values, block, added))
        else:
            nodes.append(_matrix(node, weight.name, values, block, added))
    if not gone:
        return 0
    used = {name for node in nodes for name in node.input}
    kept = [one for one in graph.initializer if one.name not in gone or one.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, *added.values()])
    if not any(one.domain == _DOMAIN for one in model.opset_import):
        model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    return len(gone)


def _weight_of(node: onnx.NodeProto, of: str) -> str | None:
    if node.op_type == "MatMul" and of != "tables":
        return str(node.input[1])
    return str(node.input[0]) if node.op_type == "Gather" and of != "matrices" else None


def _worth_it(node: onnx.NodeProto, weight: onnx.TensorProto) -> bool:
    if len(weight.dims) != 2 or weight.data_type != TensorProto.FLOAT:
        return False
    fewest = _FEWEST_IN_MATRIX if node.op_type == "MatMul" else _FEWEST_IN_TABLE
    axis = next((one.i for one in node.attribute if one.name == "axis"), 0)
    return int(np.prod(weight.dims)) >= fewest and axis == 0


def _matrix(
    node: onnx.NodeProto,
    name: str,
    values: NDArray[np.float32],
    block: int,
    added: dict[str, onnx.TensorProto],
) -> onnx.NodeProto:
    names = [f"{name}.q4.m", f"{name}.q4.m.scale", f"{name}.q4.m.zero"]
    inputs, outputs = values.shape
    if names[0] not in added:
        steps, scale, zero = rounded(values.T, block)  # (n, blocks, block), (n, blocks) twice
        added[names[0]] = numpy_helper.from_array(_pairs(steps), names[0])
        added[names[1]] = numpy_helper.from_array(scale.ravel(), names[1])
        added[names[2]] = numpy_helper.from_array(_pairs(zero).ravel(), names[2])
    return helper.make_node(
        "MatMulNBits",
        [node.input[0], *names],
        list(node.output),
        name=node.name,
        domain=_DOMAIN,
        K=inputs,
        N=outputs,
        bits=4,
        block_size=block,
        accuracy_level=_ROUNDED,
    )


def _table(
    node: onnx.NodeProto,
    name: str,
    values: NDArray[np.float32],
    block: int,
    added: dict[str, onnx.TensorProto],
) -> onnx.NodeProto:
    names = [f"{name}.q4.t", f"{name}.q4.t.scale", f"{name}.q4.t.zero"]
    rows, width = values.shape
    if names[0] not in added:
        steps, scale, zero = rounded(values, block)
        # blocks are filled up to their size, and a table has no filling: what is looked up is as wide as it was
        packed = _pairs(steps).reshape(rows, -1)[:, : math.ceil(width / 2)]
        added[names[0]] = numpy_helper.from_array(np.ascontiguousarray(packed), names[0])
        added[names[1]] = numpy_helper.from_array(scale, names[1])
        added[names[2]] = numpy_helper.from_array(_pairs(zero), names[2])
    return helper.make_node(
        "GatherBlockQuantized",
        [names[0], node.input[1], names[1], names[2]],
        list(node.output),
        name=node.name,
        domain=_DOMAIN,
        gather_axis=0,
        quantize_axis=1,
        block_size=block,
        bits=4,
    )


def _pairs(steps: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return two steps a byte along the last axis, the first in its lower half; an odd last one stands alone."""
    if steps.shape[-1] % 2:
        steps = np.concatenate([steps, np.zeros_like(steps[..., :1])], axis=-1)
    return np.ascontiguousarray(steps[..., ::2] | (steps[..., 1::2] << 4))


def rounded(
    values: NDArray[np.float32], block: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]]:
    """Return whole steps (n, blocks, block) from 0 to 15, scales and zeros (n, blocks) of rows (n, k).

    Of a few ranges, each block has the one with which its weights are least off (squared).
    """
    rows, width = values.shape
    filled = np.pad(values, ((0, 0), (0, -width % block))).reshape(rows, -1, block).astype(np.float32)
    low, high = np.minimum(filled.min(-1), 0.0), np.maximum(filled.max(-1), 0.0)
    best: list[NDArray[Any]] | None = None
    for shrunk in _SHRUNK:
        scale = ((high - low) * shrunk / _LEVELS).astype(np.float32)
        scale[scale == 0] = 1.0
        zero = np.clip(np.rint(-low * shrunk / scale), 0, _LEVELS)
        steps = np.clip(np.rint(filled / scale[..., None]) + zero[..., None], 0, _LEVELS)
        off = np.square((steps - zero[..., None]) * scale[..., None] - filled).sum(-1)
        if best is None:
            best = [steps, scale, zero, off]
            continue
        better = off < best[3]
        best[0][better] = steps[better]
        for place, found in ((1, scale), (2, zero), (3, off)):
            best[place][better] = found[better]
    assert best is not None
    return best[0].astype(np.uint8), best[1].astype(np.float32), best[2].astype(np.uint8)
