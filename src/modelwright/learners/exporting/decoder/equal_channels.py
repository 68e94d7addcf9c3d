"""Makes the channels of a decoder more alike, so that less is lost when what flows between its matrices is rounded.

A few channels of what a matrix is multiplied with are far larger than the others, and one scale a row spends its steps
on them. x · W is (x / s) · (s · W) for any s, one number a channel: divided by s, large channels become smaller, and
their weights larger by as much. s = |x|^a / |w|^(1 - a) shares between the two what is hard to round (Xiao et al. 2022,
SmoothQuant, formula 4). Here |x| is the geometric mean of a channel's largest value and of its root mean square over
some tokens: the largest alone is often that of one odd token, whose row has a scale of its own. |w| is the root mean
square of the channel's weights, each as a share of the largest of its row, which has a scale of its own as well.

Dividing costs nothing: it is done once, to what makes the channel, which is a norm or the rows of `up`. Of a table that
is words and head, what is looked up has to be divided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from modelwright.package.content import Content
from modelwright.package.graphs import open_session

Channels = NDArray[np.float32]
Values = Callable[[str], NDArray[np.float32]]
"""Reads a tensor of a graph by its name."""

_TO_WEIGHTS = 0.65  # a: how much of the difference goes to the weights
_LEAST = 1e-5  # of a channel that is always zero, and of one without weights
_STEPS = 8  # from one power of two to the next: that another processor adds in another order changes no s
# where each has its weights
_NORMS = {"SimplifiedLayerNormalization": 1, "SkipSimplifiedLayerNormalization": 2}
_PAST = "past."
_STATISTICS = ("largest", "squares")  # over the tokens, of each channel
_PRODUCTS = {"MatMul": 0, "Gemm": 1}  # the axis of the channels in the matrix


def factors(
    model: onnx.ModelProto,
    products: Sequence[onnx.NodeProto],
    values: Values,
    files: Mapping[str, Content],
    pieces: Sequence[Sequence[int]],
) -> dict[str, Channels]:
    """Return by name what tensors are multiplied with so that the graph computes the same, its channels more alike.

    model: as `decoder_graph.written` writes it; products: those of its MLPs and its head whose channels are made alike;
    files: where its weights lie; pieces: tokens that follow each other, at least one piece, each no longer than the
    context. Every factor can be broadcast to its tensor. A table that is words and head gets the head's, by which words
    that are looked up have to be divided.
    """
    found = _Factors(model, values)
    sizes = _sizes(model, products, files, pieces)
    # first those whose channels are rows of another matrix: they change what its channels weigh
    for product in sorted(products, key=lambda one: found.source(one).op_type in _NORMS):
        found.settle(product, sizes[product.input[0]])
    return found.by_name


class _Factors:
    """What is settled so far."""

    def __init__(self, model: onnx.ModelProto, values: Values) -> None:
        self.by_name: dict[str, Channels] = {}
        self._values = values
        self._made_by: dict[str, onnx.NodeProto] = {
            out: node for node in model.graph.node for out in node.output
        }

    def source(self, product: onnx.NodeProto) -> onnx.NodeProto:
        """Return the node that makes the channels of a product."""
        node = self._made_by[product.input[0]]
        while node.op_type in ("Gather", "Reshape"):  # the head reads some places of what a norm makes
            node = self._made_by[node.input[0]]
        return node

    def settle(self, product: onnx.NodeProto, size: Channels) -> None:
        """Divide the channels of a product, which are so large, (in,), and multiply their weights."""
        name, axis = product.input[1], _PRODUCTS[product.op_type]
        weights = np.abs(self._values(name) * self.by_name.get(name, np.float32(1)))
        share = weights / np.maximum(weights.max(axis, keepdims=True), np.float32(_LEAST))
        weight = np.sqrt(np.square(share).mean(1 - axis))  # (in,)
        x, w = (np.maximum(one, _LEAST).astype(np.float64) for one in (size, weight))
        scales = _TO_WEIGHTS * np.log2(x) - (1 - _TO_WEIGHTS) * np.log2(w)
        # about 1 in the mean, so that nothing as a whole grows or shrinks
        s = np.exp2(np.rint((scales - scales.mean()) * _STEPS) / _STEPS).astype(np.float32)
        self._multiply(name, np.expand_dims(s, 1 - axis))
        source = self.source(product)
        if (place := _NORMS.get(source.op_type)) is not None:
            self._multiply(source.input[place], 1 / s)
        else:  # the gate times `up`, which is the second half of one matrix
            self._divide_rows(self._made_by[source.input[1]].input[0], s)

    def _divide_rows(self, out: str, s: Channels) -> None:
        """Divide the last rows of a matrix, as many as s has."""
        node = self._made_by[out]
        if node.op_type == "Add":
            self._divide_last(node.input[1], s)
            node = self._made_by[node.input[0]]
        self._divide_last(node.input[1], s)

    def _divide_last(self, name: str, s: Channels) -> None:
        every = np.ones(self._values(name).shape[-1], dtype=np.float32)
        every[-len(s) :] /= s
        self._multiply(name, every)

    def _multiply(self, name: str, factor: Channels) -> None:
        self.by_name[name] = factor * self.by_name.get(name, np.float32(1))


def _sizes(
    model: onnx.ModelProto,
    products: Sequence[onnx.NodeProto],
    files: Mapping[str, Content],
    pieces: Sequence[Sequence[int]],
) -> dict[str, Channels]:
    """Return how large the channels are that products read of these tokens, (channels,), by what is read."""
    read = {one.input[0]: 3 if one.op_type == "MatMul" else 2 for one in products}
    graph = _measuring(model, read, max(map(len, pieces)))
    session = open_session(graph.SerializeToString(), 1, "model.onnx", files)
    empty = {
        one.name: np.zeros((1, *one.shape[1:]), dtype=np.float32)
        for one in session.get_inputs()
        if one.name.startswith(_PAST)
    }
    largest, squares = ({name: np.float32(0) for name in read} for _ in range(2))
    for piece in pieces:
        given = {
            "ids": np.array([piece], dtype=np.int64),
            "lengths": np.array([len(piece) - 1], dtype=np.int32),
            "total": np.array(len(piece), dtype=np.int32),
            "places": np.arange(len(piece), dtype=np.int64),
        }
        found = iter(
            session.run([f"{name}.{one}" for name in read for one in _STATISTICS], {**given, **empty})
        )
        for name, most, square in zip(read, found, found, strict=True):
            largest[name] = np.maximum(largest[name], most)
            squares[name] = squares[name] + square
    tokens = np.float32(sum(map(len, pieces)))
    return {name: np.sqrt(largest[name] * np.sqrt(squares[name] / tokens)) for name in read}


def _measuring(model: onnx.ModelProto, read: Mapping[str, int], context: int) -> onnx.ModelProto:
    """Return the graph whose outputs tell of values, by name with their rank, and a cache of so many positions.

    It computes no logits: nobody asks for them, and of a small decoder they are a good part of the work.
    """
    seen = onnx.ModelProto()
    seen.CopyFrom(model)
    graph = seen.graph
    for one in graph.input:
        if one.name.startswith(_PAST):
            one.type.tensor_type.shape.dim[2].dim_value = context
    kept = [node for node in graph.node if node.op_type != "Gemm"]
    del graph.node[:], graph.output[:]
    graph.node.extend(kept)
    make = helper.make_node
    for name, rank in read.items():
        most, square = (f"{name}.{one}" for one in _STATISTICS)
        axes = f"{name}.axes"
        graph.initializer.append(onnx.numpy_helper.from_array(np.arange(rank - 1, dtype=np.int64), axes))
        graph.node.append(make("Abs", [name], [f"{name}.size"]))
        graph.node.append(make("ReduceMax", [f"{name}.size", axes], [most], keepdims=0))
        graph.node.append(make("ReduceSumSquare", [name, axes], [square], keepdims=0))
        for out in (most, square):
            graph.output.append(helper.make_tensor_value_info(out, TensorProto.FLOAT, [None]))
    return seen
