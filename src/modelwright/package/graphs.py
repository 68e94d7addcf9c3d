"""What an ONNX graph of a package may hold, and how one is opened for running."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelwright.core.messages import PackageError, Problem
from modelwright.package import content
from modelwright.package.content import Content
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
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_INITIALIZER = ("model", "graph", "tensor")  # the way to a tensor that the runtime takes from memory
_MAX_DEPTH = 100  # as deep as protocol buffers themselves allow


@dataclass(frozen=True)
class ExternalTensor:
    """A tensor whose values lie outside of its graph.

    location: the path that it names, None where it names none or several; initializer: whether it is a weight
    of the outermost graph, and so can be given to the runtime from memory.
    """

    name: str
    location: str | None
    initializer: bool


def open_session(
    graph: Content, threads: int, where: str, files: Mapping[str, Content] | None = None
) -> onnxruntime.InferenceSession:
    """Open a graph on the CPU with a fixed number of threads; raises PackageError where it cannot run.

    `files` holds the external data by the locations that the graph names. The runtime takes it from the mapped
    bytes and follows no path; it checks that each tensor's offset and length lie within its file.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # failures come back as exceptions, and need not be printed as well
    # A thread that spins between requests takes the core that the gateway needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if files:
        views = [content.view(one) for one in files.values()]
        options.add_external_initializers_from_files_in_memory(
            list(files), views, [len(one) for one in views]
        )
    try:
        # what it needs of the views it has copied when this returns
        return onnxruntime.InferenceSession(content.whole(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own that share no other base
        reason = str(error).splitlines()[0][:200]
        raise PackageError(Problem("package.graph-refused", where=where, error=reason)) from None


def external_tensors(graph: bytes | memoryview) -> Iterator[ExternalTensor]:
    """Yield the tensors whose values lie outside of the graph; raises ValueError if it is no ONNX.

    ONNX lets a tensor name a file of its own (`external_data`), with any path; who reads a package checks that
    it is one of the package's. This reads the wire format, because the runtime comes without the onnx package.
    """
    yield from _walk(memoryview(graph), ("model",))


def _walk(message: memoryview, way: tuple[str, ...]) -> Iterator[ExternalTensor]:
    if len(way) > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if way[-1] == "tensor":
        yield from _external(message, initializer=way == _INITIALIZER)
        return
    leads = _LEADS[way[-1]]
    for number, value in _fields(message):
        if number in leads and isinstance(value, memoryview):
            yield from _walk(value, (*way, leads[number]))


def _external(tensor: memoryview, *, initializer: bool) -> Iterator[ExternalTensor]:
    name, outside, locations = "", False, []
    for number, value in _fields(tensor):
        if number == _TENSOR_NAME and isinstance(value, memoryview):
            name = _text(value)
        elif number == _EXTERNAL_DATA and isinstance(value, memoryview):
            entry = {key: _text(one) for key, one in _fields(value) if isinstance(one, memoryview)}
            outside = True
            if entry.get(_ENTRY_KEY) == "location":
                locations.append(entry.get(_ENTRY_VALUE, ""))
        elif number == _DATA_LOCATION and value == 1:
            outside = True
    if outside:
        yield ExternalTensor(name, locations[0] if len(locations) == 1 else None, initializer)


def _text(data: memoryview) -> str:
    return bytes(data).decode(errors="replace")


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
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
