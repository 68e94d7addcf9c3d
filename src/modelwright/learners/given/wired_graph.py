"""The wiring of a graph as ONNX nodes, which do what `Wiring` does with numpy.

Only operators that mean the same in every opset from 9 on are used: the graph keeps its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from modelwright import kinds
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Array, ArraySpec
from modelwright.learners.given.wiring import NEVER, SMALLEST, InputWiring, OutputWiring, PortType, Wiring

_PREFIX = "given."
_TYPES = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
}


def wired(content: bytes, wiring: Wiring, signature: Signature, states: Mapping[str, object]) -> bytes:
    """Return the graph with its wiring; inputs and outputs are named `{field}.{array}`, equal ones give equal bytes."""
    # its own names make room for ours
    model = compose.add_prefix(onnx.load_model_from_string(content), _PREFIX)
    build = _Build()
    specs = {one.name: kinds.arrays(one.kind).specs(states[one.name]) for one in signature.inputs}
    read = [_enter(build, name, port, wiring, specs) for name, port in wiring.ports.items()]
    before = list(build.nodes)
    build.nodes.clear()
    answers = [_leave(build, one) for one in wiring.outputs]
    graph = model.graph
    inner = list(graph.node)
    del graph.node[:]
    graph.node.extend([*before, *inner, *build.nodes])
    graph.initializer.extend(build.constants)
    del graph.input[:]
    used = {name for node in graph.node for name in node.input}
    graph.input.extend(
        helper.make_tensor_value_info(f"{field}.{array}", _TYPES[spec.dtype], list(spec.shape))
        for field, arrays in specs.items()
        for array, spec in arrays.items()
        if f"{field}.{array}" in used
    )
    del graph.output[:]
    for one, name in zip(wiring.outputs, answers, strict=True):
        field = next(field for field in signature.outputs if field.name == one.field)
        spec = kinds.arrays(field.kind).answers(states[one.field])[one.array]
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(spec.shape)))
    del graph.value_info[:]
    assert len(read) == len(wiring.ports)
    model.producer_name, model.producer_version = "modelwright", ""
    wired_bytes: bytes = model.SerializeToString(deterministic=True)
    return wired_bytes


class _Build:
    """Nodes and constants while they are added; names are numbers in the order of being made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._number = count()

    def add(self, op: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node of one output, and return the name of that."""
        made = output or f"wired.{next(self._number)}"
        self.nodes.append(helper.make_node(op, list(inputs), [made], **attributes))
        return made

    def constant(self, array: Array) -> str:
        """Add a constant and return its name."""
        name = f"wired.{next(self._number)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def double(self, values: Sequence[float] | float) -> str:
        """Add a constant of float64."""
        return self.constant(np.array(values, np.float64))

    def single(self, values: Sequence[float] | float) -> str:
        """Add a constant of float32."""
        return self.constant(np.array(values, np.float32))

    def shape(self, *axes: int) -> str:
        """Add a shape."""
        return self.constant(np.array(axes, np.int64))


def _enter(
    build: _Build,
    name: str,
    port: PortType,
    wiring: Wiring,
    specs: Mapping[str, Mapping[str, ArraySpec]],
) -> str:
    """Add what makes one input of the graph."""
    blocks = []
    text = port.dtype == "string"
    for one in wiring.inputs:
        if one.port == name:
            blocks.append(_block(build, one, text=text))
        elif one.mask == name:
            blocks.append(f"{one.field}.mask")
        elif one.types == name:
            zero = build.constant(np.array(0, np.int64))
            blocks.append(build.add("Mul", f"{one.field}.ids", zero))
    whole = blocks[0] if len(blocks) == 1 else build.add("Concat", *blocks, axis=1)
    if port.rank == 1:
        whole = build.add("Reshape", whole, build.shape(-1))
    if text:
        return build.add("Identity", whole, output=_PREFIX + name)
    return build.add("Cast", whole, output=_PREFIX + name, to=TensorProto.DataType.Value(port.dtype.upper()))


def _block(build: _Build, one: InputWiring, *, text: bool) -> str:
    """Add the columns of an input, float64 (n, columns), or texts; of pixels and tokens, what the graph reads."""
    fill = np.nan if one.missing is None else one.missing
    of = one.field
    if one.form == "tokens":
        return f"{of}.ids"
    if one.form == "pixels":
        return _pixels(build, one)
    if one.form == "code":
        if text:
            table = build.constant(np.array(one.table, dtype=np.object_))
        else:
            table = build.double([float(code) for code in one.table])
        return build.add("Reshape", build.add("Gather", table, f"{of}.index", axis=0), build.shape(-1, 1))
    if one.form == "set":
        flags = build.add("Cast", f"{of}.members", to=TensorProto.DOUBLE)
        return build.add("Gather", flags, build.constant(np.array(one.places, np.int64)), axis=1)
    if one.form == "amount":
        amount = f"{of}.amount"
        if one.missing is not None:
            amount = build.add("Where", build.add("IsNaN", amount), build.double(fill), amount)
        return build.add("Reshape", amount, build.shape(-1, 1))
    array = "value" if one.form == "scalar" else "values"
    missing = build.add("Reshape", f"{of}.missing", build.shape(-1, 1))
    there = build.add("Cast", f"{of}.{array}", to=TensorProto.DOUBLE)
    if one.form == "scalar":
        there = build.add("Reshape", there, build.shape(-1, 1))
    lacks = build.add("Cast", missing, to=TensorProto.BOOL)
    return build.add("Where", lacks, build.double(fill), there)


def _padded(build: _Build, columns: str, value: str) -> str:
    """Add a column that holds one value throughout behind (n, columns): what is multiplied by 0 is finite."""
    first = build.add("Gather", columns, build.constant(np.array([0], np.int64)), axis=1)
    none = build.add("Sub", first, first)
    return build.add("Concat", columns, build.add("Add", none, value), axis=1)


def _pixels(build: _Build, one: InputWiring) -> str:
    wired_pixels = one.pixels
    assert wired_pixels is not None
    levels = build.add("Cast", f"{one.field}.pixels", to=TensorProto.FLOAT)
    if wired_pixels.bgr:
        levels = build.add("Gather", levels, build.constant(np.array([2, 1, 0], np.int64)), axis=3)
    scaled = build.add("Div", levels, build.single(wired_pixels.scale))
    scaled = build.add("Sub", scaled, build.single(wired_pixels.mean))
    scaled = build.add("Div", scaled, build.single(wired_pixels.deviation))
    if wired_pixels.layout == "nchw":
        return build.add("Transpose", scaled, perm=[0, 3, 1, 2])
    if wired_pixels.layout == "nhw":
        return build.add("Gather", scaled, build.constant(np.array(0, np.int64)), axis=3)
    return build.add("Flatten", scaled, axis=1) if wired_pixels.layout == "flat" else scaled


def _leave(build: _Build, one: OutputWiring) -> str:
    """Add what makes the array of one output, and return its name."""
    name = f"{one.field}.{one.array}"
    # whatever its shape, (n, columns)
    given = build.add("Flatten", build.add("Cast", _PREFIX + one.port, to=TensorProto.FLOAT), axis=1)
    if one.form in {"scalar", "vector"}:
        numbers = build.add("Flatten", build.add("Cast", _PREFIX + one.port, to=TensorProto.DOUBLE), axis=1)
        if one.form == "scalar":
            numbers = build.add("Gather", numbers, build.constant(np.array([one.column], np.int64)), axis=1)
        moved = build.add("Sub", numbers, build.double(list(one.mean)))
        standard = build.add("Div", moved, build.double(list(one.deviation)))
        narrow = build.add("Cast", standard, to=TensorProto.FLOAT)
        if one.form == "vector":
            return build.add("Identity", narrow, output=name)
        return build.add("Reshape", narrow, build.shape(-1), output=name)
    if one.positive is not None:
        return _binary(build, one, given, name)
    logits = given
    if one.probabilities:
        logits = _log_odds(build, given) if one.form == "set" else _log(build, given)
    if one.form == "flag":
        false, true = (
            build.add("Gather", logits, build.constant(np.array(column, np.int64)), axis=1)
            for column in one.columns
        )
        return build.add("Sub", true, false, output=name)
    width = max(one.columns) + 1
    if -1 in one.columns:
        logits = _cut(build, logits, width)
        logits = _padded(build, logits, build.single(NEVER))
    columns = [column if column >= 0 else width for column in one.columns]
    return build.add("Gather", logits, build.constant(np.array(columns, np.int64)), axis=1, output=name)


def _cut(build: _Build, logits: str, width: int) -> str:
    """Add the first columns alone."""
    return build.add("Gather", logits, build.constant(np.arange(width, dtype=np.int64)), axis=1)


def _binary(build: _Build, one: OutputWiring, given: str, name: str) -> str:
    """Add the answer of one column of scores, (n, 1), which are those of the class `positive`."""
    logit = _log_odds(build, given) if one.probabilities else given
    if one.form == "flag":
        if one.positive == 0:
            logit = build.add("Neg", logit)
        return build.add("Reshape", logit, build.shape(-1), output=name)
    none = build.add("Sub", logit, logit)
    both = [none, logit] if one.positive == 1 else [logit, none]
    return build.add("Concat", *both, axis=1, output=name)


def _log(build: _Build, shares: str) -> str:
    return build.add("Log", build.add("Max", shares, build.single(SMALLEST)))


def _log_odds(build: _Build, shares: str) -> str:
    others = build.add("Sub", build.single(1.0), shares)
    return build.add("Sub", _log(build, shares), _log(build, others))
