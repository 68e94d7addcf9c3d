"""A file that is no graph, or one that no package takes, is refused by `check` in one message; nothing of it runs."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import given_graphs as graphs
import onnx
import pytest
from onnx import TensorProto, helper

from modelwright import learners
from modelwright.core.messages import Problem, ProjectError
from modelwright.core.signature import Signature

SIGNATURE = Signature.parse("f(a: number, b: number) -> level: category")


def problems(
    folder: Path, path: str | None, signature: Signature = SIGNATURE, **options: Any
) -> list[Problem]:
    """Return what `check` would say."""
    bring = learners.bring("given")
    assert bring is not None
    given = learners.spec("given").Options(path=path, **options)
    try:
        bring.files(given, folder)
        return list(bring.problems(signature, given, folder))
    except ProjectError as error:
        return list(error.problems)


def whole() -> bytes:
    return graphs.linear(2, 3, softmax=True)


def cut() -> bytes:
    return whole()[:-20]


def text() -> bytes:
    return b"a,b,level\n1,2,low\n"


def page() -> bytes:
    """Return what a download leaves that was refused."""
    return b"<!DOCTYPE html><html><head><title>404</title></head></html>"


def pointer() -> bytes:
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n"


def pickled() -> bytes:
    return pickle.dumps({"a": 1})


def foreign(domain: str) -> Callable[[], bytes]:
    def made() -> bytes:
        nodes = [helper.make_node("FusedMatMul", ["x", "w"], ["y"], domain=domain)]
        shapes = {"x": (graphs.FLOAT, ["n", 2])}, {"y": (graphs.FLOAT, ["n", 3])}
        return graphs.graph(*shapes, nodes, {"w": [[0.0] * 3] * 2})

    return made


def old() -> bytes:
    return graphs.linear(2, 3, opset=7)


def elsewhere(location: str) -> Callable[[], bytes]:
    """Return a graph whose weights are in another file."""

    def made() -> bytes:
        model = onnx.load_from_string(graphs.linear(2, 3))
        (tensor,) = model.graph.initializer
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, "offset": "0", "length": "24"}.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
        content: bytes = model.SerializeToString()
        return content

    return made


@pytest.mark.parametrize(
    ("content", "id_"),
    [
        (bytes, "given.not-a-graph"),
        (text, "given.not-a-graph"),
        (page, "given.not-a-graph"),
        (pointer, "given.not-a-graph"),
        (pickled, "given.not-a-graph"),
        (cut, "given.not-a-graph"),
        (foreign("com.microsoft"), "given.foreign-operators"),
        (foreign("my.company"), "given.foreign-operators"),
        (old, "given.old-opset"),
        (elsewhere("weights.bin"), "given.external-data"),
        (elsewhere("../weights.bin"), "given.external-data"),
        (elsewhere("/etc/hostname"), "given.external-data"),
    ],
)
def test_a_file_that_no_package_takes(content: Callable[[], bytes], id_: str, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "weights.bin").write_bytes(bytes(24))  # beside the folder of the graph, not in it
    (tmp_path / "inner" / "model.onnx").write_bytes(content())
    (problem,) = problems(tmp_path / "inner", "model.onnx")
    assert problem.id == id_
    assert problem.next_step
    assert "model.onnx" in problem.found
    json.dumps(problem.as_json())


def test_weights_beside_a_graph_are_files_of_it_and_end_within(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(elsewhere("weights.bin")())
    (tmp_path / "weights.bin").write_bytes(bytes(24))
    assert problems(tmp_path, "model.onnx") == []
    bring = learners.bring("given")
    assert bring is not None
    options = learners.spec("given").Options(path="model.onnx")
    assert {one.name for one in bring.files(options, tmp_path)} == {"model.onnx", "weights.bin"}
    out = tmp_path / "out"
    out.mkdir()
    bring.prepare(options, tmp_path, out)
    (tensor,) = onnx.load(out / "graph.onnx", load_external_data=False).graph.initializer
    assert tensor.data_location == TensorProto.DEFAULT
    assert len(tensor.raw_data) == 24


def test_a_file_that_is_not_there_is_said_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "modell.onnx").write_bytes(whole())
    (problem,) = problems(tmp_path, "model.onnx")
    assert problem.id == "given.no-file"
    assert "modell.onnx" in problem.found
    (problem,) = problems(tmp_path, None)
    assert problem.id == "given.no-path"


def test_a_folder_is_no_graph(tmp_path: Path) -> None:
    (tmp_path / "saved_model").mkdir()
    (problem,) = problems(tmp_path, "saved_model")
    assert problem.id == "given.not-a-graph"


def test_a_signature_that_does_not_fit_is_said_with_both_sides(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(graphs.linear(5, 3))
    (problem,) = problems(tmp_path, "model.onnx")
    assert problem.id == "given.inputs"
    for part in ("x float[n, 5]", "a: number", "b: number"):
        assert part in problem.found


class Runs:
    """Leaves a file behind where it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.path, "it ran"))


@pytest.mark.parametrize("suffix", [".joblib", ".pkl", ".PKL"])
def test_a_pickle_is_read_only_where_it_is_trusted_and_never_by_check(suffix: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    name = f"model{suffix}"
    (tmp_path / name).write_bytes(pickle.dumps(Runs(trace)))
    (problem,) = (one for one in problems(tmp_path, name) if one.id != "given.no-converter")
    assert problem.id == "given.untrusted"
    assert "trust: true" in str(problem.next_step)
    assert not [one for one in problems(tmp_path, name, trust=True) if one.id != "given.no-converter"]
    bring = learners.bring("given")
    assert bring is not None
    with pytest.raises(ProjectError):
        bring.prepare(learners.spec("given").Options(path=name), tmp_path, tmp_path)
    assert not trace.exists()
