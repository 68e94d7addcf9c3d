"""A graph that was learned elsewhere answers within a function what it answers by itself."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import given_graphs as graphs
import numpy as np
import onnxruntime
import pytest
from onnx import helper
from PIL import Image

from modelwright import learners
from modelwright.core.messages import DataError, ProjectError
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import BROUGHT
from modelwright.testing import learners as contract
from modelwright.testing.learners.cases import MACHINE

DRAW = np.random.default_rng(7)
N = 120
A, B = DRAW.normal(size=(2, N)).round(4)
COLOURS = [("red", "blue", "green")[row % 3] for row in range(N)]
WEIGHTS = np.array([[1.0, -1.0, 0.2], [0.5, 0.5, -2.0]])
VECTORS = DRAW.normal(size=(N, 3)).round(3)


def picture(row: int) -> bytes:
    levels = np.random.default_rng(row).integers(0, 256, size=(6, 5, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    return file.getvalue()


PICTURES = [picture(row % 12) for row in range(N)]
LEVELS = np.stack([np.asarray(Image.open(io.BytesIO(one))) for one in PICTURES]).astype(np.float64)


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def sigmoid(scores: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-scores))


def answer_of(shares: np.ndarray, classes: list[Any]) -> list[tuple[Any, float]]:
    return [(classes[one.argmax()], float(one.max())) for one in shares]


@dataclass(frozen=True)
class Case:
    """A graph, the rows, and what the graph answers to them: values, with confidences where there are some."""

    signature: str
    columns: Mapping[str, Any]
    graph: bytes
    expected: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    says: frozenset[str] = frozenset()


def matrix_case() -> Case:
    scores = np.stack([B, A], axis=1) @ WEIGHTS
    # columns of the graph: mid, high, low
    shares = softmax(scores)
    return Case(
        "f(a: number, b: number) -> level: category",
        {
            "a": A.tolist(),
            "b": B.tolist(),
            "level": [one for one, _ in answer_of(shares, ["mid", "high", "low"])],
        },
        graphs.linear(2, 3, softmax=True, weights=WEIGHTS, metadata={"classes": '["mid", "high", "low"]'}),
        {"level": answer_of(shares, ["mid", "high", "low"])},
        {"columns": ("b", "a")},
    )


def declared_case() -> Case:
    made = matrix_case()
    return Case(
        made.signature,
        made.columns,
        graphs.linear(
            2, 3, weights=WEIGHTS, rows=1
        ),  # a batch of one, as torch.onnx.export writes by default
        made.expected,
        {
            "columns": ("b", "a"),
            "classes": ("mid", "high", "low"),
            "outputs": {"level": {"scores": "logits"}},
        },
    )


def tensors_case() -> Case:
    """Own tensors of several types: texts, whole numbers, floats (n,)."""
    nodes = [
        helper.make_node(
            "OneHotEncoder",
            ["colour"],
            ["hot3"],
            domain="ai.onnx.ml",
            cats_strings=["blue", "green", "red", "pink"],
        ),
        helper.make_node("Reshape", ["hot3", "four"], ["hot"]),
        helper.make_node("MatMul", ["hot", "w"], ["from_colour"]),
        helper.make_node("Cast", ["size"], ["size_float"], to=graphs.FLOAT),
        helper.make_node("Add", ["from_colour", "size_float"], ["both"]),
        helper.make_node("Reshape", ["weight", "one"], ["column"]),
        helper.make_node("Add", ["both", "column"], ["price"]),
    ]
    sizes = [float(row % 5) for row in range(N)]
    by_name = {"blue": 1.0, "green": 2.0, "red": 4.0}
    price = [by_name[c] + s + a for c, s, a in zip(COLOURS, sizes, A, strict=True)]
    return Case(
        "f(colour: category, size: number, weight: number) -> price: number",
        {"colour": COLOURS, "size": sizes, "weight": A.tolist(), "price": [1000 + 50 * one for one in price]},
        graphs.graph(
            {
                "colour": (graphs.STRING, ["n", 1]),
                "size": (graphs.INT64, ["n", 1]),
                "weight": (graphs.DOUBLE, ["n"]),
            },
            {"price": (graphs.FLOAT, ["n", 1])},
            [
                *nodes[:5],
                helper.make_node("Cast", ["weight"], ["w32"], to=graphs.FLOAT),
                helper.make_node("Reshape", ["w32", "one"], ["column"]),
                nodes[6],
            ],
            {
                "w": np.array([[1], [2], [4], [8]], np.float32),
                "four": np.array([-1, 4]),
                "one": np.array([-1, 1]),
            },
        ),
        {"price": price},
    )


def codes_case() -> Case:
    """Codes of a category, a truth value and tags among the columns; several outputs of several kinds."""
    flags = [bool(row % 2) for row in range(N)]
    tags = [frozenset({"x"} if row % 3 == 0 else {"x", "y"} if row % 3 == 1 else set()) for row in range(N)]
    codes = [("red", "green", "blue").index(one) for one in COLOURS]
    table = np.array(
        [[c, f, "x" in t, "y" in t] for c, f, t in zip(codes, flags, tags, strict=True)], np.float64
    )
    weights = np.array([[0.3, 1], [-1, 0.5], [0.7, 0.2], [-0.4, -2]])
    scores = table @ weights
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["s"]),
        helper.make_node("Sigmoid", ["s"], ["label"]),
        helper.make_node("Gather", ["s", "first"], ["yes"], axis=1),
        helper.make_node("MatMul", ["x", "v"], ["numbers"]),
    ]
    numbers = table @ np.arange(8).reshape(4, 2)
    return Case(
        "f(colour: category, flag: boolean, tags: tags) -> yes: boolean, label: tags, n: number, v: vector",
        {
            "colour": COLOURS,
            "flag": flags,
            "tags": tags,
            "yes": [bool(one) for one in scores[:, 0] > 0],
            "label": [
                frozenset(t for t, s in zip("qp", row, strict=True) if s > 0.5) for row in sigmoid(scores)
            ],
            "n": (100 * numbers[:, 1] + 3).tolist(),
            "v": [tuple(row) for row in VECTORS[:, :2].tolist()],
        },
        graphs.graph(
            {"x": (graphs.FLOAT, ["n", 4])},
            {
                "label": (graphs.FLOAT, ["n", 2]),
                "yes": (graphs.FLOAT, ["n", 1]),
                "numbers": (graphs.FLOAT, ["n", 2]),
            },
            nodes,
            {
                "w": weights.astype(np.float32),
                "v": np.arange(8).reshape(4, 2).astype(np.float32),
                "first": np.array([0]),
            },
        ),
        {
            "yes": [(s > 0, float(max(sigmoid(s), 1 - sigmoid(s)))) for s in scores[:, 0]],
            "label": [
                frozenset(t for t, s in zip("qp", row, strict=True) if s > 0.5) for row in sigmoid(scores)
            ],
            "n": numbers[:, 1].tolist(),
            "v": [tuple(row) for row in numbers.tolist()],
        },
        {
            "inputs": {"colour": {"classes": ("red", "green", "blue")}, "tags": {"classes": ("x", "y")}},
            "outputs": {
                "label": {"classes": ("q", "p")},
                "yes": {"scores": "logits", "classes": (False, True)},
                "n": {"output": "numbers", "column": 1},
                "v": {"output": "numbers"},
            },
        },
        frozenset({"given.column-order"}),
    )


def vector_case() -> Case:
    """A vector is taken as it is, however far from 0, and missing numbers are NaN or what is stated."""
    far = VECTORS * 1e6 + 1e7
    gaps = [None if row % 4 == 0 else float(a) for row, a in enumerate(A)]
    filled = np.array([-9.0 if one is None else one for one in gaps])
    nodes = [
        helper.make_node("ReduceMean", ["e"], ["m"], axes=[1], keepdims=1),
        helper.make_node("Add", ["m", "g"], ["y"]),
    ]
    return Case(
        "f(e: vector, g: number?) -> y: number[0..100]",
        {"e": [tuple(row) for row in far.tolist()], "g": gaps, "y": (filled + 50).tolist()},
        graphs.graph(
            {"e": (graphs.DOUBLE, ["n", 3]), "g": (graphs.DOUBLE, ["n", 1])},
            {"y": (graphs.DOUBLE, ["n", 1])},
            nodes,
        ),
        {"y": np.clip(far.astype(np.float32).astype(np.float64).mean(axis=1) + filled, 0, 100).tolist()},
        {"inputs": {"g": {"missing": -9}}},
    )


def picture_case(layout: str) -> Callable[[], Case]:
    def made() -> Case:
        given = (LEVELS[..., ::-1] / 127.5 - np.array([1.0, 0.9, 0.8])) / np.array([0.5, 0.6, 0.7])
        axes = {"nchw": (0, 3, 1, 2), "nhwc": (0, 1, 2, 3), "flat": (0, 1, 2, 3)}[layout]
        shapes: dict[str, list[int | str]] = {
            "nchw": ["n", 3, 6, 5],
            "nhwc": ["n", 6, 5, 3],
            "flat": ["n", 90],
        }
        flat = given.transpose(axes).reshape(N, -1)
        weights = np.random.default_rng(5).normal(size=(90, 2)) / 10
        shares = softmax(flat @ weights)
        nodes = [
            helper.make_node("Flatten", ["image"], ["f"], axis=1),
            helper.make_node("MatMul", ["f", "w"], ["s"]),
            helper.make_node("Softmax", ["s"], ["p"], axis=1),
        ]
        options: dict[str, Any] = {
            "channels": "bgr",
            "scale": 127.5,
            "mean": (1.0, 0.9, 0.8),
            "deviation": (0.5, 0.6, 0.7),
        }
        return Case(
            "f(photo: image) -> kind: category",
            {"photo": PICTURES, "kind": [one for one, _ in answer_of(shares, ["0", "1"])]},
            graphs.graph(
                {"image": (graphs.FLOAT, shapes[layout])},
                {"p": (graphs.FLOAT, ["n", 2])},
                nodes,
                {"w": weights.astype(np.float32)},
            ),
            {"kind": answer_of(shares, ["0", "1"])},
            {"inputs": {"photo": options | ({"size": (6, 5)} if layout == "flat" else {})}},
            frozenset({"given.class-order"}),
        )

    return made


CASES: dict[str, Callable[[], Case]] = {
    "columns": matrix_case,
    "declared": declared_case,
    "tensors": tensors_case,
    "codes": codes_case,
    "vector": vector_case,
    **{f"picture {layout}": picture_case(layout) for layout in ("nchw", "nhwc", "flat")},
}


def tried(case: Case, place: Path) -> contract.Tried:
    """Return what the learner makes of a case, as the contract wants it."""
    brought = place / "brought"
    brought.mkdir(parents=True)
    (brought / "graph.onnx").write_bytes(case.graph)
    spec, learner, signature = (
        learners.spec("given"),
        learners.learn("given"),
        Signature.parse(case.signature),
    )
    options = spec.Options(path="graph.onnx", **case.options)
    columns = {name: list(values) for name, values in case.columns.items()}
    examples = Examples([str(row) for row in range(N)], columns)
    pretrained = {BROUGHT: brought}
    estimate = learner.forecast(signature, Rows(examples), options, spec.Training(), pretrained, MACHINE, 1.0)
    setup = Setup("given", 1, 64, 1, "float32", "avx2", 0, options, spec.Training(), pretrained)
    folders = [place / "one", place / "two"]
    summary: object = None
    for folder in folders:
        folder.mkdir()
        summary = learner.learn(signature, Rows(examples, examples), setup, folder, place, Silent())
    return contract.Tried(contract.Case("given", "case", signature), examples, estimate, *folders, summary)


@pytest.fixture(scope="module", params=CASES)
def known(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Case, contract.Tried]:
    case = CASES[request.param]()
    return case, tried(case, tmp_path_factory.mktemp("given"))


@pytest.mark.parametrize("check", contract.CHECKS, ids=contract.title)
def test_it_is_a_learner(check: Callable[[contract.Tried], None], known: tuple[Case, contract.Tried]) -> None:
    check(known[1])


def test_the_function_answers_what_the_graph_answers(known: tuple[Case, contract.Tried]) -> None:
    case, made = known
    answers = Function(Package(made.body, "", threads=1)).answer(made.inputs)
    for name, expected in case.expected.items():
        for row, wanted in zip(answers, expected, strict=True):
            if (
                isinstance(wanted, tuple)
                and isinstance(wanted[1], float)
                and len(wanted) == 2
                and name != "v"
            ):
                assert row[name].value == wanted[0]
                assert row[name].confidence == pytest.approx(wanted[1], abs=1e-5)
            elif isinstance(wanted, frozenset):
                assert row[name].value == wanted
            else:
                assert row[name].value == pytest.approx(wanted, rel=1e-5, abs=1e-4)


def test_what_was_taken_for_something_is_said_and_nothing_else(known: tuple[Case, contract.Tried]) -> None:
    case, made = known
    assert {one.id for one in made.estimate.warnings} == case.says
    assert all(one.as_json()["fix"] for one in made.estimate.warnings)


def test_a_class_that_only_the_graph_knows_is_no_unknown_one(tmp_path: Path) -> None:
    made = tried(tensors_case(), tmp_path)
    function = Function(Package(made.body, "", threads=1))
    (answer,) = function.answer({"colour": ["pink"], "size": [1.0], "weight": [0.5]})
    assert answer["price"].value == pytest.approx(9.5, abs=1e-4)


def test_calibration_is_asked_for(tmp_path: Path) -> None:
    case = declared_case()
    asked = Case(case.signature, case.columns, case.graph, case.expected, {**case.options, "calibrate": True})
    states = [
        tried(one, tmp_path / name).body.states["level"] for name, one in (("no", case), ("yes", asked))
    ]
    assert states[0].temperature == 1.0
    assert states[1].temperature != 1.0


SIGNATURE = "f(a: number, b: number) -> level: category"


def columns_of(signature: str = SIGNATURE, **more: Any) -> dict[str, Any]:
    return {**matrix_case().columns, **more}


@pytest.mark.parametrize(
    ("graph", "signature", "columns", "options", "id_"),
    [
        (graphs.linear(3, 3), SIGNATURE, columns_of(), {}, "given.inputs"),
        (graphs.linear(2, 4), SIGNATURE, columns_of(), {}, "given.classes"),
        (graphs.linear(2, 3), SIGNATURE, columns_of(), {"classes": ("a", "b")}, "given.declared-classes"),
        (graphs.linear(2, 3), SIGNATURE, columns_of(), {"classes": ("a", "b", "b")}, "given.class-twice"),
        (graphs.linear(2, 3), SIGNATURE, columns_of(), {"columns": ("a", "c")}, "given.unknown-name"),
        (graphs.linear(2, 3), SIGNATURE, columns_of(), {"columns": ("a",)}, "given.inputs"),
        (graphs.linear(2, 3), SIGNATURE, columns_of(), {"columns": ("a", "a", "b")}, "given.column-twice"),
        (
            graphs.linear(2, 3),
            SIGNATURE,
            columns_of(),
            {"outputs": {"level": {"output": "z"}}},
            "given.outputs",
        ),
        (
            graphs.linear(2, 3, weights=WEIGHTS),
            SIGNATURE,
            columns_of(),
            {"classes": ("low", "mid", "high"), "outputs": {"level": {"scores": "probabilities"}}},
            "given.no-probabilities",
        ),
        # the order of columns is right, and that of the classes (high, low, mid) is not
        (
            graphs.linear(2, 3, weights=WEIGHTS),
            SIGNATURE,
            columns_of(),
            {"columns": ("b", "a")},
            "given.other-order",
        ),
        (
            graphs.linear(2, 2),
            "f(a: number, b: number) -> n: number",
            {"a": A.tolist(), "b": B.tolist(), "n": A.tolist()},
            {},
            "given.columns-of-number",
        ),
        (
            graphs.linear(1, 1),
            "f(t: text) -> n: number",
            {"t": ["a"] * N, "n": A.tolist()},
            {},
            "given.no-tokenizer",
        ),
        (
            graphs.linear(2, 1),
            "f(e: vector) -> n: number",
            {"e": [tuple(row) for row in VECTORS.tolist()], "n": A.tolist()},
            {},
            "given.row-width",
        ),
        (
            graphs.graph(
                {"x": (graphs.INT64, ["n", 1])},
                {"y": (graphs.FLOAT, ["n", 1])},
                [helper.make_node("Cast", ["x"], ["y"], to=graphs.FLOAT)],
            ),
            "f(a: number?) -> n: number",
            {"a": [None, *A.tolist()[1:]], "n": A.tolist()},
            {},
            "given.no-missing",
        ),
        (
            graphs.linear(1, 1),  # no training row lacks it, and a request may
            "f(a: number?) -> n: number",
            {"a": A.tolist(), "n": A.tolist()},
            {},
            "given.cannot-miss",
        ),
        (
            graphs.graph(
                {"x": (graphs.FLOAT, ["n", 1])},
                {"y": (graphs.FLOAT, ["n", 1])},
                [helper.make_node("Log", ["x"], ["y"])],
            ),
            "f(a: number) -> n: number",
            {"a": A.tolist(), "n": A.tolist()},
            {},
            "given.not-finite",
        ),
        (
            graphs.graph(
                {"x": (graphs.FLOAT, ["n", 1])},
                {"y": (graphs.FLOAT, ["n", 1])},
                [
                    helper.make_node("ReduceMean", ["x"], ["m"], axes=[0], keepdims=1),
                    helper.make_node("Add", ["x", "m"], ["y"]),
                ],
            ),
            "f(a: number) -> n: number",
            {"a": A.tolist(), "n": A.tolist()},
            {},
            "given.fixed-batch",
        ),
        (
            graphs.graph(
                {"x": (graphs.FLOAT, ["n", "h", "w", "c"])},
                {"y": (graphs.FLOAT, ["n", "c"])},
                [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1, 2], keepdims=0)],
            ),
            "f(photo: image) -> kind: category",
            {"photo": PICTURES, "kind": COLOURS},
            {},
            "given.picture",
        ),
        (
            graphs.graph(
                {"x": (graphs.FLOAT, ["n", 2])},
                {"y": (graphs.INT64, ["n"])},
                [
                    helper.make_node("ArgMax", ["x"], ["y"], axis=1, keepdims=0),
                ],
            ),
            SIGNATURE,
            columns_of(),
            {},
            "given.outputs",
        ),
    ],
)
def test_what_does_not_fit_is_said_once(
    graph: bytes, signature: str, columns: Any, options: Any, id_: str, tmp_path: Path
) -> None:
    with pytest.raises((ProjectError, DataError)) as raised:
        tried(Case(signature, columns, graph, {}, options), tmp_path)
    (problem,) = raised.value.problems
    assert problem.id == id_
    assert problem.next_step
    json.dumps(problem.as_json())


def test_the_order_that_the_rows_speak_for_is_the_right_one(tmp_path: Path) -> None:
    case = Case(SIGNATURE, columns_of(), graphs.linear(2, 3, weights=WEIGHTS), {}, {"columns": ("b", "a")})
    with pytest.raises(ProjectError) as raised:
        tried(case, tmp_path)
    assert raised.value.problems[0].values["line"] == 'model: {classes: ["mid", "high", "low"]}'


def test_a_declared_order_that_the_rows_contradict_is_doubted(tmp_path: Path) -> None:
    options = {"columns": ("b", "a"), "classes": ("low", "mid", "high")}
    made = tried(Case(SIGNATURE, columns_of(), graphs.linear(2, 3, weights=WEIGHTS), {}, options), tmp_path)
    assert "given.order-doubtful" in {one.id for one in made.estimate.warnings}


def test_onnxruntime_agrees(tmp_path: Path) -> None:
    """The figures of the cases above are those of the graph, run by itself."""
    case = matrix_case()
    session = onnxruntime.InferenceSession(case.graph, providers=["CPUExecutionProvider"])
    (shares,) = session.run(None, {"x": np.stack([B, A], axis=1).astype(np.float32)})
    assert [one for one, _ in case.expected["level"]] == [
        ("mid", "high", "low")[row.argmax()] for row in shares
    ]
