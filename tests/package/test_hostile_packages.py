"""A sealed package of a stranger reads no file of this machine, whatever its graph says and however it says it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from hostile_graphs import RUNNABLE, WAYS, along, external, otherwise, ways_to_a_tensor
from onnx import TensorProto, helper
from test_package import ids, reseal
from tiny_serving import linear_body, sealed

from modelwright.core.messages import PackageError
from modelwright.package import confinement, graphs, packages
from modelwright.runtime.function import load

landlock = pytest.mark.skipif(confinement.version() is None, reason="this kernel has no Landlock")


@pytest.fixture
def folder(packages: dict[str, Path], tmp_path: Path) -> Path:
    """Return a copy of a package, beside a file that is none of its business; the latter is where we stand."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "secret.bin").write_bytes(b"password")
    return Path(shutil.copytree(packages["linear"], tmp_path / "package"))


def hostile(folder: Path, graph: bytes, *files: str) -> Path:
    """Put a graph, and files of eight bytes, into a package whose checksums and manifest then fit."""
    (folder / "model.onnx").write_bytes(graph)
    for path in files:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"weights!")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["files"] = list(files)
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    reseal(folder)
    return folder


def refused(folder: Path) -> set[str]:
    """Return the ids of what is wrong with a package; it is read, verified and loaded with the same result."""
    found = set()
    for look in (packages.read, packages.verify, load):
        with pytest.raises(PackageError) as error:
            look(folder)
        assert str(error.value)  # it can be worded
        found |= ids(error)
    return found


@pytest.mark.parametrize("place", ["secret.bin", "/etc/passwd", "../here/secret.bin", "./secret.bin", ""])
@pytest.mark.parametrize("make", RUNNABLE.values(), ids=RUNNABLE.keys())
def test_a_graph_that_asks_for_a_file_is_refused(folder, make, place):
    graph = make(external(place)).SerializeToString(deterministic=True)
    assert refused(hostile(folder, graph)) == {"package.external-data"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", RUNNABLE.values(), ids=RUNNABLE.keys())
def test_a_graph_that_hides_what_it_asks_for_is_refused(folder, make, way):
    assert refused(hostile(folder, otherwise(make(external("secret.bin")), way))) == {"package.bad-graph"}


PLACES = {name: way for name, way in ways_to_a_tensor(4).items() if name != "graph.initializer"}


@pytest.mark.parametrize("way", PLACES.values(), ids=PLACES.keys())
def test_only_a_weight_lies_in_a_file_of_the_package(folder, way):
    graph = along(way, external("own.bin")).SerializeToString(deterministic=True)
    assert refused(hostile(folder, graph, "own.bin")) == {"package.external-constant"}


@pytest.mark.parametrize("path", ["*/_ORT_MEM_ADDR_/*", "a b.bin", "a:b", "weights.bin ", "a/..b/*"])
def test_a_file_with_a_name_that_the_runtime_may_take_for_something_else_is_refused(folder, path):
    graph = RUNNABLE["a weight"](external(path)).SerializeToString(deterministic=True)
    assert refused(hostile(folder, graph, path)) <= {"package.external-data", "package.bad-sums"}


def with_entries(*entries: tuple[str, str], location: int = TensorProto.EXTERNAL) -> bytes:
    """Return a graph whose weight says so of its file."""
    tensor = TensorProto(name="w", data_type=TensorProto.UINT8, dims=[8], data_location=location)
    for key, value in entries:
        tensor.external_data.add(key=key, value=value)
    return bytes(RUNNABLE["a weight"](tensor).SerializeToString(deterministic=True))


@pytest.mark.parametrize(
    "graph",
    [
        with_entries(("location", "own.bin"), ("location", "own.bin")),
        with_entries(("location", "own.bin"), ("location", "/etc/passwd")),
        with_entries(("location", "own.bin"), ("basepath", "/etc")),
        with_entries(("location", "own.bin"), ("offset", "-1")),
        with_entries(("location", "own.bin"), ("length", "0x8")),
        with_entries(("location", "own.bin"), ("length", "8 ")),
        with_entries(("offset", "0")),
        with_entries(),
        with_entries(("location", "own.bin"), location=TensorProto.DEFAULT),
    ],
)
def test_a_file_is_named_once_and_with_a_place_alone(folder, graph):
    assert refused(hostile(folder, graph, "own.bin")) == {"package.external-data"}


@pytest.mark.parametrize(
    ("operator", "domain"),
    [
        ("EPContext", "com.microsoft"),
        ("Steal", "own"),
        ("PyOp", "ai.onnx.contrib"),
        ("X", "ai.onnx.training"),
    ],
)
def test_an_operator_that_is_not_of_onnx_is_refused(folder, operator, domain):
    model = onnx.load_model(folder / "model.onnx")
    node = helper.make_node(operator, [], ["b"], domain=domain)
    branch = helper.make_graph([node], "b", [], [])
    for one in (node, helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch)):
        del model.graph.node[:]
        model.graph.node.append(one)
        written = model.SerializeToString(deterministic=True)
        assert refused(hostile(folder, written)) == {"package.foreign-operator"}


