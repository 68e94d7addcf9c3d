"""A decoder's weights in 8 bits, or most of them in 4: blocks along a row of a matrix, each with a scale of its own.

The runtime multiplies such matrices without unpacking them (`MatMulNBits`), and rounds what it multiplies with to 8
bits, block by block and row by row, so that an answer does not depend on its batch. Steps are symmetric: the zero of b
bits is 2^(b-1), which the operator takes where it is told none, and which is quicker than a zero for each block.

Of several tokens at once that operator is slow (decision 030), so in 8 bits the large matrices are whole bytes with one
scale for each row of a matrix and of what it is multiplied with, unless `blocks` are asked for, which lose less.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from modelwright.learners.exporting import int8
from modelwright.learners.exporting.decoder import equal_channels
from modelwright.learners.exporting.decoder.external_weights import FILE, ExternalWeights
from modelwright.package import content
from modelwright.package.body import Body
from modelwright.package.content import Content
from modelwright.runtime.drivers.decode.cached_graph import GRAPH
from modelwright.runtime.drivers.decode.signed_bytes import BYTES, SIGNED, ZERO

Bits = Literal[4, 8]
_RUNTIME, _PRODUCT, _PRODUCT_OF_ROWS = "com.microsoft", "MatMulNBits", "MatMulIntegerToFloat"
_BLOCK = 32  # weights that share a scale
_LONGER_BLOCK = 64  # in 8 bits, where it fills a row: a twentieth less to read
# `accuracy_level`: what is multiplied with is rounded to 8 bits; without it the runtime is 4 to 30 times slower
_INT8 = 4
# In whole bytes, beside the head. What attention reads and gives is narrower: there the nodes cost what they bring.
_BY_ROWS = ("both.weight", "down.weight")
# Bytes are unsigned around 128: of signed ones AVX2 adds pairs in 16 bits, which can saturate. A second graph reads
# them as signed ones, which are quicker where that cannot happen.
_LEVELS = 127
_BYTES_ZERO, _BYTES_CENTRE = "bytes.zero", "bytes.centre"  # as a byte, and as a number
# Of a mixed form, what stays in 8 bits: it is small, and costs the most when it is rounded (as llama.cpp mixes them).
_FINER = ("qkv.weight", "down.weight")
# Of a block's range, in 4 bits: the outermost weights cost the others their steps.
_SHRUNK = (0.95, 0.9, 0.85, 0.8)


def store(
    body: Body, bits: Bits, *, blocks: bool = False, pieces: Sequence[Sequence[int]] = ()
) -> Body | None:
    """Return the body with its matrices in 8 bits, or in 4 but for its table and the finer ones; None if they are.

    Words and head share one table of 8 bits where they shared one before. blocks: all of 8 bits in blocks, which is
    nearer to the exact weights, and slower where several tokens are read at once. pieces: tokens that follow each other
    as the decoder will read them, by which channels are made alike before they are rounded; without any they stay as
    they are, and more is lost. In blocks they always stay.
    """
    model = onnx.load_from_string(content.whole(body.graphs[GRAPH]))
    if any(node.op_type in (_PRODUCT, _PRODUCT_OF_ROWS) for node in model.graph.node):
        return None
    stored = _Stored(body, model)
    by_rows = [] if blocks or bits == 4 else [node for node in model.graph.node if _may_be_by_rows(node)]
    stored.by_rows = {node.input[1] for node in by_rows}
    if by_rows and pieces:
        stored.factors = equal_channels.factors(model, by_rows, stored.values, body.files, pieces)
    nodes = [made for node in model.graph.node for made in stored.node(node, bits)]
    given = {one.name for one in model.graph.initializer}
    used = {name for node in nodes for name in node.input}
    for name in sorted(used & given):
        stored.weights.add(name, stored.values(name))
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend([*stored.weights.tensors.values(), *stored.bytes.tensors.values()])
    graphs: dict[str, Content] = {**body.graphs, GRAPH: model.SerializeToString(deterministic=True)}
    files: dict[str, Content] = {**body.files, FILE: stored.weights.content}
    if stored.bytes.tensors:
        graphs[SIGNED] = _signed(model, stored.bytes.tensors.keys()).SerializeToString(deterministic=True)
        files[BYTES] = stored.bytes.content
    return replace(body, graphs=graphs, files=files)


def _signed(model: onnx.ModelProto, of_bytes: Collection[str]) -> onnx.ModelProto:
    """Return the graph that reads these tensors as signed bytes, of which the runtime then has taken 128."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for tensor in made.graph.initializer:
        if tensor.name in of_bytes:
            tensor.data_type = TensorProto.INT8
            if tensor.data_location != TensorProto.EXTERNAL:  # too small for the file
                tensor.raw_data = bytes(one ^ ZERO for one in tensor.raw_data)
        elif tensor.name == _BYTES_ZERO:
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.array(0, dtype=np.int8), tensor.name))
        elif tensor.name == _BYTES_CENTRE:
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.array(0, dtype=np.float32), tensor.name))
    return made


