"""Exports a network as one ONNX graph: the same bytes wherever and whenever, with no path and no trace in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.export import Dim

from modelwright import kinds
from modelwright.core.signature import Field
from modelwright.learners.exporting.quiet import quiet
from modelwright.learners.networks.encoders.contract import ARRAYS
from modelwright.learners.networks.network import Network
from modelwright.learners.training import learned_folder
from modelwright.learners.training.learned_folder import LearnedNetwork
from modelwright.package.body import Body

_OPSET = 20
_ROWS, _LENGTH = 2, 8  # of the example that is traced; both are free in the graph
# as `_Positional`, `Network` and `AuxiliaryHeads` name it
_HEAD_WEIGHT = re.compile(r"network\.(heads\.\d+|alone\.heads\.\d+\.\d+)\.linear\.weight")
_DTYPES = {"int64": torch.long, "float32": torch.float32, "uint8": torch.uint8}


class _Positional(nn.Module):
    """A network that takes and gives arrays by position, as the exporter wants it."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, *arrays: Tensor) -> tuple[Tensor, ...]:
        """Return the answers in the signature's order."""
        return tuple(self.network(dict(zip(self.network.inputs(), arrays, strict=True))).values())


def export(learned: Path) -> Body:
    """Return the body of a network: one graph `model` from the kinds' arrays to the heads' answers."""
    read = learned_folder.read(learned)
    network = read.network.eval()
    graph = traced(_Positional(network), read, read.signature.inputs, network.inputs(), network.answers())
    return Body(read.signature, "once", {"model": graph}, read.states)


def traced(
    module: nn.Module,
    learned: LearnedNetwork,
    inputs: Sequence[Field],
    given: Sequence[str],
    answers: Sequence[str],
) -> bytes:
    """Return the graph of a module that takes the arrays of some inputs by position; given, answers: their names."""
    example, shapes = _example(learned, inputs)
    with torch.no_grad(), quiet():
        program = torch.onnx.export(
            module,
            example,
            dynamo=True,
            opset_version=_OPSET,
            input_names=given,
            output_names=answers,
            dynamic_shapes=(shapes,),
            external_data=False,
            verbose=False,
            optimize=True,
        )
    assert program is not None
    model = program.model_proto
    _strip(model)
    turn_shared_weights(model.graph)
    return bytes(model.SerializeToString(deterministic=True))


def turn_shared_weights(graph: onnx.GraphProto) -> None:
    """Store matrices turned that are turned wherever they are read: W (out, in) of layers becomes (in, out).

    The exporter does so with a weight that one node reads. An encoder of two texts is read twice: its layers would be
    no products with a matrix that is stored, which is what the smaller forms of a package look for.
    """
    if any(inner.HasField("g") for node in graph.node for inner in node.attribute):
        return  # which may read weights, too
    stored = {one.name: one for one in graph.initializer if len(one.dims) == 2}
    readers: dict[str, list[onnx.NodeProto]] = {name: [] for name in stored}
    for node in graph.node:
        for name in stored.keys() & {*node.input}:
            readers[name].append(node)
    turned = {name for name, nodes in readers.items() if nodes and all(map(_is_turn, nodes))}
    for name in turned:
        weight = np.ascontiguousarray(numpy_helper.to_array(stored[name]).T)
        stored[name].CopyFrom(numpy_helper.from_array(weight, name))
    instead = {node.output[0]: name for name in turned for node in readers[name]}
    kept = [node for node in graph.node if node.output[0] not in instead]
    for node in kept:
        node.input[:] = [instead.get(name, name) for name in node.input]
    del graph.node[:]
    graph.node.extend(kept)


def _is_turn(node: onnx.NodeProto) -> bool:
    """Tell whether a node turns a matrix."""
    perm = next((list(one.ints) for one in node.attribute if one.name == "perm"), [1, 0])
    return node.op_type == "Transpose" and perm == [1, 0]


def is_head_weight(name: str) -> bool:
    """Tell whether a weight of an exported graph is the matrix of a head, (columns, width)."""
    return _HEAD_WEIGHT.fullmatch(name) is not None


def _example(
    learned: LearnedNetwork, inputs: Sequence[Field]
) -> tuple[tuple[Tensor, ...], tuple[dict[int, Dim], ...]]:
    """Return arrays of a small batch in the network's order, and which of their axes are free.

    Every axis that a kind names is free: `batch` is one for all, any other (`length`) one for each input.
    """
    batch = Dim("batch")
    arrays: list[Tensor] = []
    shapes: list[dict[int, Dim]] = []
    for place, field in enumerate(inputs):
        kind = kinds.arrays(field.kind)
        assert kind.input_form is not None
        specs = kind.specs(learned.states[field.name])
        free: dict[str | int, Dim] = {"batch": batch}
        for name in ARRAYS[kind.input_form]:
            spec = specs[name]
            for axis in spec.shape:
                if isinstance(axis, str) and axis not in free:
                    free[axis] = Dim(f"{axis}_{place}")
            sizes = [_ROWS if axis == "batch" else _LENGTH if axis in free else axis for axis in spec.shape]
            # Ones: every token of the example is there, and every kind has a code 1 or a value of 1.
            arrays.append(torch.ones([int(size) for size in sizes], dtype=_DTYPES[spec.dtype]))
            shapes.append({number: free[axis] for number, axis in enumerate(spec.shape) if axis in free})
    return tuple(arrays), tuple(shapes)


def _strip(model: onnx.ModelProto) -> None:
    """Remove what tells of the machine that exported: stack traces, module paths, notes."""
    _forget([model, model.graph])
    del model.graph.value_info[:]
    _forget([*model.graph.input, *model.graph.output, *model.graph.initializer])
    _strip_nodes(model.graph.node)
    for function in model.functions:
        _forget([function])
        del function.value_info[:]
        _strip_nodes(function.node)


def _strip_nodes(nodes: Iterable[onnx.NodeProto]) -> None:
    for node in nodes:
        _forget([node])
        for attribute in node.attribute:
            attribute.ClearField("doc_string")
            inner = [attribute.g] if attribute.HasField("g") else []  # to touch it would set it
            for graph in (*inner, *attribute.graphs):
                _forget([graph])
                del graph.value_info[:]
                _strip_nodes(graph.node)


def _forget(messages: Sequence[Any]) -> None:
    for message in messages:
        message.ClearField("doc_string")
        message.ClearField("metadata_props")