@pytest.mark.parametrize(
    "domain",
    ["com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc", "ai.onnx.training", "org.pytorch.aten"],
)
def test_a_function_makes_no_operator_of_the_runtime_known(folder, domain):
    # ONNX Runtime runs its own Gelu of com.microsoft, and not a function of the graph that has its name.
    model = onnx.load_model(folder / "model.onnx")
    body = [helper.make_node("Identity", ["x"], ["y"])]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(domain, 1)]
    model.functions.append(helper.make_function(domain, "Gelu", ["x"], ["y"], body, opsets))
    model.opset_import.append(helper.make_opsetid(domain, 1))
    written = model.SerializeToString(deterministic=True)
    load(hostile(folder, written))  # nobody calls it
    model.graph.node.append(helper.make_node("Gelu", ["a"], ["b"], domain=domain))
    written = model.SerializeToString(deterministic=True)
    assert refused(hostile(folder, written)) == {"package.foreign-operator"}


def test_a_graph_that_begins_as_the_format_of_the_runtime_is_read_as_onnx(folder):
    before = load(folder)(9.0).as_json()
    model = onnx.load_model(folder / "model.onnx")
    model.producer_name = "ORTM"
    graph = model.SerializeToString(deterministic=True)
    assert graph[4:8] == b"ORTM"  # by which ONNX Runtime knows its own format, with a parser of its own
    assert load(hostile(folder, graph))(9.0).as_json() == before


@pytest.mark.parametrize(
    "make", [RUNNABLE[name] for name in ("a loop", "a branch", "a function", "a constant")]
)
def test_should_the_check_fail_the_working_folder_is_empty(folder, make, monkeypatch):
    assert opened(folder, make, "secret.bin", monkeypatch) == {"package.graph-refused"}


@landlock
@pytest.mark.parametrize(
    "make", [RUNNABLE[name] for name in ("a loop", "a branch", "a function", "a constant")]
)
def test_should_the_check_fail_no_other_file_can_be_read(folder, make, monkeypatch):
    place = str(folder.parent / "here" / "secret.bin")
    assert opened(folder, make, place, monkeypatch) == {"package.graph-refused"}


def test_without_both_walls_the_file_would_be_read(folder, monkeypatch):
    """Or the two tests above would show nothing."""
    monkeypatch.setattr(graphs, "confined", lambda work, **_: work())
    assert opened(folder, RUNNABLE["a loop"], "secret.bin", monkeypatch) == {"package.graph-arrays"}


def opened(folder: Path, make, place: str, monkeypatch) -> set[str]:
    """Load a hostile package, without any check of its graph, where the secret lies; return what goes wrong."""
    monkeypatch.chdir(folder.parent / "here")
    monkeypatch.setattr(packages, "_require_safe", lambda *_: None)
    hostile(folder, make(external(place)).SerializeToString(deterministic=True))
    with pytest.raises(PackageError) as error:
        load(folder)
    return ids(error)


def test_weights_beside_the_graph_are_answered_from_where_nothing_else_can_be_read(tmp_path):
    body = linear_body()
    model = onnx.load_from_string(body.graphs["model"])
    big = next(one for one in model.graph.initializer if one.name == "weight")
    data, big.raw_data = big.raw_data, b""
    big.ClearField("raw_data")
    big.data_location = TensorProto.EXTERNAL
    big.external_data.add(key="location", value="weights/w.bin")
    outside = replace(
        body, graphs={"model": model.SerializeToString(deterministic=True)}, files={"weights/w.bin": data}
    )
    answer = load(sealed(outside, tmp_path / "p"))(9.0).as_json()
    assert answer == load(sealed(body, tmp_path / "q"))(9.0).as_json()
