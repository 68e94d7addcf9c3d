"""Finds the attention of a graph whose heads can be taken out: what makes them, and what reads them.

A guess is made by following nodes, and then held against what flows through the graph: an attention whose queries,
keys, values or heads are not what the guess says, number by number, is left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from modelwright.learners.compressing.material import Material, flowing

_TRIED = 2  # training rows on which a guess is held against what flows
_NEAR = 1e-3  # of the largest number: how far a guess may be off
_MOVED = frozenset({"Reshape", "Transpose", "Slice", "Squeeze", "Unsqueeze", "Split", "Identity"})
_SCALED = frozenset({"Add", "Sub", "Mul", "Div"})


@dataclass(frozen=True)
class Projection:
    """What makes the queries, the keys or the values of all heads: columns of a matrix, side by side.

    given: what attention takes, (batch, heads, length, size), keys with the last two axes the other way round; read:
    what the matrix multiplies, (batch, length, width); first: the first of the columns.
    """

    given: str
    read: str
    weight: str
    bias: str | None
    first: int = 0


@dataclass(frozen=True)
class AttentionGroup:
    """An attention of a graph.

    scores, mixing, reader: the nodes that multiply queries with keys, what softmax gives with values, and all heads
    side by side, the tensor `joined` (batch, length, heads · size), with a matrix; beside: what is added to the scores
    of all heads, or scales them.
    """

    query: Projection
    key: Projection
    value: Projection
    scores: onnx.NodeProto
    mixing: onnx.NodeProto
    reader: onnx.NodeProto
    beside: tuple[str, ...]
    heads: int = 0
    size: int = 0

    @property
    def joined(self) -> str:
        """Return the tensor of all heads side by side."""
        return str(self.reader.input[0])


class _Graph:
    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes = model.graph.node
        self.weights = {one.name: one for one in model.graph.initializer}
        self.outputs = {one.name for one in model.graph.output}

    @cached_property
    def makers(self) -> Mapping[str, onnx.NodeProto]:
        return {name: node for node in self.nodes for name in node.output}

    @cached_property
    def readers(self) -> Mapping[str, Sequence[onnx.NodeProto]]:
        found: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in self.nodes:
            for name in dict.fromkeys(node.input):
                found[name].append(node)
        return found

    def reader(self, name: str) -> onnx.NodeProto | None:
        """Return the node that reads a tensor, None where it is not the only one."""
        readers = self.readers.get(name, ())
        return readers[0] if len(readers) == 1 and name not in self.outputs else None

    def matrix(self, node: onnx.NodeProto) -> str | None:
        """Return the constant matrix (k, n) that a node multiplies with."""
        weight = self.weights.get(node.input[1]) if node.op_type == "MatMul" else None
        return str(weight.name) if weight is not None and len(weight.dims) == 2 else None


def attentions(model: onnx.ModelProto, material: Material) -> list[AttentionGroup]:
    """Return what attends in a graph, in its order, of which heads can be taken out."""
    graph = _Graph(model)
    guessed = [
        guess
        for node in graph.nodes
        if node.op_type == "Softmax" and (guess := _guessed(node, graph)) is not None
    ]
    if not guessed:
        return []
    weights = {
        name: numpy_helper.to_array(graph.weights[name]) for one in guessed for name in _constants(one, graph)
    }
    names = [name for one in guessed for name in _tensors(one) if name not in graph.weights]
    seen: list[AttentionGroup | None] = list(guessed)
    for tensors in flowing(model, names, material.train(_TRIED)):
        seen = [one and _held(one, {**weights, **tensors}) for one in seen]
    return [one for one in seen if one is not None]


def _guessed(softmax: onnx.NodeProto, graph: _Graph) -> AttentionGroup | None:
    """Return the attention that a softmax is of, as its nodes look; None where they look otherwise."""
    beside: list[str] = []
    scores = graph.makers.get(softmax.input[0])
    while scores is not None and scores.op_type in _SCALED:
        beside.append(scores.input[1])
        scores = graph.makers.get(scores.input[0])
    if scores is None or scores.op_type != "MatMul":
        return None
    # nobody else may read what changes its shape
    name = scores.output[0]
    while name != softmax.output[0]:
        following = graph.reader(name)
        if following is None:
            return None
        name = following.output[0]
    mixing = graph.reader(name)
    if mixing is None or mixing.op_type != "MatMul" or mixing.input[0] != name:
        return None
    reader = graph.reader(mixing.output[0])
    while reader is not None and reader.op_type in ("Transpose", "Reshape"):
        reader = graph.reader(reader.output[0])
    if reader is None or graph.matrix(reader) is None:
        return None
    made = [_projection(name, graph) for name in (*scores.input, mixing.input[1])]
    query, key, value = made
    if query is None or key is None or value is None:
        return None
    return AttentionGroup(query, key, value, scores, mixing, reader, tuple(beside))


def _projection(given: str, graph: _Graph) -> Projection | None:
    """Return what makes queries, keys or values, without its columns; None where that is not a matrix of all heads."""
    bias: str | None = None
    node = graph.makers.get(given)
    while node is not None and graph.matrix(node) is None:
        if node.op_type == "Add" and bias is None and node.input[1] in graph.weights:
            bias = node.input[1]
        elif node.op_type not in _MOVED:
            return None
        node = graph.makers.get(node.input[0])
    return None if node is None else Projection(given, node.input[0], node.input[1], bias)


def _tensors(one: AttentionGroup) -> list[str]:
    made = (one.query, one.key, one.value)
    return [
        *(name for part in made for name in (part.given, part.read)),
        one.mixing.output[0],
        one.joined,
        *one.beside,
    ]


def _constants(one: AttentionGroup, graph: _Graph) -> list[str]:
    made = (one.query, one.key, one.value)
    names = [name for part in made for name in (part.weight, part.bias) if name is not None]
    return [*names, *(name for name in one.beside if name in graph.weights)]


def _held(guess: AttentionGroup, arrays: Mapping[str, NDArray[Any]]) -> AttentionGroup | None:
    """Return a guess with its sizes, None where it is not what flows."""
    mixed, joined = arrays[guess.mixing.output[0]], arrays[guess.joined]
    if mixed.ndim != 4:
        return None
    _, heads, _, size = mixed.shape
    # (batch, heads, length, size) → (batch, length, heads · size)
    if not _near(joined, _side_by_side(mixed)):
        return None
    # what differs from head to head would have to lose the same heads
    if any(arrays[name].ndim >= 3 and arrays[name].shape[-3] != 1 for name in guess.beside):
        return None
    parts = [
        _placed(guess.query, arrays, arrays[guess.query.given]),
        _placed(guess.key, arrays, np.swapaxes(arrays[guess.key.given], -1, -2)),
        _placed(guess.value, arrays, arrays[guess.value.given]),
    ]
    query, key, value = parts
    if query is None or key is None or value is None:
        return None
    if any(arrays[one.given].shape[1] != heads for one in (query, key, value)):
        return None
    return AttentionGroup(
        query, key, value, guess.scores, guess.mixing, guess.reader, guess.beside, int(heads), int(size)
    )


def _placed(part: Projection, arrays: Mapping[str, NDArray[Any]], given: NDArray[Any]) -> Projection | None:
    """Return a projection with its first column; None where no columns of its matrix give what attention takes."""
    read = arrays[part.read]
    if given.ndim != 4 or read.ndim != 3:
        return None
    wanted = _side_by_side(given)
    made = read @ arrays[part.weight]
    if part.bias is not None:
        made = made + arrays[part.bias]
    count = wanted.shape[-1]
    for first in range(0, made.shape[-1] - count + 1, count):
        if _near(made[..., first : first + count], wanted):
            return Projection(part.given, part.read, part.weight, part.bias, first)
    return None


def _side_by_side(values: NDArray[Any]) -> NDArray[Any]:
    """Return (batch, heads, length, size) as (batch, length, heads · size)."""
    batch, heads, length, size = values.shape
    return values.transpose(0, 2, 1, 3).reshape(batch, length, heads * size)


def _near(found: NDArray[Any], wanted: NDArray[Any]) -> bool:
    if found.shape != wanted.shape:
        return False
    return float(np.abs(found - wanted).max(initial=0.0)) <= _NEAR * float(np.abs(wanted).max(initial=0.0))
