"""The package's folder: same inputs, same bytes; and every way in which it can be damaged is told."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from tiny_serving import linear_body, sealed, text_body

from modelwright.core import digests
from modelwright.core.messages import PackageError
from modelwright.package import packages
from modelwright.package.body import Body
from modelwright.package.checksums import SUMS
from modelwright.package.graph_contents import ExternalTensor, contents
from modelwright.runtime.function import Function, load


@pytest.fixture
def folder(packages: dict[str, Path], tmp_path: Path) -> Path:
    """Return a copy of a package that a test may damage."""
    return Path(shutil.copytree(packages["text"], tmp_path / "copy"))


def reseal(folder: Path) -> None:
    """Make SHA256SUMS agree with the files again, as someone who tampers would."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != SUMS)
    lines = [f"{digests.of_file(p)}  {p.relative_to(folder).as_posix()}\n" for p in paths]
    (folder / SUMS).write_text("".join(lines), "utf-8")


def change_manifest(folder: Path, change: Callable[[dict], object]) -> None:
    """Change the manifest and seal the package again."""
    manifest = json.loads((folder / packages.MANIFEST).read_text("utf-8"))
    change(manifest)
    (folder / packages.MANIFEST).write_text(json.dumps(manifest), "utf-8")
    reseal(folder)


def ids(error: pytest.ExceptionInfo[PackageError]) -> set[str]:
    """Return the ids of an error's problems."""
    return {problem.id for problem in error.value.problems}


def test_same_inputs_give_the_same_bytes_in_any_folder(tmp_path: Path) -> None:
    one, two = sealed(text_body(), tmp_path / "one"), sealed(text_body(), tmp_path / "elsewhere" / "two")
    files = {p.relative_to(one): p.read_bytes() for p in one.rglob("*") if p.is_file()}
    assert files == {p.relative_to(two): p.read_bytes() for p in two.rglob("*") if p.is_file()}
    assert {str(name) for name in files} == {
        "manifest.json", "model.onnx", "assets/question/tokenizer.json", "SHA256SUMS",
    }  # fmt: skip
    assert str(tmp_path).encode() not in b"".join(files.values())


def test_read_returns_what_was_written(tmp_path: Path) -> None:
    body = text_body()
    digest = packages.write(
        body, tmp_path / "p", lineage={"learned": "ab"}, versions={"onnx": "1"}, threads=2
    )
    found = packages.read(tmp_path / "p")
    assert found.body == body
    assert (found.lineage, found.versions, found.threads) == ({"learned": "ab"}, {"onnx": "1"}, 2)
    assert digest == found.digest == packages.digest(tmp_path / "p") == packages.verify(tmp_path / "p")


def test_other_lineage_gives_another_digest(tmp_path: Path) -> None:
    one = packages.write(linear_body(), tmp_path / "a", lineage={"learned": "1"}, versions={}, threads=1)
    two = packages.write(linear_body(), tmp_path / "b", lineage={"learned": "2"}, versions={}, threads=1)
    assert one != two


def test_a_package_is_not_written_over_files(folder: Path) -> None:
    with pytest.raises(PackageError) as error:
        sealed(text_body(), folder)
    assert ids(error) == {"package.folder-not-empty"}


@pytest.mark.parametrize("path", ["manifest.json", "model.onnx", "assets/question/tokenizer.json"])
def test_one_altered_byte_is_told(folder: Path, path: str) -> None:
    data = bytearray((folder / path).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / path).write_bytes(data)
    with pytest.raises(PackageError) as error:
        packages.verify(folder)
    assert ids(error) == {"package.altered-file"}
    assert path in error.value.problems[0].found


def test_missing_unlisted_and_linked_files_are_told_at_once(folder: Path, tmp_path: Path) -> None:
    (folder / "model.onnx").unlink()
    (folder / "notes.txt").write_text("x", "utf-8")
    (tmp_path / "outside").write_text("secret", "utf-8")
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "folder-link").symlink_to(tmp_path)
    with pytest.raises(PackageError) as error:
        packages.read(folder)
    assert ids(error) == {"package.missing-file", "package.unlisted-file", "package.not-a-file"}
    assert len(error.value.problems) == 4


