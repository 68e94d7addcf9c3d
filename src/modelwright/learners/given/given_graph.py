"""Reads an ONNX graph that somebody else has written: its inputs, its outputs, and what it says of classes.

Nothing of the graph is run. What the package would refuse is refused here, before anything is made of it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # it comes with onnx
from onnx import TensorProto, external_data_helper

from modelwright.core.messages import Problem, ProjectError
from modelwright.package.graph_contents import OTHER_OPERATORS, STANDARD_DOMAINS, is_location

MOST_BYTES = 2**31 - 2**20  # protocol buffers hold no message of 2 GiB
FEWEST_OPSET = 9  # what is put around the graph needs it
_METADATA = ("classes", "labels", "names", "class_names", "id2label")
_THROUGH = frozenset({"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten"})
_PROBABILITIES = frozenset({"Softmax", "Sigmoid"})

Shape = tuple[int | str | None, ...]


@dataclass(frozen=True)
class Port:
    """An input or output of a graph: a tensor of a type and a shape, or (`dtype` None) something else."""

    name: str
    dtype: str | None
    shape: Shape | None

    def __str__(self) -> str:
        if self.dtype is None:
            return f"{self.name} (sequence)"
        axes = (
            "?"
            if self.shape is None
            else ", ".join("?" if axis is None else str(axis) for axis in self.shape)
        )
        return f"{self.name} {self.dtype}[{axes}]"

    @property
    def rank(self) -> int | None:
        """Return the number of axes, None where the graph does not say."""
        return None if self.shape is None else len(self.shape)

    @property
    def is_float(self) -> bool:
        """Tell whether the values are floats."""
        return self.dtype in {"float", "double", "float16", "bfloat16"}


class GivenGraph:
    """A graph as it was read."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        graph = model.graph
        constants = {one.name for one in graph.initializer}
        # graphs of IR version 3 list their constants among the inputs
        self.inputs = tuple(_port(one) for one in graph.input if one.name not in constants)
        self.outputs = tuple(_port(one) for one in graph.output)

    @cached_property
    def _producers(self) -> Mapping[str, onnx.NodeProto]:
        return {name: node for node in self.model.graph.node for name in node.output if name}

    @cached_property
    def _typed(self) -> Mapping[str, Port]:
        """Return the tensors whose types follow from the graph, by name."""
        try:
            inferred = onnx.shape_inference.infer_shapes(self.model).graph
        except Exception:  # it is a help, and no graph need have it
            inferred = self.model.graph
        found = (*inferred.value_info, *inferred.output, *inferred.input)
        return {one.name: _port(one) for one in found}

    def tensor(self, port: Port) -> Port:
        """Return the tensor behind an output: that of a ZipMap is the one that it reads."""
        node = self._producers.get(port.name)
        if port.dtype is not None or node is None or node.op_type != "ZipMap":
            return port
        known = self._typed.get(node.input[0])
        if known is None or known.dtype is None:
            return Port(node.input[0], "float", None)  # what a ZipMap names are probabilities
        return Port(node.input[0], known.dtype, known.shape)

    def scores_are(self, name: str) -> str | None:
        """Return `probabilities` where the graph ends in what makes some; None where it does not say."""
        node = self._producers.get(name)
        while node is not None and node.op_type in _THROUGH:
            node = self._producers.get(node.input[0])
        if node is None:
            return None
        norm = next((one.s for one in node.attribute if one.name == "norm"), b"")
        shares = node.op_type in _PROBABILITIES or (node.op_type == "Normalizer" and norm == b"L1")
        return "probabilities" if shares else None

    @cached_property
    def class_lists(self) -> tuple[tuple[str, ...], ...]:
        """Return the lists of classes that the graph and its metadata hold, each once."""
        found = [*_of_nodes(self.model.graph), *_of_metadata(self.model)]
        return tuple(dict.fromkeys(one for one in found if len(one) > 1))

    def known_values(self, name: str) -> tuple[str, ...]:
        """Return the texts that encoders of one input tell apart, so that none of them is taken for unknown."""
        found: dict[str, None] = {}
        for node in self.model.graph.node:
            start: onnx.NodeProto | None = node
            while start is not None and start.input and start.input[0] != name:
                above = self._producers.get(start.input[0])
                start = above if above is not None and above.op_type in _THROUGH else None
            if start is None or not start.input:
                continue
            for one in node.attribute:
                if one.name in {"cats_strings", "keys_strings"}:
                    found |= dict.fromkeys(text.decode(errors="replace") for text in one.strings)
        return tuple(found)

    @cached_property
    def columns(self) -> tuple[str, ...] | None:
        """Return the names of the columns of its one matrix, where a converter left them; None without."""
        for one in self.model.metadata_props:
            if one.key == COLUMNS:
                names = json.loads(one.value)
                return tuple(map(str, names))
        return None


COLUMNS = "modelwright.columns"
"""Under this key of its metadata a converted graph holds the names of its columns, as JSON."""


def read(path: Path, shown: str) -> GivenGraph:
    """Read a graph with all of its tensors; shown: the path as the project names it. Raises ProjectError."""
    model = _parsed(path, shown)
    files = external_files(model, path.parent, shown)
    if sum(one.stat().st_size for one in (path, *files)) > MOST_BYTES:
        raise ProjectError(_at(Problem("given.too-large", path=shown)))
    if files:
        external_data_helper.load_external_data_for_model(model, str(path.parent))
    if problem := _unwelcome(model, shown):
        raise ProjectError(_at(problem))
    return GivenGraph(model)