class _Stored:
    """Writes nodes anew, and the weights that they then have."""

    def __init__(self, body: Body, model: onnx.ModelProto) -> None:
        self.weights = ExternalWeights()
        self.bytes = ExternalWeights(BYTES)
        self.done: set[str] = set()
        self.by_rows: set[str] = set()  # matrices that are whole bytes
        self.factors: Mapping[str, NDArray[np.float32]] = {}
        self._given = {one.name: one for one in model.graph.initializer}
        self._file = content.view(body.files[FILE]) if FILE in body.files else b""

    def values(self, name: str) -> NDArray[np.float32]:
        """Return the values of a tensor, times its factors."""
        found = self._read(name)
        return found * self.factors[name] if name in self.factors else found

    def _read(self, name: str) -> NDArray[np.float32]:
        """Return the values of a tensor, in whichever file they lie."""
        tensor = self._given[name]
        if tensor.data_location != TensorProto.EXTERNAL:
            return onnx.numpy_helper.to_array(tensor)
        place = {one.key: one.value for one in tensor.external_data}
        begin, length = int(place["offset"]), int(place["length"])
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
        return np.frombuffer(self._file[begin : begin + length], dtype=dtype).reshape(tuple(tensor.dims))

    def node(self, node: onnx.NodeProto, bits: Bits) -> list[onnx.NodeProto]:
        """Return what stands for a node: itself, where it has no matrix of float32."""
        if node.op_type == "MatMul" and self._is_matrix(node.input[1]):
            name = node.input[1]
            fine = bits == 8 or name.endswith(_FINER)
            return self._product(node, name, self.values(name).T, 8 if fine else 4)
        if node.op_type == "Gemm" and self._is_matrix(node.input[1]):
            return self._product(node, node.input[1], self.values(node.input[1]), 8)
        if node.op_type == "Gather" and self._is_matrix(node.input[0]):
            name = node.input[0]
            return self._words_of_columns(node, name) if name in self.by_rows else self._words(node, name)
        return [node]

    def _is_matrix(self, name: str) -> bool:
        tensor = self._given.get(name)
        return tensor is not None and len(tensor.dims) == 2 and tensor.data_type == TensorProto.FLOAT

    def _kept(self, name: str, values: NDArray[np.float32], bits: Bits) -> tuple[str, str]:
        """Keep a matrix (out, in) in so many bits, once; return the names of its steps and scales."""
        steps, scales = f"{name}.steps", f"{name}.scales"
        if name not in self.done:
            self.done.add(name)
            rounded, scale = _rounded(values, bits)
            self.weights.add(steps, _pairs(rounded) if bits == 4 else rounded)
            self.weights.add(scales, scale)
        return steps, scales

    def _product(
        self, node: onnx.NodeProto, name: str, values: NDArray[np.float32], bits: Bits
    ) -> list[onnx.NodeProto]:
        """Return a product with a matrix (out, in)."""
        if name in self.by_rows:
            return self._product_of_rows(node, name, values)
        out, width = values.shape
        steps, scales = self._kept(name, values, bits)
        made = helper.make_node(
            _PRODUCT,
            [node.input[0], steps, scales],
            list(node.output),
            name=node.name,
            domain=_RUNTIME,
            K=width,
            N=out,
            bits=bits,
            block_size=_block(width, bits),
            accuracy_level=_INT8,
        )
        return [made]

    def _kept_by_rows(self, name: str, values: NDArray[np.float32]) -> tuple[str, str]:
        """Keep a matrix (out, in) in bytes (in, out), once; return the names of its steps and of its scales, (out,)."""
        steps, scales = f"{name}.steps", f"{name}.scales"
        if name not in self.done:
            self.done.add(name)
            rounded, scale = int8.rounded(values, _LEVELS)
            self.bytes.add(steps, np.ascontiguousarray((rounded.T + ZERO).astype(np.uint8)))
            self.weights.add(scales, scale)
        return steps, scales

    def _product_of_rows(
        self, node: onnx.NodeProto, name: str, values: NDArray[np.float32]
    ) -> list[onnx.NodeProto]:
        """Return y = (x / m) · W · m in bytes, m the largest of each row of x: what is beside it changes nothing."""
        steps, scales = self._kept_by_rows(name, values)
        last = self._constant("rows.last", np.array([-1], dtype=np.int64))
        step = self._constant("rows.step", np.array(1 / _LEVELS, dtype=np.float32))
        zero = self._constant("rows.zero", np.array(ZERO, dtype=np.uint8))
        bytes_zero = self._constant(_BYTES_ZERO, np.array(ZERO, dtype=np.uint8))
        given, out = node.input[0], node.output[0]
        size, most, share, whole = (f"{out}.{one}" for one in ("size", "most", "share", "bytes"))
        make = helper.make_node
        return [
            make("Abs", [given], [size]),
            make("ReduceMax", [size, last], [most], keepdims=1),
            make("Div", [given, most], [share]),  # of a row of zeros no number, thus any bytes, times m = 0
            make("QuantizeLinear", [share, step, zero], [whole]),
            make(
                _PRODUCT_OF_ROWS,
                [whole, steps, step, scales, zero, bytes_zero],
                [f"{out}.scaled"],
                name=node.name,
                domain=_RUNTIME,
            ),
            make("Mul", [f"{out}.scaled", most], [out]),
        ]

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        """Keep a small tensor that several nodes read, once."""
        return name if name in self.weights.tensors else self.weights.add(name, value)

    def _words(self, node: onnx.NodeProto, name: str) -> list[onnx.NodeProto]:
        """Return the nodes that look tokens up in the table of 8 bits: (steps - 128) · scale, block by block."""
        values = self.values(name)
        width = values.shape[1]
        steps, scales = self._kept(name, values, 8)
        ids, out = node.input[1], node.output[0]
        zero = self.weights.add("words.zero", np.array(128, dtype=np.float32))
        last = self.weights.add("words.last", np.array([-1], dtype=np.int64))
        flat = self.weights.add("words.flat", np.array([0, 0, -1], dtype=np.int64))
        make = helper.make_node
        nodes = [
            make("Gather", [steps, ids], ["words.steps"]),  # (n, t, blocks, 64)
            make("Cast", ["words.steps"], ["words.whole"], to=TensorProto.FLOAT),
            make("Sub", ["words.whole", zero], ["words.centred"]),
            make("Gather", [scales, ids], ["words.scale"]),  # (n, t, blocks)
            make("Unsqueeze", ["words.scale", last], ["words.each"]),
            make("Mul", ["words.centred", "words.each"], ["words.scaled"]),
        ]
        if width % _block(width, 8) == 0:
            return [*nodes, make("Reshape", ["words.scaled", flat], [out])]
        ends = [
            self.weights.add(f"words.{key}", np.array([one])) for key, one in (("from", 0), ("to", width))
        ]
        nodes.append(make("Reshape", ["words.scaled", flat], ["words.filled"]))
        return [*nodes, make("Slice", ["words.filled", *ends, last], [out])]

    def _words_of_columns(self, node: onnx.NodeProto, name: str) -> list[onnx.NodeProto]:
        """Return the nodes that look tokens up in the head's bytes (width, words), and divide by its factors."""
        steps, scales = self._kept_by_rows(name, self.values(name))
        ids, out = node.input[1], node.output[0]
        zero = self.weights.add(_BYTES_CENTRE, np.array(ZERO, dtype=np.float32))
        last = self.weights.add("words.last", np.array([-1], dtype=np.int64))
        make = helper.make_node
        nodes = [
            make("Gather", [steps, ids], ["words.columns"], axis=1),  # (width, n, t)
            make("Transpose", ["words.columns"], ["words.steps"], perm=[1, 2, 0]),
            make("Cast", ["words.steps"], ["words.whole"], to=TensorProto.FLOAT),
            make("Sub", ["words.whole", zero], ["words.centred"]),
            make("Gather", [scales, ids], ["words.scale"]),  # (n, t)
            make("Unsqueeze", ["words.scale", last], ["words.each"]),
        ]
        if name not in self.factors:
            return [*nodes, make("Mul", ["words.centred", "words.each"], [out])]
        factor = self.weights.add("words.factor", (1 / self.factors[name]).reshape(-1))
        return [
            *nodes,
            make("Mul", ["words.centred", "words.each"], ["words.scaled"]),
            make("Mul", ["words.scaled", factor], [out]),
        ]