def test_a_listed_file_that_became_a_link_is_told(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "model.onnx", tmp_path / "model.onnx")
    (folder / "model.onnx").symlink_to(tmp_path / "model.onnx")
    with pytest.raises(PackageError) as error:
        packages.read(folder)
    assert "package.not-a-file" in ids(error)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../outside",
        "assets/../../outside",
        "assets//x",
        "./model.onnx",
        "a\\b",
        "SHA256SUMS",
        "a\x00b",
    ],
)
def test_a_path_that_leaves_the_folder_is_told(folder: Path, path: str) -> None:
    with (folder / SUMS).open("a", encoding="utf-8") as file:
        file.write(f"{'0' * 64}  {path}\n")
    with pytest.raises(PackageError) as error:
        packages.verify(folder)
    assert "package.bad-sums" in ids(error)


def test_a_line_listed_twice_or_cut_is_told(folder: Path) -> None:
    text = (folder / SUMS).read_text("utf-8")
    for changed in (text + text.splitlines()[0] + "\n", text[:-20], text.replace("  ", " ")):
        (folder / SUMS).write_text(changed, "utf-8")
        with pytest.raises(PackageError):
            packages.verify(folder)


def test_a_newer_format_asks_for_an_upgrade(folder: Path) -> None:
    change_manifest(folder, lambda manifest: manifest.update(format=4, something="new"))
    with pytest.raises(PackageError, match="up to 3") as error:
        packages.verify(folder)
    assert ids(error) == {"package.newer-format"}


CHANGES: dict[str, Callable[[dict], object]] = {
    "another key": lambda m: m.update(extra=1),
    "format 0": lambda m: m.update(format=0),
    "format true": lambda m: m.update(format=True),
    "no threads": lambda m: m.update(threads=0),
    "a graph that is not there": lambda m: m.update(graphs=["model", "second"]),
    "a graph outside": lambda m: m.update(graphs=["model", "../model"]),
    "an asset outside": lambda m: m["inputs"]["question"]["assets"].append("../../../../etc/passwd"),
    "an asset not mentioned": lambda m: m["inputs"]["question"].update(assets=[]),
    "a signature that cannot be read": lambda m: m.update(signature="measure(question"),
    "another signature": lambda m: m.update(signature="measure(answer: text) -> size: category"),
    "a state that cannot be read": lambda m: m["outputs"]["size"].update(state={}),
    "no inputs": lambda m: m.pop("inputs"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_manifest_that_does_not_fit_is_told(folder: Path, change: Callable[[dict], object]) -> None:
    change_manifest(folder, change)
    with pytest.raises(PackageError) as error:
        packages.read(folder)
    assert ids(error) == {"package.bad-manifest"}


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 20_000, '{"format": 1}', "\xff"])
def test_a_manifest_that_is_none_is_told(folder: Path, text: str) -> None:
    (folder / packages.MANIFEST).write_bytes(text.encode("latin-1"))
    reseal(folder)
    with pytest.raises(PackageError) as error:
        packages.read(folder)
    assert ids(error) == {"package.bad-manifest"}


