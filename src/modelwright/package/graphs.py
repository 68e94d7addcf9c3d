"""What an ONNX graph of a package may hold, and how one is opened for running."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelwright.core.messages import PackageError, Problem
from modelwright.package.ort import onnxruntime

# ONNX is written in protocol buffers. These tables name, for each kind of message that can hold a tensor, the
# fields that lead on to another one (field numbers of onnx.proto, IR version 13).
_LEADS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_TENSOR_NAME, _EXTERNAL_DATA, _DATA_LOCATION = 8, 13, 14
_MAX_DEPTH = 100  # as deep as protocol buffers themselves allow


def open_session(graph: bytes, threads: int, where: str) -> onnxruntime.InferenceSession:
    """Open a graph on the CPU with a fixed number of threads; raises PackageError where it cannot run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # failures come back as exceptions, and need not be printed as well
    # A thread that spins between requests takes the core that the gateway needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that share no other base
        raise PackageError(
            Problem(
                "package.graph-refused",
                "every graph of a package runs in ONNX Runtime",
                str(error).splitlines()[0][:200],
                "make the package again, or install the ONNX Runtime version that its manifest names",
                where,
            )
        ) from None


def external_tensors(graph: bytes) -> Iterator[str]:
    """Yield the names of tensors whose values lie outside of the graph; raises ValueError if it is no ONNX.

    ONNX lets a tensor name a file of its own (`external_data`), with any path. A package's graphs hold all of
    their weights themselves, so such a path is never followed. This reads the wire format, because the
    runtime comes without the onnx package.
    """
    yield from _walk(memoryview(graph), "model", 0)


def _walk(message: memoryview, kind: str, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if kind == "tensor":
        yield from _external(message)
        return
    leads = _LEADS[kind]
    for number, value in _fields(message):
        if number in leads and isinstance(value, memoryview):
            yield from _walk(value, leads[number], depth + 1)


def _external(tensor: memoryview) -> Iterator[str]:
    name, outside = "", False
    for number, value in _fields(tensor):
        if number == _TENSOR_NAME and isinstance(value, memoryview):
            name = bytes(value).decode(errors="replace")
        outside = outside or number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value == 1)
    if outside:
        yield name


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Yield (field number, value): an int, or the bytes of a text, message or array; raises ValueError."""
    place, end = 0, len(message)
    while place < end:
        key, place = _varint(message, place)
        wire = key & 7
        if wire == 0:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if wire == 2:
            size, place = _varint(message, place)
        elif wire in {1, 5}:
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"no wire type {wire} in ONNX")
        if place + size > end:
            raise ValueError("cut off")
        yield key >> 3, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(message) and shift < 70:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
    raise ValueError("cut off")
