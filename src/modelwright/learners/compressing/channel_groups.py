"""Finds the channels of a graph that can be taken out: what makes them, passes them on, and uses them up.

Channels that nobody else reads lie between layers: the hidden layer of a transformer's block or of an MLP, and what a
residual block of convolutions has inside it. What is added to something else (a residual stream) is read by all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import onnx
from onnx import TensorProto

# One by one, and with nothing but the value itself: what is 0 in a channel that is gone does not matter.
_ALONE = frozenset(
    {
        "Relu",
        "Gelu",
        "Erf",
        "Sigmoid",
        "Tanh",
        "Clip",
        "HardSwish",
        "HardSigmoid",
        "LeakyRelu",
        "Elu",
        "Softplus",
    }
    | {"Identity", "Sqrt", "Abs", "Neg", "Pow"}
)
_TWO = frozenset({"Add", "Sub", "Mul", "Div"})
_POOLS = frozenset({"MaxPool", "AveragePool"})
FEWEST = 16  # channels of a group


@dataclass
class Group:
    """Channels that can be taken out together.

    made: weights by name → their axis of the channels, of what makes them and what is done to each; apart: nodes of
    convolutions that treat each channel by itself; used: nodes that use them up, by the name of their weight and its
    axis; read: the tensor that those read, of which `axis` is that of the channels.
    """

    count: int
    made: dict[str, int] = field(default_factory=dict)
    apart: list[onnx.NodeProto] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)
    read: str = ""
    axis: int = -1


@dataclass
class _Graph:
    weights: Mapping[str, onnx.TensorProto]
    readers: Mapping[str, Sequence[onnx.NodeProto]]
    outputs: frozenset[str]


def groups(model: onnx.ModelProto) -> list[Group]:
    """Return the groups of channels of a graph, in the order in which they are made."""
    readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in model.graph.node:
        for name in dict.fromkeys(node.input):
            readers[name].append(node)
    graph = _Graph(
        {one.name: one for one in model.graph.initializer},
        readers,
        frozenset(one.name for one in model.graph.output),
    )
    found = [group for node in model.graph.node if (group := _from(node, graph)) is not None]
    names = [name for group in found for name in (*group.made, *group.used)]
    # a weight that several nodes read, or that is of two groups on one axis, is left alone
    return [
        group
        for group in found
        if all(len(readers[name]) == 1 for name in (*group.made, *group.used))
        and all(names.count(name) <= 2 for name in (*group.made, *group.used))
    ]


def _from(node: onnx.NodeProto, graph: _Graph) -> Group | None:
    """Return the group that a node makes, None where it makes none that can be taken out."""
    made = _maker(node, graph)
    if made is None:
        return None
    weight, axis_of_weight, axis = made
    group = Group(int(graph.weights[weight].dims[axis_of_weight]), {weight: axis_of_weight}, axis=axis)
    biases = [name for name in node.input[2:] if name]
    if group.count < FEWEST or any(name not in graph.weights for name in biases):
        return None
    group.made.update(dict.fromkeys(biases, 0))
    return group if _used_up(node.output[0], group, graph) and group.read else None


def _used_up(first: str, group: Group, graph: _Graph) -> bool:
    """Follow the channels from a tensor to what uses them up, and note what is met; tell whether that is all."""
    carrying, waiting = {first}, [first]
    met: dict[str, onnx.NodeProto] = {}
    while waiting:
        name = waiting.pop()
        if name in graph.outputs or not graph.readers.get(name):
            return False
        for reader in graph.readers[name]:
            met[reader.output[0]] = reader
            if _uses(reader, name, group, graph):
                if group.read not in ("", name):
                    return False
                group.read = name
            elif not _passes(reader, name, group, graph):
                return False
            elif reader.output[0] not in carrying:
                carrying.add(reader.output[0])
                waiting.append(reader.output[0])
    # what meets a channel is a channel of the group, or a constant
    others = {name for reader in met.values() for name in reader.input if name}
    return others <= carrying | graph.weights.keys()


def _maker(node: onnx.NodeProto, graph: _Graph) -> tuple[str, int, int] | None:
    """Return the weight of a node that makes channels, its axis of them, and their axis in what it gives."""
    if len(node.input) < 2 or (weight := graph.weights.get(node.input[1])) is None:
        return None
    if weight.data_type != TensorProto.FLOAT:
        return None
    if node.op_type == "MatMul" and len(weight.dims) == 2:
        return weight.name, 1, -1
    if node.op_type == "Gemm" and not _number(node, "transA"):
        return weight.name, 0 if _number(node, "transB") else 1, -1
    if node.op_type == "Conv" and _number(node, "group", 1) == 1:
        return weight.name, 0, 1
    return None


def _uses(node: onnx.NodeProto, name: str, group: Group, graph: _Graph) -> bool:
    """Tell whether a node uses the channels up, and note its weight."""
    if len(node.input) < 2 or node.input[0] != name or node.input[1] not in graph.weights:
        return False
    weight = graph.weights[node.input[1]]
    axis = None
    if group.axis == -1 and node.op_type == "MatMul" and len(weight.dims) == 2:
        axis = 0
    elif group.axis == -1 and node.op_type == "Gemm" and not _number(node, "transA"):
        axis = 1 if _number(node, "transB") else 0
    elif group.axis == 1 and node.op_type == "Conv" and _number(node, "group", 1) == 1:
        axis = 1
    if axis is None or weight.data_type != TensorProto.FLOAT or weight.dims[axis] != group.count:
        return False
    group.used[weight.name] = axis
    return True


def _passes(node: onnx.NodeProto, name: str, group: Group, graph: _Graph) -> bool:
    """Tell whether a node passes each channel on by itself, and note what it does to each."""
    if node.op_type in _TWO or not node.input or node.input[0] != name:
        return node.op_type in _TWO and _with_another(node, group, graph)
    if node.op_type in _ALONE:
        # bounds and exponents are one number for all channels
        return all(
            other in graph.weights and _size(graph.weights[other]) == 1 for other in node.input[1:] if other
        )
    if group.axis != 1:
        return False
    if node.op_type in _POOLS:
        return len(node.output) == 1
    others = [other for other in node.input[1:] if other]
    each = node.op_type == "BatchNormalization" or (
        node.op_type == "Conv" and _number(node, "group", 1) == group.count
    )
    if not each or any(_first(other, graph) != group.count for other in others):
        return False
    group.made.update(dict.fromkeys(others, 0))
    if node.op_type == "Conv":
        group.apart.append(node)
    return True


def _with_another(node: onnx.NodeProto, group: Group, graph: _Graph) -> bool:
    """Tell whether a sum or product leaves the channels apart, and note the constant of each."""
    for other in node.input:
        if (constant := graph.weights.get(other)) is not None and _size(constant) > 1:
            axis = _axis_of(constant, group)
            if axis is None:
                return False
            group.made[other] = axis
    return True


def _first(name: str, graph: _Graph) -> int | None:
    """Return the size of the first axis of a weight; None of what is none."""
    weight = graph.weights.get(name)
    return int(weight.dims[0]) if weight is not None and weight.dims else None


def _axis_of(constant: onnx.TensorProto, group: Group) -> int | None:
    """Return the axis of the channels in what is added to or multiplied with them; None where it has another shape."""
    dims = list(constant.dims)
    # counted from behind, as shapes are matched: the last axis, or the third from behind of a picture
    axis = len(dims) - 1 if group.axis == -1 else len(dims) - 3
    if (
        axis < 0
        or dims[axis] != group.count
        or any(size != 1 for place, size in enumerate(dims) if place != axis)
    ):
        return None
    return axis


def _size(tensor: onnx.TensorProto) -> int:
    size = 1
    for one in tensor.dims:
        size *= one
    return int(size)


def _number(node: onnx.NodeProto, name: str, default: int = 0) -> int:
    return next((int(one.i) for one in node.attribute if one.name == name), default)
