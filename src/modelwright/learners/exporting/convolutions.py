"""Computes the convolutions of a graph in 8 bits: one scale a tensor of activations, fixed on training rows.

The scales are constants of the graph, so an answer does not depend on its batch. Weights have a scale for each
channel and use 7 of their 8 bits: with all 8, the pairs that AVX2 adds in 16 bits could saturate. Between two
convolutions values stay bytes through what is listed in `_BETWEEN`; before the first and after the last they are
floats.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from modelwright.learners.exporting.quiet import quiet
from modelwright.package.ort import onnxruntime  # noqa: F401 - before its quantisation, which would load it otherwise

# isort: split
from onnxruntime import quantization

Arrays = Mapping[str, NDArray[Any]]

_BETWEEN = frozenset({"Relu", "Clip", "Add", "AveragePool", "MaxPool"})
_AXES = 4  # of the weights of a convolution over pictures: (out, in, height, width)
_FEWEST_WEIGHTS = 64 * 64  # fewer gain nothing


def named_nodes(model: onnx.ModelProto) -> list[str]:
    """Name the nodes that can be computed in 8 bits, in place, and return the names; none where that gains nothing."""
    weights = {one.name: one for one in model.graph.initializer}
    inside: set[str] = set()  # what comes of those nodes
    names, count = [], 0
    for place, node in enumerate(model.graph.node):  # in the order in which they are computed
        weight = weights.get(node.input[1]) if node.op_type == "Conv" else None
        if weight is not None and len(weight.dims) == _AXES:
            count += int(np.prod(weight.dims))
        elif not _stays_inside(node, inside, weights.keys()):
            continue
        node.name = f"int8.{place}"
        names.append(node.name)
        inside.update(node.output)
    return names if count >= _FEWEST_WEIGHTS else []


def _stays_inside(node: onnx.NodeProto, inside: set[str], constants: Iterable[str]) -> bool:
    """Tell whether a node only passes on what convolutions gave."""
    if node.op_type not in _BETWEEN:
        return False
    known = set(constants)
    values = [name for name in node.input if name and name not in known]
    # a sum with a constant is no meeting of two branches, and has a range of its own
    return inside.issuperset(values) and (node.op_type != "Add" or len(values) == 2)


def quantised(model: onnx.ModelProto, names: list[str], batches: Iterable[Arrays]) -> onnx.ModelProto:
    """Return the graph with the named nodes in 8 bits; batches: of training rows, which show the ranges."""
    kinds_of_nodes = sorted({node.op_type for node in model.graph.node if node.name in names})
    with tempfile.TemporaryDirectory() as folder, quiet():
        path = Path(folder) / "model.onnx"
        quantization.quantize_static(
            model,
            path,
            _Reader(batches),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=kinds_of_nodes,
            nodes_to_quantize=names,
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            # the smallest and the largest value that any row shows: on MobileNetV2 no percentile changed fewer answers
            calibrate_method=quantization.CalibrationMethod.MinMax,
        )
        made = onnx.load(path)
    del made.graph.value_info[:], made.metadata_props[:]
    return made


class _Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
    """Hands out the batches, as the library asks for them."""

    def __init__(self, batches: Iterable[Arrays]) -> None:
        self._batches: Iterator[Arrays] = iter(batches)

    def get_next(self) -> Arrays | None:
        """Return the next batch, None after the last."""
        return next(self._batches, None)
