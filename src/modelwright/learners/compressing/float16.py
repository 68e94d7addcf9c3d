"""Stores weights in 16 bits; the runtime turns them into 32 when it opens the graph, so it computes as before."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_FEWEST = 256  # weights of a tensor: a node for fewer would take more than is won
_LARGEST = float(np.finfo(np.float16).max)


def store(model: onnx.ModelProto) -> int:
    """Store the weights of a graph in 16 bits, in place; return how many tensors are stored so.

    A tensor with a weight that 16 bits cannot hold (above 65,504) stays as it is.
    """
    graph, casts, stored = model.graph, [], 0
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < _FEWEST:
            continue
        values = numpy_helper.to_array(tensor)
        if not np.isfinite(values).all() or np.abs(values).max() > _LARGEST:
            continue
        name, halved = tensor.name, f"{tensor.name}.f16"
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), halved))
        casts.append(helper.make_node("Cast", [halved], [name], to=TensorProto.FLOAT))
        stored += 1
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return stored