def _may_be_by_rows(node: onnx.NodeProto) -> bool:
    """Tell whether a node is a product whose matrix may be whole bytes: most of the weights, and the head."""
    return node.op_type == "Gemm" or (node.op_type == "MatMul" and node.input[1].endswith(_BY_ROWS))


def _block(width: int, bits: Bits) -> int:
    """Return how many weights of a row share a scale: of 8 bits more, where they fill the row."""
    return _LONGER_BLOCK if bits == 8 and width % _LONGER_BLOCK == 0 else _BLOCK


def _rounded(values: NDArray[np.float32], bits: Bits) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return whole steps (n, blocks, b) from 0 to 2^bits - 1, and scales (n, blocks), of rows (n, k)."""
    rows, width = values.shape
    block = _block(width, bits)
    # (n, blocks, b), filled up with zeros
    blocks = np.pad(values, ((0, 0), (0, -width % block))).reshape(rows, -1, block).astype(np.float32)
    zero = 1 << (bits - 1)
    # the weight furthest from zero stands at the far end, -zero: so the whole range is used (ggml does likewise)
    furthest = np.take_along_axis(blocks, np.abs(blocks).argmax(-1)[..., None], axis=-1)[..., 0]
    best_steps, best_scale, best_off = _stepped(blocks, furthest, zero)
    for shrunk in _SHRUNK if bits == 4 else ():
        steps, scale, off = _stepped(blocks, furthest * shrunk, zero)
        better = off < best_off  # (n, blocks)
        best_scale[better], best_steps[better], best_off[better] = scale[better], steps[better], off[better]
    return (best_steps + zero).astype(np.uint8), best_scale


def _stepped(
    blocks: NDArray[np.float32], furthest: NDArray[np.float32], zero: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return whole steps (n, blocks, b), scales (n, blocks) that put `furthest` at -zero, and squared errors."""
    scale = (furthest / np.float32(-zero)).astype(np.float32)
    scale[scale == 0] = 1.0
    steps = np.clip(np.rint(blocks / scale[..., None]), -zero, zero - 1)
    return steps, scale, np.square(steps * scale[..., None] - blocks).sum(-1)


def _pairs(steps: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return two steps of 4 bits a byte, the first in its lower half."""
    return np.ascontiguousarray(steps[..., ::2] | (steps[..., 1::2] << 4))
