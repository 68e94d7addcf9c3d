"""Lines as an ONNX graph: the features that `lines.design` makes, times the weights of all outputs at once.

Shapes: n rows, d columns of a block, c columns of all outputs side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from modelwright.kinds.contract.common import FAR, Form
from modelwright.learners.linear.lines import Block, Line

_OPSET = 21
_IR_VERSION = 10
_VALUES = {Form.VECTOR: "values", Form.SET: "members"}


class _Graph:
    """Nodes, weights and inputs while they are put together; a node's one output is named after its number."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []

    def node(self, operator: str, *given: str, made: str | None = None, **attributes: Any) -> str:
        """Add a node and return the name of what it makes."""
        name = made or f"made_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(given), [name], **attributes))
        return name

    def weight(self, values: NDArray[np.generic]) -> str:
        """Add a constant and return its name."""
        name = f"weights_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def given(self, name: str, kind: int, *axes: str | int) -> str:
        """Add an input and return its name."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, ["batch", *axes]))
        return name

    def columns(self, flat: Sequence[str]) -> str:
        """Return arrays (n,) side by side, (n, how many)."""
        # end to end, then cut into rows of n: two nodes, however many there are
        joined = self.node("Concat", *flat, axis=0)
        turned = self.node("Reshape", joined, self.weight(np.array([len(flat), -1], np.int64)))
        return self.node("Transpose", turned, perm=[1, 0])


def graph(blocks: Sequence[Block], lines: Sequence[Line]) -> bytes:
    """Return the ONNX model; equal arguments give equal bytes."""
    made = _Graph()
    weights = np.concatenate([line.weights for line in lines], axis=1)  # (w, c)
    sums = [made.weight(np.concatenate([line.bias for line in lines]))]
    scalars = [block for block in blocks if block.form is Form.SCALAR]
    if scalars:
        sums += _scalars(made, scalars, weights)
    for block in blocks:
        own = weights[block.begin : block.begin + block.width]
        match block.form:
            case Form.SCALAR:
                continue
            case Form.CODE:
                index = made.given(f"{block.field.name}.index", TensorProto.INT64)
                sums.append(made.node("Gather", made.weight(own), index))
            case Form.TERMS:
                sums.append(_terms(made, block, own))
            case Form.SERIES:
                sums.append(_series(made, block, own))
            case _:
                sums.append(_values(made, block, own))
    total = sums[0]
    for one in sums[1:]:
        total = made.node("Add", total, one)
    _answers(made, total, lines)
    model = helper.make_model(
        helper.make_graph(made.nodes, "lines", made.inputs, made.outputs, initializer=made.weights),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="modelwright",
    )
    onnx.checker.check_model(model)
    serialized: bytes = model.SerializeToString(deterministic=True)
    return serialized


def _scalars(made: _Graph, blocks: Sequence[Block], weights: NDArray[np.float32]) -> list[str]:
    """Return the parts (n, c) that usual values, far ones and missing ones add."""
    names = [block.field.name for block in blocks]
    value = made.columns([made.given(f"{name}.value", TensorProto.FLOAT) for name in names])
    missing = made.columns([made.given(f"{name}.missing", TensorProto.FLOAT) for name in names])
    begins = np.array([block.begin for block in blocks])
    zero, far = made.weight(np.zeros(1, np.float32)), made.weight(np.full(1, FAR, np.float32))
    is_far = made.node("GreaterOrEqual", made.node("Abs", value), far)
    usual = made.node("Where", is_far, zero, value)
    sign = made.node("Where", is_far, made.node("Sign", value), zero)
    # the three columns of each scalar, (d, c) a kind of column
    return [
        made.node("MatMul", features, made.weight(weights[begins + place]))
        for place, features in enumerate((usual, sign, missing))
    ]


def _values(made: _Graph, block: Block, weights: NDArray[np.float32]) -> str:
    """Return the part (n, c) of a vector or set (n, d - 1) and whether it is missing (n,)."""
    name = block.field.name
    values = made.given(f"{name}.{_VALUES[block.form]}", TensorProto.FLOAT, block.width - 1)
    missing = made.given(f"{name}.missing", TensorProto.FLOAT)
    column = made.node("Unsqueeze", missing, made.weight(np.array([1], np.int64)))
    features = made.node("Concat", values, column, axis=1)
    return made.node("MatMul", features, made.weight(weights))


def _series(made: _Graph, block: Block, weights: NDArray[np.float32]) -> str:
    """Return the part (n, c) of a series (n, t, channels) and its gaps."""
    name, half = block.field.name, block.width // 2
    flat = made.weight(np.array([-1, half], np.int64))
    arrays = [
        made.given(f"{name}.{array}", TensorProto.FLOAT, *block.axes) for array in ("series", "present")
    ]
    values, present = (made.node("Reshape", array, flat) for array in arrays)  # (n, t · channels)
    gaps = made.node("Sub", made.weight(np.ones(1, np.float32)), present)
    features = made.node("Concat", values, gaps, axis=1)
    return made.node("MatMul", features, made.weight(weights))


def _terms(made: _Graph, block: Block, weights: NDArray[np.float32]) -> str:
    """Return the part (n, c) of the terms (n, length) and their weights (n, length).

    Row by row, so that a long text holds its own (length, c) in memory and not that of the whole batch, and no
    row's sum depends on what stands beside it.
    """
    name = block.field.name
    terms = made.given(f"{name}.terms", TensorProto.INT64, f"{name}.length")
    amounts = made.given(f"{name}.weights", TensorProto.FLOAT, f"{name}.length")
    table = made.weight(weights)  # (places, c)
    row = helper.make_graph(
        [
            helper.make_node("Gather", [table, "row_terms"], ["row_table"]),  # (length, c)
            helper.make_node("MatMul", ["row_amounts", "row_table"], ["row_sum"]),  # (length,) · (length, c)
        ],
        "row",
        [
            helper.make_tensor_value_info("row_terms", TensorProto.INT64, [f"{name}.length"]),
            helper.make_tensor_value_info("row_amounts", TensorProto.FLOAT, [f"{name}.length"]),
        ],
        [helper.make_tensor_value_info("row_sum", TensorProto.FLOAT, [weights.shape[1]])],
    )
    return made.node("Scan", terms, amounts, body=row, num_scan_inputs=2)


def _answers(made: _Graph, total: str, lines: Sequence[Line]) -> None:
    """Cut the sums (n, c) into the outputs' arrays."""
    begin = 0
    for line in lines:
        width = len(line.bias)
        ends = (np.array([place], np.int64) for place in (begin, begin + width, 1))
        begin_at, end_at, axis = (made.weight(one) for one in ends)
        answer = made.node("Slice", total, begin_at, end_at, axis)
        if line.logarithm is not None:
            most, smear, zero = (
                made.weight(np.array([one], np.float32))
                for one in (line.logarithm.most, line.logarithm.smear, line.logarithm.zero)
            )
            grown = made.node("Exp", made.node("Min", answer, most))
            answer = made.node("Add", made.node("Mul", grown, smear), zero)
        name = f"{line.name}.{line.array}"
        axes: list[str | int] = ["batch"] if line.flat else ["batch", width]
        if line.quantiles is not None:  # (n, h) → (n, h, 1) → (n, h, q)
            axes.append(line.quantiles)
            column = made.node("Unsqueeze", answer, made.weight(np.array([2], np.int64)))
            made.node("Concat", *[column] * line.quantiles, axis=2, made=name)
        elif line.flat:
            made.node("Reshape", answer, made.weight(np.array([-1], np.int64)), made=name)
        else:
            made.node("Identity", answer, made=name)
        made.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, axes))
        begin += width