def test_a_folder_that_is_no_package_is_told(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        for look in (packages.read, packages.verify, packages.digest):
            with pytest.raises(PackageError) as error:
                look(folder)
            assert ids(error) == {"package.not-found"}


def graph_with_external_data(location: str, *, nested: bool) -> bytes:
    """Return a graph whose weight lies in a file, at the top or inside of a branch."""
    tensor = TensorProto(
        name="weight", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL
    )
    tensor.external_data.add(key="location", value=location)
    if nested:
        inner = helper.make_graph(
            [helper.make_node("Constant", [], ["y"], value=tensor)],
            "inner",
            [],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
        )
        nodes, tensors = [helper.make_node("If", ["yes"], ["z"], then_branch=inner, else_branch=inner)], []
    else:
        nodes, tensors = [helper.make_node("Identity", ["weight"], ["z"])], [tensor]
    output = helper.make_tensor_value_info("z", TensorProto.FLOAT, [1])
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("yes", TensorProto.BOOL, [])], [output], tensors
    )
    return helper.make_model(graph).SerializeToString()


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("location", ["/etc/passwd", "../../outside", "weights.bin"])
def test_weights_in_another_file_are_refused(
    folder: Path, tmp_path: Path, location: str, nested: bool
) -> None:
    graph = graph_with_external_data(location, nested=nested)
    body = text_body()
    with pytest.raises(PackageError) as error:
        sealed(Body(body.signature, body.driver, {"model": graph}, body.states), tmp_path / "new")
    assert ids(error) == {"package.external-data"}
    assert location in str(error.value)
    (folder / "model.onnx").write_bytes(graph)
    reseal(folder)
    with pytest.raises(PackageError) as error:
        packages.verify(folder)
    assert ids(error) == {"package.external-data"}


@pytest.mark.parametrize("data", [b"", b"\xff" * 40, b"PK\x03\x04 something else"])
def test_a_graph_that_is_no_onnx_is_told(folder: Path, data: bytes) -> None:
    (folder / "model.onnx").write_bytes(data)
    reseal(folder)
    with pytest.raises(PackageError):
        load(folder)


def test_our_reading_of_onnx_agrees_with_the_library(packages: dict[str, Path]) -> None:
    for name in ("linear", "slow", "text"):
        graph = (packages[name] / "model.onnx").read_bytes()
        assert contents(graph).external == ()
        model = onnx.load_from_string(graph)
        for tensor in model.graph.initializer:
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="x")
        expected = [ExternalTensor(tensor.name, "x", True) for tensor in model.graph.initializer]
        assert list(contents(model.SerializeToString()).external) == expected


def test_a_package_of_format_1_is_read_and_answers() -> None:
    folder = Path(__file__).parent / "format1"
    found = packages.read(folder)
    assert (found.body.driver, dict(found.body.files), dict(found.body.settings)) == ("once", {}, {})
    assert found.body == text_body()
    assert packages.verify(folder) == found.digest
    question = "does my plan cover dental"
    new = Function(packages.Package(text_body(), "", 1))(question)
    assert load(folder)(question).as_json() == new.as_json()


def test_format_1_has_no_files_and_no_settings(folder: Path) -> None:
    change_manifest(folder, lambda manifest: manifest.update(format=1, settings={"beams": 4}))
    with pytest.raises(PackageError) as error:
        packages.read(folder)
    assert ids(error) == {"package.bad-manifest"}


# -- files of the body, and weights outside of the graph -------------------------------------------------------


