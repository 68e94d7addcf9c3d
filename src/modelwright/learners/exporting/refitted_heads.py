"""Fits the heads of a graph in 8 bits again, so that they give what the exact graph gives.

Shapes: n rows, w the features' width, c the columns of an output's array.

A body in 8 bits gives features that are a little off, and not at random: a channel's error depends on what is seen.
Heads that were learned on exact features read these errors as evidence; fitted on the features that they will be
given, they do not. What is fitted is the change of a head's weights, by ridge regression on what the exact graph
answers: no truth is needed, outputs of every form are treated alike, and confidences and operating points keep their
meaning.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import Tensor
from torch.nn import functional

from modelwright.learners.exporting.network_graph import is_head_weight
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.linear_fit import Scale
from modelwright.package.graphs import open_session

# L2 of the change in rows, on standardised features; infinite: of the weights nothing changes, of the bias the mean.
_STRENGTHS = (1.0, 10.0, 100.0, 1000.0, math.inf)
_BATCH = 32


@dataclass(frozen=True)
class _Head:
    """A head of a graph: the names of its weights (c, w) and bias (c,), of the features and of what it gives."""

    weight: str
    bias: str
    features: str
    answers: str


@dataclass(frozen=True)
class Wanted:
    """What the exact graph answers: by a head's weight, (n, c) of training rows and of validation rows."""

    train: EncodedRows
    held: EncodedRows
    answers: Mapping[str, tuple[Tensor, Tensor]]


def wanted(exact: onnx.ModelProto, train: EncodedRows, held: EncodedRows) -> Wanted:
    """Return what heads are fitted to.

    train: rows on which the change is fitted; held: validation rows, on which its L2 is chosen.
    """
    heads = _heads(exact)
    if not heads:  # a module of the project answers itself
        return Wanted(train, held, {})
    with deterministic(1, seed=0):
        found = [_run(exact, [one.answers for one in heads], rows) for rows in (train, held)]
    return Wanted(train, held, {one.weight: (found[0][n], found[1][n]) for n, one in enumerate(heads)})


def refit(small: onnx.ModelProto, exact: Wanted) -> bool:
    """Put new weights into the heads of `small`, in place; tell whether there was a head."""
    heads = [one for one in _heads(small) if one.weight in exact.answers]
    if not heads:
        return False
    weights = {one.name: one for one in small.graph.initializer}
    with deterministic(1, seed=0):
        train, held = (
            _run(small, [one.features for one in heads], rows) for rows in (exact.train, exact.held)
        )
        for place, head in enumerate(heads):
            before = (_tensor(weights[head.weight]), _tensor(weights[head.bias]))
            right = exact.answers[head.weight]
            after = _fitted(before, (train[place], right[0]), (held[place], right[1]))
            for name, values in zip((head.weight, head.bias), after, strict=True):
                weights[name].CopyFrom(numpy_helper.from_array(values.to(torch.float32).numpy(), name))
    return True


def _heads(model: onnx.ModelProto) -> list[_Head]:
    found = []
    weights = {one.name for one in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Gemm" and is_head_weight(node.input[1]) and node.input[1] in weights:
            features, weight, bias = node.input
            found.append(_Head(weight, bias, features, node.output[0]))
    return found


def _run(model: onnx.ModelProto, names: Sequence[str], rows: EncodedRows) -> list[Tensor]:
    """Return tensors of a graph over all rows, float64 (n, …)."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    del shown.graph.output[:]
    wanted = list(dict.fromkeys(names))
    shown.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in wanted
    )
    session = open_session(shown.SerializeToString(), 1, "model")
    parts = [session.run(wanted, batch) for batch in batches(rows)]
    whole = {
        name: torch.from_numpy(np.concatenate([part[place] for part in parts])).to(torch.float64)
        for place, name in enumerate(wanted)
    }
    return [whole[name] for name in names]


def batches(rows: EncodedRows) -> Iterable[dict[str, NDArray[Any]]]:
    """Yield the input arrays of all rows as a graph takes them."""
    for begin in range(0, len(rows), _BATCH):
        chosen = np.arange(begin, min(begin + _BATCH, len(rows)))
        yield {name: values.numpy() for name, values in rows.arrays(chosen).items()}


def _tensor(weight: onnx.TensorProto) -> Tensor:
    return torch.from_numpy(numpy_helper.to_array(weight).copy()).to(torch.float64)


def _fitted(
    head: tuple[Tensor, Tensor], train: tuple[Tensor, Tensor], held: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the weights (c, w) and bias (c,) that are nearest to what is wanted on the held rows.

    train, held: features (n, w) and wanted answers (n, c). The head as it was is among those that are compared.
    """
    weight, bias = head
    features, wanted = train
    off = wanted - functional.linear(features, weight, bias)  # (n, c): what the change is to make good
    scale, middle = Scale.of(features), off.mean(0)
    standard = scale.apply(features)  # (n, w)
    # the normal equations of ridge regression: (zᵀz + L2 · 1) · change = zᵀ · (off − its mean)
    square, right = standard.T @ standard, standard.T @ (off - middle)
    tried = [head]
    for strength in _STRENGTHS:
        change = torch.zeros_like(weight)
        if math.isfinite(strength):
            eye = torch.eye(len(square), dtype=square.dtype)
            # (c, w), for raw features: the scale is folded in as `LinearFit.into` does
            change = (torch.linalg.solve(square + strength * eye, right) / scale.deviation[:, None]).T
        tried.append((weight + change, bias + middle - change @ scale.mean))
    return min(tried, key=lambda one: float((held[1] - functional.linear(held[0], *one)).square().mean()))
