"""What an ONNX graph of a package may hold. Light imports only: no runtime is needed to read it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modelwright.package.graph_encoding import GraphPart, parts

# An operator of another domain can be anything: some of ONNX Runtime's own read files that a node names.
STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
# What our exporters write: products with weights of 8 and 4 bits, and a lookup in a table of 4; of decoders, attention
# with a cache, and a sum with its norm. None reads a file.
OTHER_OPERATORS = frozenset(
    ("com.microsoft", name)
    for name in (
        "MatMulIntegerToFloat",
        "MatMulNBits",
        "GatherBlockQuantized",
        "GroupQueryAttention",
        "SkipSimplifiedLayerNormalization",
    )
)
# Of a domain that the runtime has operators in, its own comes before a function of the graph that has the same name: so
# such a function makes nothing known. (constants.h of ONNX Runtime; `com.microsoft` has operators that read files.)
RUNTIME_DOMAINS = re.compile(
    r"(ai\.onnx|com\.microsoft|com\.ms|com\.intel|com\.xilinx|com\.amd|com\.nvidia|org\.pytorch)(\..*)?",
    re.DOTALL,
)
_INITIALIZER = ("graph", "initializer")  # the way to a tensor that the runtime takes from memory
_ENTRIES = frozenset({"location", "offset", "length", "checksum"})  # of a tensor with external data
_LOCATION = re.compile(
    r"[\w.-]+(?:/[\w.-]+)*"
)  # ONNX Runtime gives others a meaning: an address in memory, say
_COUNT = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True)
class ExternalTensor:
    """A tensor whose values lie outside of its graph.

    location: the path that it names, None where it names none, several, or more than a path and a place in it;
    initializer: whether it is a weight of the outermost graph, and so can be given to the runtime from memory.
    """

    name: str
    location: str | None
    initializer: bool


@dataclass(frozen=True)
class GraphContents:
    """What of a graph needs a rule: tensors with values elsewhere, and operators that are not of ONNX."""

    external: tuple[ExternalTensor, ...]
    foreign: tuple[tuple[str, str], ...]


def contents(graph: bytes | memoryview) -> GraphContents:
    """Return what a graph holds; raises GraphEncodingError where it is not written as ONNX is.

    ONNX lets a tensor name a file of its own (`external_data`), with any path; who reads a package checks that it is
    one of the package's.
    """
    external: list[ExternalTensor] = []
    used: dict[tuple[str, str], None] = {}
    functions: set[tuple[str, str]] = set()
    entries: list[GraphPart] = []
    for part in parts(graph):  # what a tensor says of its file comes before the tensor
        if part.type == "StringStringEntryProto" and part.way[-1] == "external_data":
            entries.append(part)
        elif part.type == "TensorProto":
            if entries or part.values.get("data_location"):
                name = str(part.values.get("name", ""))
                external.append(ExternalTensor(name, _location(part, entries), part.way == _INITIALIZER))
            entries.clear()
        elif part.type == "NodeProto":
            used[_name(part, "op_type")] = None
        elif part.type == "FunctionProto":
            functions.add(_name(part, "name"))
    known = OTHER_OPERATORS | {one for one in functions if not RUNTIME_DOMAINS.fullmatch(one[0])}
    foreign = tuple(one for one in used if one[0] not in STANDARD_DOMAINS and one not in known)
    return GraphContents(tuple(external), foreign)


def _name(part: GraphPart, key: str) -> tuple[str, str]:
    return str(part.values.get("domain", "")), str(part.values.get(key, ""))


def _location(tensor: GraphPart, entries: list[GraphPart]) -> str | None:
    stated = {str(one.values.get("key", "")): str(one.values.get("value", "")) for one in entries}
    if (
        len(stated) != len(entries)
        or not stated.keys() <= _ENTRIES
        or tensor.values.get("data_location") != 1
    ):
        return None
    if not all(_COUNT.fullmatch(stated.get(key, "0")) for key in ("offset", "length")):
        return None
    return stated.get("location")


def is_location(path: str) -> bool:
    """Return whether external data may lie in a file of this name."""
    return _LOCATION.fullmatch(path) is not None and ".." not in path.split("/")
