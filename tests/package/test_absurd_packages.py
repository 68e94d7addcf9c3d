"""A package whose manifest or states are absurd is refused when it is opened: it neither hangs nor answers."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from every_kind import every_kind
from onnx import helper, numpy_helper
from test_package import change_manifest, ids
from tiny_serving import linear_body, sealed, text_body

from modelwright.core.messages import PackageError
from modelwright.package.body import Body
from modelwright.runtime import in_time
from modelwright.runtime.function import Function, load

ABSURD: tuple[Any, ...] = (
    *(None, "text", "", math.nan, math.inf, -1, -0.5, 0, 2**31, 2**70, 1.5, True, [], [None], {}, {"a": 1}),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Return a package of every kind, as it should be."""
    folder = sealed(every_kind(), tmp_path_factory.mktemp("whole") / "package")
    assert load(folder)(1.0, True, "no", "2000-01-01", ["big"]).z in {"a", "b", "c"}
    return folder


def states_of(body: Body) -> list[tuple[str, str, str]]:
    """Return the way to every value of every state in the manifest."""
    inside = json.loads(_manifest_of(body))
    return [
        (side, field, key)
        for side in ("inputs", "outputs")
        for field, entry in inside[side].items()
        for key in entry["state"]
    ]


def _manifest_of(body: Body) -> str:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return (sealed(body, Path(folder) / "p") / "manifest.json").read_text("utf-8")


@pytest.mark.parametrize("way", states_of(every_kind()), ids=".".join)
def test_a_state_with_an_absurd_value_is_refused_or_answers(whole: Path, tmp_path: Path, way) -> None:
    side, field, key = way
    before = json.loads((whole / "manifest.json").read_text("utf-8"))[side][field]["state"][key]
    for number, absurd in enumerate(ABSURD):
        folder = Path(shutil.copytree(whole, tmp_path / str(number)))
        change_manifest(folder, lambda m, value=absurd: m[side][field]["state"].update({key: value}))
        function = opened(folder)
        if function is None:
            continue
        empty = absurd == [] and side == "inputs"  # a column that training never showed has no classes
        assert absurd is None or empty or type(absurd) in {int, float}, f"{absurd!r} was taken for {before!r}"
        found = function(1.0, True, "no", "2000-01-01", ["big"])
        for output in found.outputs.values():
            assert output.confidence is None or 0.0 <= output.confidence <= 1.0
        json.dumps(found.as_json(), allow_nan=False)


def opened(folder: Path) -> Function | None:
    """Return the function, or None where the package is refused for what is wrong with it."""
    try:
        return load(folder)
    except PackageError as error:
        if {one.id for one in error.problems} <= {"package.bad-manifest", "package.cannot-answer"}:
            return None
        raise


CLASSES: dict[str, Any] = {
    "none": [],
    "fewer than the logits": ["a", "b"],
    "more than the logits": ["a", "b", "c", "d"],
    "one": ["a"],
    "numbers": [1, 2, 3],
    "null": ["a", None, "c"],
    "one twice": ["a", "b", "a"],
    "an empty one": ["a", "", "c"],
    "a surrogate": ["a", "\ud800", "c"],
    "a list": ["a", ["b"], "c"],
    "a mapping": {"a": 0, "b": 1, "c": 2},
    "a text": "abc",
}


@pytest.mark.parametrize("classes", CLASSES.values(), ids=CLASSES.keys())
def test_classes_that_are_no_names_for_the_logits_are_refused(whole, tmp_path, classes) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "p"))
    change_manifest(folder, lambda m: m["outputs"]["z"]["state"].update(classes=classes, weights=None))
    with pytest.raises(PackageError) as error:
        load(folder)
    assert ids(error) <= {"package.bad-manifest", "package.cannot-answer"}


def test_a_state_has_no_other_keys_and_no_other_files(whole, tmp_path) -> None:
    for number, change in enumerate(
        (
            lambda m: m["outputs"]["z"]["state"].update(bias=1.0),
            lambda m: m["inputs"]["n"].update(state=[]),
            lambda m: m["outputs"]["z"]["state"].update(weights=[1.0]),
            lambda m: m["outputs"]["s"]["state"].update(cuts=[0.5, 0.5, 0.5]),
            lambda m: m["outputs"]["s"]["state"].update(tags=[], cuts=None),
        )
    ):
        folder = Path(shutil.copytree(whole, tmp_path / str(number)))
        change_manifest(folder, change)
        with pytest.raises(PackageError) as error:
            load(folder)
        assert ids(error) == {"package.bad-manifest"}


