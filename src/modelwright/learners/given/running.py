"""The part of a graph that is needed, with a free batch axis, and how it is run for comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from modelwright.kinds.contract.common import Array
from modelwright.learners.given.given_graph import GivenGraph, Port, inner_graphs
from modelwright.package.graphs import open_session

BATCH = 64
AXIS = "batch"


def core(graph: GivenGraph, inputs: Sequence[str], outputs: Sequence[Port]) -> bytes:
    """Return the graph that leads from these inputs to these tensors; equal graphs give equal bytes.

    What else it answers (labels, a ZipMap) is left out, and so are shapes that fix the batch, notes and metadata, which
    may tell of the machine that wrote it.
    """
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    body = model.graph
    nodes = _needed(body, [one.name for one in outputs])
    del body.node[:]
    body.node.extend(nodes)
    used = {name for node in nodes for name in _reads(node)} | {one.name for one in outputs}
    kept = [one for one in body.initializer if one.name in used]
    del body.initializer[:]
    body.initializer.extend(kept)
    constants = {one.name for one in kept} | {one.values.name for one in body.sparse_initializer}
    ports = [one for one in body.input if one.name in inputs and one.name not in constants]
    del body.input[:]
    body.input.extend(ports)
    for one in body.input:
        shape = one.type.tensor_type.shape
        if shape.dim:
            shape.dim[0].dim_param = AXIS  # one of a group: the size goes
    del body.output[:]
    body.output.extend(_output(one) for one in outputs)
    del body.value_info[:]
    model.ir_version = max(model.ir_version, 8)  # constants need not be inputs
    strip(model)
    model.DiscardUnknownFields()
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _output(port: Port) -> onnx.ValueInfoProto:
    """Return an output whose axes are free but for their number."""
    kind = TensorProto.DataType.Value((port.dtype or "float").upper())
    return helper.make_tensor_value_info(
        port.name, kind, None if port.shape is None else [None] * len(port.shape)
    )


def _needed(graph: onnx.GraphProto, outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """Return the nodes on which these tensors depend, in the graph's order, which is one of computing."""
    wanted, kept = set(outputs), []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(_reads(node))
    return kept[::-1]


def _reads(node: onnx.NodeProto) -> set[str]:
    """Return the tensors that a node reads, those that its inner graphs take from outside among them."""
    found = set(node.input)
    for graph in inner_graphs(node):
        found |= {one.name for one in graph.output}
        for inner in graph.node:
            found |= _reads(inner)
    return found


def strip(model: onnx.ModelProto) -> None:
    """Remove what says nothing to a runtime: notes, metadata, and where a layer stood in somebody's source."""
    model.ClearField("doc_string")
    model.ClearField("metadata_props")
    waiting = [model.graph]
    while waiting:
        graph = waiting.pop()
        graph.ClearField("doc_string")
        graph.ClearField("metadata_props")
        for one in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
            one.ClearField("doc_string")
            one.ClearField("metadata_props")
        for node in graph.node:
            _strip_node(node)
            waiting += inner_graphs(node)
    for function in model.functions:
        function.ClearField("doc_string")
        function.ClearField("metadata_props")
        del function.value_info[:]
        for node in function.node:
            _strip_node(node)
            for inner in inner_graphs(node):
                for one in inner.node:
                    _strip_node(one)


def _strip_node(node: onnx.NodeProto) -> None:
    node.ClearField("doc_string")
    node.ClearField("metadata_props")
    for attribute in node.attribute:
        attribute.ClearField("doc_string")


class RunningGraph:
    """A graph that was opened; raises PackageError where ONNX Runtime cannot run it."""

    def __init__(self, content: bytes | Path, threads: int) -> None:
        self._session = open_session(content, threads, "graph.onnx")
        self._names = [one.name for one in self._session.get_outputs()]

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Return what it gives for a batch, by the names of its tensors; raises GraphFailed."""
        try:
            values = self._session.run(self._names, dict(feeds))
        except Exception as error:  # onnxruntime raises classes of its own that share no other base
            raise GraphFailed((str(error).splitlines() or [type(error).__name__])[0][:200]) from None
        found = {}
        for name, value in zip(self._names, values, strict=True):
            rows = len(next(iter(feeds.values())))
            if not isinstance(value, np.ndarray) or value.ndim == 0 or len(value) != rows:
                shape = list(value.shape) if isinstance(value, np.ndarray) else type(value).__name__
                raise GraphFailed(f"{name}: {shape}, {rows} rows")
            found[name] = value
        return found


class GraphFailed(Exception):  # noqa: N818 - the caller words it
    """A graph that raised on a batch, or answered another number of rows."""
