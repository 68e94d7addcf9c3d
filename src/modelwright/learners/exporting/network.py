"""Exports a network as one ONNX graph: the same bytes wherever and whenever, with no path and no trace in it."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from modelwright.learners.networks.network import Network
from modelwright.learners.training import learned_folder as _learned
from modelwright.learners.training.learned_folder import Learned
from modelwright.package.body import Body

_OPSET = 20
_ROWS, _TOKENS = 2, 8  # of the example that is traced; both are free in the graph


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
    read = _learned.read(learned)
    network = read.network.eval()
    example, shapes = _example(read)
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            _Positional(network),
            example,
            dynamo=True,
            opset_version=_OPSET,
            input_names=network.inputs(),
            output_names=network.answers(),
            dynamic_shapes=(shapes,),
            external_data=False,
            verbose=False,
            optimize=True,
        )
    assert program is not None
    model = program.model_proto
    _strip(model)
    graph = model.SerializeToString(deterministic=True)
    return Body(read.signature, "once", {"model": graph}, read.states)


def _example(learned: Learned) -> tuple[tuple[Tensor, ...], tuple[dict[int, Any], ...]]:
    """Return arrays of a small batch in the network's order, and which of their axes are free."""
    batch = Dim("batch")
    arrays: list[Tensor] = []
    shapes: list[dict[int, Any]] = []
    for place, field in enumerate(learned.signature.inputs):
        if field.kind == "text":  # each text has a length of its own
            length = Dim(f"length_{place}")
            arrays += [torch.ones(_ROWS, _TOKENS, dtype=torch.long) for _ in range(2)]
            shapes += [{0: batch, 1: length} for _ in range(2)]
        elif field.kind == "category":
            arrays.append(torch.zeros(_ROWS, dtype=torch.long))
            shapes.append({0: batch})
        else:
            arrays += [torch.zeros(_ROWS) for _ in range(2)]
            shapes += [{0: batch} for _ in range(2)]
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


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's banners, warnings and log lines to itself; an error still says all."""
    known = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(known)