@pytest.mark.parametrize("threads", [0, -1, 10_000, 2**31, 2**70, 1.5, True, None, "2", []])
def test_an_absurd_number_of_threads_is_refused_at_once(whole, tmp_path, threads) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "p"))
    change_manifest(folder, lambda m: m.update(threads=threads))
    with pytest.raises(PackageError) as error:
        load(folder)
    assert ids(error) == {"package.bad-manifest"}


@pytest.mark.parametrize("key", ["max_length", "pad_id"])
def test_the_state_of_a_text_is_no_less_strict(packages, tmp_path, key) -> None:
    for number, absurd in enumerate((*ABSURD, 10**7)):
        if key == "pad_id" and absurd == 0:
            continue  # is a token
        folder = Path(shutil.copytree(packages["text"], tmp_path / str(number)))
        change_manifest(folder, lambda m, value=absurd: m["inputs"]["question"]["state"].update({key: value}))
        with pytest.raises(PackageError) as error:
            load(folder)
        assert ids(error) == {"package.bad-manifest"}, absurd


def positions_body(positions: int, max_length: int) -> Body:
    """Return a body that knows so many positions of a text, with a state that lets `max_length` tokens through."""
    body = text_body()
    model = onnx.load_from_string(body.graphs["model"])
    graph = model.graph
    gather = next(node for node in graph.node if node.output[0] == "embedded")
    gather.output[0] = "of_words"
    place = list(graph.node).index(gather) + 1
    for node in (
        helper.make_node("Shape", ["question.ids"], ["length"], start=1, end=2),
        helper.make_node("Squeeze", ["length"], ["stop"]),
        helper.make_node("Range", ["none", "stop", "each"], ["places"]),
        helper.make_node(
            "Gather", ["positions", "places"], ["of_places"]
        ),  # as every encoder with positions does
        helper.make_node("Add", ["of_words", "of_places"], ["embedded"]),
    ):
        graph.node.insert(place, node)
        place += 1
    for name, value in (
        ("positions", np.zeros((positions, 3), np.float32)),
        ("none", np.array(0, np.int64)),
        ("each", np.array(1, np.int64)),
    ):
        graph.initializer.append(numpy_helper.from_array(value, name))
    state = replace(body.states["question"], max_length=max_length)
    graphs = {"model": model.SerializeToString(deterministic=True)}
    return replace(body, graphs=graphs, states={**body.states, "question": state})


@pytest.mark.parametrize(("max_length", "taken"), [(8, True), (9, False), (512, False), (10**6, False)])
def test_a_state_that_lets_longer_texts_through_than_the_graph_takes_is_refused(
    tmp_path, max_length, taken
) -> None:
    folder = sealed(positions_body(8, max_length), tmp_path / "p")
    if taken:
        assert load(folder)("dental " * 100).size in {"small", "medium", "large"}
        return
    with pytest.raises(PackageError) as error:
        load(folder)
    assert ids(error) == {"package.cannot-answer"}
    assert "`question`" in error.value.problems[0].found


def test_a_body_that_answers_no_numbers_is_refused(tmp_path) -> None:
    body = linear_body()
    model = onnx.load_from_string(body.graphs["model"])
    bias = next(one for one in model.graph.initializer if one.name == "bias")
    bias.CopyFrom(numpy_helper.from_array(np.full(3, np.nan, np.float32), "bias"))
    graphs = {"model": model.SerializeToString(deterministic=True)}
    with pytest.raises(PackageError) as error:
        load(sealed(replace(body, graphs=graphs), tmp_path / "p"))
    assert ids(error) == {"package.cannot-answer"}


def endless(model: onnx.ModelProto) -> bytes:
    """Return a graph with a loop beside it that never ends."""
    truth = [("go", []), ("was", [])]
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["was"], ["is"])],
        "body",
        [
            helper.make_tensor_value_info("i", onnx.TensorProto.INT64, []),
            *(helper.make_tensor_value_info(name, onnx.TensorProto.BOOL, shape) for name, shape in truth),
        ],
        [helper.make_tensor_value_info(name, onnx.TensorProto.BOOL, []) for name in ("on", "is")],
    )
    model.graph.initializer.append(helper.make_tensor("yes", onnx.TensorProto.BOOL, [], [True]))
    model.graph.node.insert(0, helper.make_node("Loop", ["", "yes", "yes"], ["never"], body=body))
    return bytes(model.SerializeToString(deterministic=True))


def test_a_body_that_never_answers_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(in_time, "TRIAL_S", 0.5)
    body = linear_body()
    graphs = {"model": endless(onnx.load_from_string(body.graphs["model"]))}
    with pytest.raises(PackageError) as error:
        load(sealed(replace(body, graphs=graphs), tmp_path / "p"))
    assert ids(error) == {"package.cannot-answer"}
    assert "0.5 s" in error.value.problems[0].found
    load(sealed(body, tmp_path / "q"))