def files_of(path: Path, shown: str) -> tuple[Path, ...]:
    """Return the files that hold values of a graph, which lie beside it; raises ProjectError."""
    return tuple(external_files(_parsed(path, shown), path.parent, shown))


def external_files(model: onnx.ModelProto, folder: Path, shown: str) -> list[Path]:
    """Return the files that the tensors name; raises ProjectError where one is not there, or leads elsewhere."""
    found: dict[Path, None] = {}
    for tensor in external_data_helper._get_all_tensors(model):
        if not external_data_helper.uses_external_data(tensor):
            continue
        location = next((one.value for one in tensor.external_data if one.key == "location"), "")
        place = folder / location
        inside = is_location(location) and place.resolve().is_relative_to(folder.resolve())
        if not inside or not place.is_file():
            raise ProjectError(
                _at(
                    Problem(
                        "given.external-data",
                        path=shown,
                        tensor=tensor.name[:80],
                        location=location[:120],
                        outside=not inside,
                    )
                )
            )
        found[place] = None
    return list(found)


def _at(problem: Problem) -> Problem:
    return problem.at("model.path")


def _parsed(path: Path, shown: str) -> onnx.ModelProto:
    if path.stat().st_size > MOST_BYTES:
        raise ProjectError(_at(Problem("given.too-large", path=shown)))
    try:
        model = onnx.load(str(path), format="protobuf", load_external_data=False)
    except (DecodeError, ValueError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise ProjectError(_at(Problem("given.not-a-graph", path=shown, reason=reason))) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ProjectError(_at(Problem("given.not-a-graph", path=shown, reason=reason))) from None
    if not model.graph.node or not model.graph.output or not model.opset_import:
        raise ProjectError(_at(Problem("given.not-a-graph", path=shown, reason=None)))
    return model


def _unwelcome(model: onnx.ModelProto, shown: str) -> Problem | None:
    """Return what of a graph no package takes, or what cannot be put around it."""
    own = {(one.domain, one.name) for one in model.functions}
    used = {(node.domain, node.op_type) for node in every_node(model)}
    foreign = sorted(
        f"{domain}:{name}" for domain, name in used - own - OTHER_OPERATORS if domain not in STANDARD_DOMAINS
    )
    if foreign:
        return Problem("given.foreign-operators", path=shown, operators=foreign[:6])
    opset = next((one.version for one in model.opset_import if one.domain in {"", "ai.onnx"}), FEWEST_OPSET)
    if opset < FEWEST_OPSET:
        return Problem("given.old-opset", path=shown, opset=opset, fewest=FEWEST_OPSET)
    return None


def every_node(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Yield the nodes of a graph, of its functions, and of the graphs inside of them."""
    waiting: list[Iterable[onnx.NodeProto]] = [model.graph.node, *(one.node for one in model.functions)]
    while waiting:
        for node in waiting.pop():
            yield node
            waiting += [inner.node for inner in inner_graphs(node)]


def inner_graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Yield the graphs inside a node (the branches of an If, the body of a Loop)."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _port(info: onnx.ValueInfoProto) -> Port:
    if not info.type.HasField("tensor_type"):
        return Port(info.name, None, None)
    tensor = info.type.tensor_type
    shape: Shape | None = None
    if tensor.HasField("shape"):
        shape = tuple(
            axis.dim_value if axis.HasField("dim_value") else (axis.dim_param or None)
            for axis in tensor.shape.dim
        )
    return Port(info.name, TensorProto.DataType.Name(tensor.elem_type).lower(), shape)


def _of_nodes(graph: onnx.GraphProto) -> Iterator[tuple[str, ...]]:
    """Yield the lists of classes that classifiers, ZipMaps and the selection of a label hold."""
    constants = {one.name: one for one in graph.initializer}
    for node in graph.node:
        for one in node.attribute:
            if one.name in {"classlabels_strings", "classlabels_int64s", "classlabels_ints"}:
                yield _texts(one.strings or one.ints)
        if node.op_type == "ArrayFeatureExtractor" and node.input[0] in constants:
            tensor = constants[node.input[0]]
            if tensor.data_type in {TensorProto.STRING, TensorProto.INT64, TensorProto.INT32}:
                yield _texts(onnx.numpy_helper.to_array(tensor).ravel().tolist())
        if node.op_type == "LabelEncoder":
            lists = {one.name: one for one in node.attribute}
            if "keys_int64s" in lists and "values_strings" in lists:
                pairs = sorted(zip(lists["keys_int64s"].ints, lists["values_strings"].strings, strict=True))
                if [key for key, _ in pairs] == list(range(len(pairs))):
                    yield _texts([value for _, value in pairs])


def _of_metadata(model: onnx.ModelProto) -> Iterator[tuple[str, ...]]:
    for one in model.metadata_props:
        if one.key.lower() in _METADATA and (read_ := _listed(one.value)):
            yield read_


def _listed(text: str) -> tuple[str, ...] | None:
    """Return the classes of a text: a JSON list, a mapping by number as JSON or Python writes it, or `a,b,c`."""
    value: object = None
    for reader in (json.loads, ast.literal_eval):  # a literal runs nothing
        try:
            value = reader(text)
            break
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
    if isinstance(value, Mapping):
        try:
            pairs = sorted((int(key), name) for key, name in value.items())
        except (TypeError, ValueError):
            return None
        if [key for key, _ in pairs] != list(range(len(pairs))):
            return None
        value = [name for _, name in pairs]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _texts(value)
    parts = [one.strip() for one in text.replace("\n", ",").split(",")]
    return tuple(parts) if len(parts) > 1 and all(parts) else None


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(one.decode(errors="replace") if isinstance(one, bytes) else str(one) for one in values)
