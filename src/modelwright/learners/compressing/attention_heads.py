"""Takes whole heads of attention out of a graph: their queries, keys and values, and the rows of what reads them.

Which heads stay: those that explain most of what all of them pass on, chosen one after another, each for what those
before it do not explain already, over training rows. What reads them is then fitted by least squares, so that it gives
what it gave with all of them, as for channels (`channels`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from modelwright.learners.compressing.attention_groups import AttentionGroup, Projection, attentions
from modelwright.learners.compressing.channels import products
from modelwright.learners.compressing.kept_channels import from_those_kept, ridge
from modelwright.learners.compressing.material import Material

_APART, _APART_KEYS = (0, 2, 1, 3), (0, 2, 3, 1)  # of (batch, length, heads, size), as attention takes it


def prune(model: onnx.ModelProto, share: float, material: Material) -> int:
    """Take a share of the heads of each attention out, in place; return how many heads."""
    found = [one for one in attentions(model, material) if _left(one.heads, share) < one.heads]
    if not found:
        return 0
    squares = products(model, dict.fromkeys((one.joined for one in found), -1), material)
    weights = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    before: dict[str, list[onnx.NodeProto]] = {}  # output of a node → the nodes that come before it
    for one in found:
        reading = weights[one.reader.input[1]].astype(np.float64)
        kept = _kept(squares[one.joined], reading, one.heads, _left(one.heads, share))
        places = _columns(kept, one.size)
        made = _Made(one, kept)
        before[one.scores.output[0]] = [
            *made.projection(one.query, weights, _APART),
            *made.projection(one.key, weights, _APART_KEYS),
        ]
        before[one.mixing.output[0]] = made.projection(one.value, weights, _APART)
        before[one.reader.output[0]] = made.joined(from_those_kept(squares[one.joined], places) @ reading)
        model.graph.initializer.extend(made.constants)
        one.scores.input[:] = [made.name(one.query.given), made.name(one.key.given)]
        one.mixing.input[1] = made.name(one.value.given)
        one.reader.input[:] = [made.name(one.joined), f"{made.name(one.joined)}.weight"]
    _insert(model.graph, before)
    _sweep(model.graph)
    del model.graph.value_info[:]
    return sum(one.heads - _left(one.heads, share) for one in found)


class _Made:
    """The nodes and constants of an attention of fewer heads."""

    def __init__(self, attention: AttentionGroup, kept: NDArray[np.int64]) -> None:
        self._attention, self._kept = attention, kept
        self.constants: list[onnx.TensorProto] = []

    def name(self, of: str) -> str:
        """Return the name of what takes a tensor's place; one tensor may be read by several attentions."""
        return f"{of}.{self._attention.scores.output[0]}.kept"

    def projection(
        self, part: Projection, weights: dict[str, NDArray[np.float32]], perm: tuple[int, ...]
    ) -> list[onnx.NodeProto]:
        """Return what makes queries, keys or values of the heads that stay."""
        name = self.name(part.given)
        columns = part.first + _columns(self._kept, self._attention.size)
        nodes = [
            helper.make_node(
                "MatMul",
                [part.read, self._constant(f"{name}.weight", weights[part.weight][:, columns])],
                [f"{name}.flat"],
            )
        ]
        flat = f"{name}.flat"
        if part.bias is not None:
            bias = self._constant(f"{name}.bias", weights[part.bias][columns])
            nodes.append(helper.make_node("Add", [flat, bias], [f"{name}.biased"]))
            flat = f"{name}.biased"
        # 0: as long as it was
        shape = self._constant(
            f"{name}.shape", np.array([0, 0, len(self._kept), self._attention.size], np.int64)
        )
        nodes.append(helper.make_node("Reshape", [flat, shape], [f"{name}.heads"]))
        nodes.append(helper.make_node("Transpose", [f"{name}.heads"], [name], perm=perm))
        return nodes

    def joined(self, reading: NDArray[np.float64]) -> list[onnx.NodeProto]:
        """Return what puts the heads that stay side by side; what reads them is `reading`, (heads · size, width)."""
        name = self.name(self._attention.joined)
        self._constant(f"{name}.weight", reading.astype(np.float32))
        shape = self._constant(f"{name}.shape", np.array([0, 0, len(reading)], np.int64))
        return [
            helper.make_node("Transpose", [self._attention.mixing.output[0]], [f"{name}.heads"], perm=_APART),
            helper.make_node("Reshape", [f"{name}.heads", shape], [name]),
        ]

    def _constant(self, name: str, values: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name


def _left(heads: int, share: float) -> int:
    """Return how many of so many heads stay."""
    return max(1, math.ceil(heads * (1.0 - share) - 1e-9))


def _columns(kept: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the columns of heads, side by side, (heads · size,)."""
    return np.asarray((kept[:, None] * size + np.arange(size)).ravel())


def _kept(
    square: NDArray[np.float64], reading: NDArray[np.float64], heads: int, count: int
) -> NDArray[np.int64]:
    """Return which heads stay, in their order.

    square: products of all heads' numbers z over training rows, zᵀz (n, n); reading: what reads them, W (n, width). A
    head h explains tr(Wᵀ L[:,h] L[h,h]⁻¹ L[h,:] W) of what is passed on, ‖zW‖², where L is what those before it leave.
    """
    size = len(square) // heads
    left, passed = square.copy(), reading @ reading.T
    least = ridge(square) * np.eye(size)
    chosen: list[int] = []
    for _ in range(count):
        explained = np.full(heads, -np.inf)
        for head in range(heads):
            if head not in chosen:
                across = left[:, head * size : (head + 1) * size]  # (n, size)
                inner = across[head * size : (head + 1) * size] + least
                explained[head] = np.trace(np.linalg.solve(inner, across.T @ passed @ across))
        best = int(np.argmax(explained))
        chosen.append(best)
        across = left[:, best * size : (best + 1) * size]
        inner = across[best * size : (best + 1) * size] + least
        left = left - across @ np.linalg.solve(inner, across.T)
    return np.array(sorted(chosen), np.int64)


def _insert(graph: onnx.GraphProto, before: dict[str, list[onnx.NodeProto]]) -> None:
    """Insert nodes, each lot before the node that gives a tensor."""
    nodes = [one for node in graph.node for one in (*before.get(node.output[0], ()), node)]
    _replace(graph, nodes)


def _sweep(graph: onnx.GraphProto) -> None:
    """Take out the nodes whose results nobody reads, and the constants that nobody reads."""
    read = {one.name for one in graph.output}
    left: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        if read.intersection(node.output):
            read.update(node.input)
            left.append(node)
    _replace(graph, reversed(left))
    constants = [one for one in graph.initializer if one.name in read]
    del graph.initializer[:]
    graph.initializer.extend(constants)


def _replace(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> None:
    copied = list(nodes)
    del graph.node[:]
    graph.node.extend(copied)