def outside_body() -> Body:
    """Return the linear body with its large weights in `weights/big.bin`, as the onnx library writes them."""
    body = linear_body()
    graph = body.graphs["model"]
    assert isinstance(graph, bytes)
    model = onnx.load_from_string(graph)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "model.onnx"
        onnx.save_model(
            model,
            path,
            save_as_external_data=True,
            location="big.bin",
            size_threshold=60,
            convert_attribute=False,
        )
        data = (path.parent / "big.bin").read_bytes()
        for tensor in (exported := onnx.load_model(path, load_external_data=False)).graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = "weights/big.bin"
    return replace(body, graphs={"model": exported.SerializeToString()}, files={"weights/big.bin": data})


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return a package with weights outside of its graph."""
    return sealed(outside_body(), tmp_path / "outside")


def test_weights_in_a_file_of_the_package_answer_as_those_inside(outside: Path) -> None:
    inside = Function(packages.Package(linear_body(), "", 1))
    found = packages.read(outside)
    assert found.body == outside_body()
    assert isinstance(found.body.files["weights/big.bin"], memoryview)  # mapped
    function = Function(found)
    for height in (1.0, 9.0, 11.0, 20.0):
        assert function(height).as_json() == inside(height).as_json()


def test_files_and_settings_are_kept_and_change_the_digest(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"0123456789" * 1000)
    files = {"index/ids.bin": tmp_path / "large", "empty": b""}
    body = replace(
        linear_body(), files=files, settings={"beams": 4, "words": ["a", "b"], "deep": {"x": None}}
    )
    digest = sealed(body, tmp_path / "p")
    found = packages.read(digest)
    assert bytes(found.body.files["index/ids.bin"]) == (tmp_path / "large").read_bytes()
    assert bytes(found.body.files["empty"]) == b""
    assert found.body.settings == body.settings
    assert found.digest != packages.verify(sealed(linear_body(), tmp_path / "plain"))
    again = replace(body, files={**files, "index/ids.bin": (tmp_path / "large").read_bytes()})
    assert packages.verify(sealed(again, tmp_path / "again")) == found.digest


def test_damaged_weights_are_refused(outside: Path) -> None:
    path = outside / "weights" / "big.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(PackageError) as error:
        load(outside)
    assert ids(error) == {"package.altered-file"}


def test_weights_that_are_too_short_are_refused(outside: Path) -> None:
    path = outside / "weights" / "big.bin"
    path.write_bytes(path.read_bytes()[:-8])
    reseal(outside)
    with pytest.raises(PackageError) as error:
        load(outside)
    assert ids(error) == {"package.graph-refused"}


@pytest.mark.parametrize(
    "location", ["../outside.bin", "/etc/passwd", "weights/../weights/big.bin", "other.bin", ""]
)
def test_weights_in_a_file_that_is_not_of_the_package_are_refused(outside: Path, location: str) -> None:
    (outside.parent / "outside.bin").write_bytes(b"\0" * 1000)
    model = onnx.load_model(outside / "model.onnx", load_external_data=False)
    for entry in next(one for one in model.graph.initializer if one.name == "weight").external_data:
        if entry.key == "location":
            entry.value = location
    (outside / "model.onnx").write_bytes(model.SerializeToString())
    reseal(outside)
    with pytest.raises(PackageError) as error:
        packages.verify(outside)
    assert ids(error) == {"package.external-data"}


def test_weights_in_a_file_that_the_manifest_does_not_list_are_refused(outside: Path) -> None:
    change_manifest(outside, lambda manifest: manifest.update(files=[]))
    with pytest.raises(PackageError) as error:
        packages.verify(outside)
    assert ids(error) == {"package.bad-manifest"}


def test_weights_in_a_file_that_is_not_listed_or_a_link_are_refused(outside: Path) -> None:
    sums = (outside / SUMS).read_text("utf-8").splitlines(keepends=True)
    (outside / SUMS).write_text("".join(line for line in sums if "big.bin" not in line), "utf-8")
    with pytest.raises(PackageError) as error:
        load(outside)
    assert ids(error) == {"package.unlisted-file"}
    (outside / SUMS).write_text("".join(sums), "utf-8")
    real = outside.parent / "big.bin"
    (outside / "weights" / "big.bin").rename(real)
    (outside / "weights" / "big.bin").symlink_to(real)
    with pytest.raises(PackageError) as error:
        load(outside)
    assert "package.not-a-file" in ids(error)


def test_a_constant_with_its_values_in_a_file_is_refused(tmp_path: Path) -> None:
    graph = graph_with_external_data("weights.bin", nested=True)
    body = replace(linear_body(), graphs={"model": graph}, files={"weights.bin": b"\0" * 4})
    with pytest.raises(PackageError) as error:
        sealed(body, tmp_path / "p")
    assert ids(error) == {"package.external-constant"}


@pytest.mark.parametrize(
    "path", ["manifest.json", "SHA256SUMS", "second.onnx", "assets/x", "../x", "/x", "a//b"]
)
def test_a_file_of_the_body_has_a_name_of_its_own(tmp_path: Path, path: str) -> None:
    with pytest.raises(PackageError) as error:
        sealed(replace(linear_body(), files={path: b"x"}), tmp_path / "p")
    assert ids(error) == {"package.bad-file-name"}
