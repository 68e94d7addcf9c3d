"""Computes matrix products in 8 bits with scales of activations that are fixed on training rows.

One step rounds what flows in, where scaling each row by itself takes eight; values beyond the range that training rows
showed are cut. Weights have a scale a column and use 7 of their 8 bits, as in `int8`.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from modelwright.learners.compressing.material import CALIBRATED, Material, flowing
from modelwright.learners.exporting import int8

_FEWEST = 64 * 64
_LEVELS = 255
_DOMAIN = "com.microsoft"


def quantise(model: onnx.ModelProto, clip: float, material: Material) -> int:
    """Replace products with large matrices in place; return how many. clip: share of values beyond each end."""
    graph = model.graph
    weights = {one.name: one for one in graph.initializer}
    found = {
        node.output[0]: weights[node.input[1]]
        for node in graph.node
        if node.op_type == "MatMul" and _worth_it(weights.get(node.input[1]))
    }
    if not found:
        return 0
    read = sorted({node.input[0] for node in graph.node if node.output[0] in found})
    ranges = _ranges(model, read, clip, material)
    nodes: list[onnx.NodeProto] = []
    added: dict[str, onnx.TensorProto] = {
        "fixed.none": numpy_helper.from_array(np.array(0, np.int8), "fixed.none")
    }
    rounded: set[str] = set()
    for node in graph.node:
        weight = found.get(node.output[0]) if node.op_type == "MatMul" else None
        if weight is None:
            nodes.append(node)
            continue
        name, columns, scales = node.input[0], f"{weight.name}.q", f"{weight.name}.scale"
        scale, zero, steps = f"{name}.fixed.scale", f"{name}.fixed.zero", f"{name}.fixed"
        if name not in rounded:
            rounded.add(name)
            low, high = ranges[name]
            step = (high - low) / _LEVELS or 1.0
            added[scale] = numpy_helper.from_array(np.array(step, np.float32), scale)
            at = int(np.clip(np.rint(-low / step), 0, _LEVELS))
            added[zero] = numpy_helper.from_array(np.array(at, np.uint8), zero)
            nodes.append(helper.make_node("QuantizeLinear", [name, scale, zero], [steps]))
        if columns not in added:
            values = numpy_helper.to_array(weight)
            whole, size = int8.rounded(values.T, int8.WEIGHT_LEVELS)  # (out, in), (out,)
            turned = np.ascontiguousarray(whole.T.astype(np.int8))
            added[columns] = numpy_helper.from_array(turned, columns)
            added[scales] = numpy_helper.from_array(size, scales)
        inputs = [steps, columns, scale, scales, zero, "fixed.none"]
        nodes.append(
            helper.make_node(
                "MatMulIntegerToFloat", inputs, list(node.output), name=node.name, domain=_DOMAIN
            )
        )
    used = {name for node in nodes for name in node.input}
    kept = [one for one in graph.initializer if one.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, *added.values()])
    if not any(one.domain == _DOMAIN for one in model.opset_import):
        model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    return len(found)


def _worth_it(weight: onnx.TensorProto | None) -> bool:
    return (
        weight is not None
        and len(weight.dims) == 2
        and weight.data_type == TensorProto.FLOAT
        and int(np.prod(weight.dims)) >= _FEWEST
    )


def _ranges(
    model: onnx.ModelProto, names: list[str], clip: float, material: Material
) -> dict[str, tuple[float, float]]:
    """Return by tensor its smallest and largest value on training rows; 0 lies within."""
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in names}
    for tensors in flowing(model, names, material.train(CALIBRATED)):
        for name, values in tensors.items():
            found[name].append(np.quantile(values.astype(np.float64), [clip, 1.0 - clip]))
    return {
        # of rows' quantiles the outermost where nothing is cut, else their median
        name: (
            min(0.0, float(np.min(ends, axis=0)[0] if clip == 0 else np.median(ends, axis=0)[0])),
            max(0.0, float(np.max(ends, axis=0)[1] if clip == 0 else np.median(ends, axis=0)[1])),
        )
        for name, ends in found.items()
    }
