"""Magnitude pruning of single weights (Han et al. 2015), and a way to store tensors that are full of zeros.

A tensor with many zeros is stored as the others alone, and a bit a place that tells where they stand. The runtime puts
it together when it opens the graph (its nodes have constant inputs alone), so it computes as before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FEWEST = 64 * 64  # weights of a tensor: fewer gain nothing
_WORTH = 0.9  # of its bytes that a tensor may take when it is packed
_BITS = np.array([1, 2, 4, 8, 16, 32, 64, 128], np.uint8)
_PACKED = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8})


def prune(model: onnx.ModelProto, share: float) -> int:
    """Set a share of the weights of each large tensor to 0, those nearest to it, in place; return how many."""
    gone = 0
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2 or np.prod(tensor.dims) < FEWEST:
            continue
        values = numpy_helper.to_array(tensor).copy()
        size = np.abs(values).ravel()
        count = int(share * size.size)
        least = np.argpartition(size, count)[:count] if count < size.size else np.arange(size.size)
        values.ravel()[least] = 0.0
        gone += count
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return gone


def pack(model: onnx.ModelProto) -> int:
    """Store tensors that are full of zeros as gaps, in place; return how many are."""
    graph = model.graph
    nodes: list[onnx.NodeProto] = []
    kept: list[onnx.TensorProto] = []
    packed = 0
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor) if tensor.data_type in _PACKED else None
        if values is None or values.size < FEWEST or not _pays(values):
            kept.append(tensor)
            continue
        made, stored = _packed(tensor.name, values)
        nodes += made
        kept += stored
        packed += 1
    if not packed:
        return 0
    nodes += graph.node
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, numpy_helper.from_array(_BITS, "gaps.bits")])
    return packed


def _pays(values: NDArray[Any]) -> bool:
    left = int(np.count_nonzero(values)) * values.itemsize + values.size / 8
    return bool(left < _WORTH * values.nbytes)


def _packed(name: str, values: NDArray[Any]) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Return the nodes that put a tensor together, and what they need."""
    flat = values.ravel()
    there = flat != 0
    # the first of what is looked up is the 0 of all gaps
    others = np.concatenate([np.zeros(1, flat.dtype), flat[there]])
    of = f"{name}.gaps"
    stored = [
        numpy_helper.from_array(others, f"{of}.others"),
        numpy_helper.from_array(np.packbits(there, bitorder="little")[:, None], f"{of}.there"),
        numpy_helper.from_array(np.array([-1], np.int64), f"{of}.flat"),
        numpy_helper.from_array(np.array([0], np.int64), f"{of}.begin"),
        numpy_helper.from_array(np.array([flat.size], np.int64), f"{of}.end"),
        numpy_helper.from_array(np.array(0, np.int64), f"{of}.axis"),
        numpy_helper.from_array(np.array(values.shape, np.int64), f"{of}.shape"),
    ]
    make = helper.make_node
    nodes = [
        make("BitwiseAnd", [f"{of}.there", "gaps.bits"], [f"{of}.and"]),  # (bytes, 8)
        make("Cast", [f"{of}.and"], [f"{of}.bool"], to=TensorProto.BOOL),
        make("Cast", [f"{of}.bool"], [f"{of}.ones"], to=TensorProto.INT32),
        make("Reshape", [f"{of}.ones", f"{of}.flat"], [f"{of}.all"]),
        make("Slice", [f"{of}.all", f"{of}.begin", f"{of}.end"], [f"{of}.mask"]),
        make("CumSum", [f"{of}.mask", f"{of}.axis"], [f"{of}.count"]),  # 1 at the first that is there
        make("Mul", [f"{of}.count", f"{of}.mask"], [f"{of}.place"]),  # 0 in a gap
        make("Gather", [f"{of}.others", f"{of}.place"], [f"{of}.values"]),
        make("Reshape", [f"{of}.values", f"{of}.shape"], [name]),
    ]
    return nodes, stored
