"""Every form: near the exact body within stated bounds, truly smaller, the same bytes again, whatever stands beside."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from modelwright.core.messages import Phrase, ValueProblem
from modelwright.core.signature import Signature
from modelwright.learners.compressing import channels, network_forms, work, zeros
from modelwright.learners.compressing.channel_groups import groups
from modelwright.learners.compressing.material import Material, graph_of
from modelwright.learners.contract.compression import FORMS, read, shown
from modelwright.learners.contract.source import Rows
from modelwright.learners.exporting import network_graph
from modelwright.learners.training import learned_folder
from modelwright.learners.training.starting_point import Scratch, starting_point
from modelwright.package.body import Body
from modelwright.package.content import size_bytes
from modelwright.package.graphs import open_session
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples

HIDDEN = 256  # of the transformer: four times its width
ROUTE = Signature.parse("route(question: text) -> team: category, hours: number")
WORDS = [f"{first}{last}" for first in ("lo", "ta", "mi", "ke") for last in ("na", "ru", "si", "po", "vel")]


def examples(count: int, seed: int) -> Examples:
    """Return sentences of made-up words; the team follows from the first."""
    draw = np.random.default_rng(seed)
    texts = [" ".join(draw.choice(WORDS, draw.integers(1, 14))) for _ in range(count)]
    return Examples(
        [str(row) for row in range(count)],
        {
            "question": texts,
            "team": [text[:2] for text in texts],
            "hours": [float(len(text)) for text in texts],
        },
    )


TRAIN, HELD = examples(300, 0), examples(80, 1)


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Body:
    """Return a transformer of texts as it was drawn, whose hidden layers and heads hold half of what they could."""
    options = {"type": "attention", "width": 64, "layers": 2, "heads": 4, "dropout": 0.0, "vocabulary": 400}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        begin = starting_point(ROUTE, TRAIN, {}, {}, Scratch(encoders={"question": options}))
        with torch.no_grad():
            for module in begin.network.modules():
                if isinstance(module, nn.Linear) and module.out_features == HIDDEN:
                    half = HIDDEN // 2
                    module.weight[half:] = module.weight[:half] + 0.02 * torch.randn(half, module.in_features)
                    module.bias[half:] = module.bias[:half]
                if isinstance(module, nn.Linear) and module.out_features == 3 * 64:
                    # of queries, keys and values, (3, heads, size, width): two heads are much like the others
                    parts = module.weight.view(3, 4, 16, 64)
                    parts[:, 2:] = parts[:, :2] + 0.01 * torch.randn(3, 2, 16, 64)
            for head in begin.network.heads:
                nn.init.normal_(head.linear.weight, std=0.3)  # type: ignore[union-attr,arg-type]
    folder = tmp_path_factory.mktemp("learned")
    learned_folder.write(folder, "network", ROUTE, begin.states, begin.network.eval())
    return network_graph.export(folder)


@pytest.fixture(scope="module")
def material(body: Body) -> Material:
    return Material(body, lambda: Rows(TRAIN, HELD))


_MADE: dict[str, Body] = {}  # of the one material of this file; a form takes up to a second to be made


def made(material: Material, *wanted: object) -> Body:
    if (key := repr(wanted)) not in _MADE:
        _MADE[key] = anew(material, *wanted)
    return _MADE[key]


def anew(material: Material, *wanted: object) -> Body:
    found = network_forms.applied(read(list(wanted)), material)
    assert isinstance(found, Body), found
    return found


def answers(of: Body, batch: int = 32) -> dict[str, np.ndarray]:
    found = Function(Package(of, "", 1)).infer({"question": HELD.columns["question"]}, batch)
    return {f"{name}.{array}": values for name, one in found.items() for array, values in one.items()}


def off(body: Body, other: Body) -> float:
    """Return by how many deviations the answers differ at most, over all outputs, root mean square."""
    exact, found = answers(body), answers(other)
    return max(
        float(np.sqrt(np.square(found[name] - right).mean() / np.square(right - right.mean(0)).mean()))
        for name, right in exact.items()
    )


# form, and what part of it → (what its graph may take of the exact one's bytes and work, and how far off it may be)
BOUNDS: Mapping[str, tuple[object, float, float, float]] = {
    "int8": ("int8", 0.55, 0.55, 0.1),
    "int8-static": ("int8-static", 0.55, 0.55, 0.15),
    "int4": ({"form": "int4", "block": 16}, 0.55, 0.85, 0.5),
    "float16": ("float16", 0.6, 1.0, 0.01),
    "prune": ({"form": "prune", "share": 0.5}, 0.92, 0.75, 0.05),
    "prune-heads": ({"form": "prune", "share": 0.5, "of": "heads"}, 0.96, 0.9, 0.1),
    "prune-all": ({"form": "prune", "share": 0.5, "of": "all"}, 0.88, 0.62, 0.1),
    "low-rank": ({"form": "low-rank", "share": 0.7}, 0.95, 0.8, 0.9),
}
OWN = [name for name in FORMS if name != "int8-blocks"]  # which is of decoders
assert {name.removesuffix("-heads").removesuffix("-all") for name in BOUNDS} == set(OWN)


@pytest.mark.parametrize("name", BOUNDS)
def test_a_form_is_smaller_and_near_the_exact_body(body: Body, material: Material, name: str) -> None:
    wanted, bytes_left, work_left, furthest = BOUNDS[name]
    small = made(material, wanted)
    assert size_bytes(small.graphs["model"]) <= bytes_left * size_bytes(body.graphs["model"])
    rows = material.held(8)
    assert work.multiplications(small, rows) <= work_left * work.multiplications(body, rows)
    assert off(body, small) <= furthest


@pytest.mark.parametrize("name", BOUNDS)
def test_a_row_answers_alike_alone_and_beside_others(material: Material, name: str) -> None:
    small = made(material, BOUNDS[name][0])
    alone = answers(small, 1)
    for name, values in answers(small, 33).items():
        assert values == pytest.approx(alone[name], abs=1e-4, rel=1e-4)


@pytest.mark.parametrize("name", BOUNDS)
def test_a_form_gives_the_same_bytes_again_and_leaves_the_exact_body_alone(
    body: Body, material: Material, name: str
) -> None:
    before = body.graphs["model"]
    again = anew(Material(body, lambda: Rows(TRAIN, HELD)), BOUNDS[name][0])
    assert again.graphs == made(material, BOUNDS[name][0]).graphs
    assert body.graphs["model"] == before


def test_a_small_graph_is_not_quicker_for_many_more_nodes(body: Body, material: Material) -> None:
    # scaling each row takes eight nodes for each product: what these take outweighs what 8 bits save here
    assert network_forms.work(made(material, "int8"), material) > network_forms.work(body, material)
    assert network_forms.work(made(material, "prune"), material) < network_forms.work(body, material)


def test_forms_are_combined_and_float16_stores_what_others_leave(body: Body, material: Material) -> None:
    pruned = made(material, {"form": "prune", "share": 0.5})
    both = made(material, {"form": "prune", "share": 0.5}, "int8")
    assert size_bytes(both.graphs["model"]) < size_bytes(pruned.graphs["model"])
    assert off(body, both) <= 0.12
    first, last = made(material, "float16", "prune"), made(material, "prune", "float16")
    assert first.graphs == last.graphs
    assert size_bytes(last.graphs["model"]) < 0.6 * size_bytes(made(material, "prune").graphs["model"])


def test_channels_are_truly_taken_out(body: Body, material: Material) -> None:
    small = graph_of(made(material, {"form": "prune", "share": 0.5}))
    hidden = [one.count for one in groups(graph_of(body))]
    assert hidden.count(HIDDEN) == 2
    assert [one.count for one in groups(small)] == [count // 2 if count > 16 else count for count in hidden]


def test_what_reads_the_channels_is_fitted_again(
    body: Body, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = graph_of(body)
    channels.prune(fitted, 0.5, material)
    monkeypatch.setattr(channels.np.linalg, "solve", lambda inner, all_: np.eye(len(inner), all_.shape[1]))
    plain = graph_of(body)
    channels.prune(plain, 0.5, material)
    both = [
        Body(body.signature, "once", {"model": one.SerializeToString()}, body.states)
        for one in (fitted, plain)
    ]
    assert off(body, both[0]) < 0.2 * off(body, both[1])


@pytest.mark.parametrize("after", [[], ["float16"]], ids=["float32", "float16"])
def test_single_weights_are_gone_and_stored_as_gaps(body: Body, material: Material, after: list[str]) -> None:
    choice = {"form": "prune", "share": 0.7, "structured": False}
    dense = graph_of(body)
    zeros.prune(dense, 0.7)
    small = made(material, choice, *after)
    assert size_bytes(small.graphs["model"]) < (0.35 if after else 0.5) * size_bytes(body.graphs["model"])
    # what is put together is what was pruned
    session = open_session(with_outputs(small, pruned_names(dense)), 1, "test")
    feed = {"question.ids": np.ones((1, 3), np.int64), "question.mask": np.ones((1, 3), np.int64)}
    for tensor in dense.graph.initializer:
        if tensor.name not in pruned_names(dense):
            continue
        values = numpy_helper.to_array(tensor)
        assert (values == 0).mean() == pytest.approx(0.7, abs=0.01)
        (found,) = session.run([tensor.name], feed)
        assert found.shape == values.shape
        # as `approx` bounds them, which takes seconds for so many numbers
        assert (np.abs(found - values) <= np.maximum(1e-3 * np.abs(values), 1e-4)).all()


def pruned_names(model: onnx.ModelProto) -> list[str]:
    return [
        one.name
        for one in model.graph.initializer
        if len(one.dims) == 2
        and np.prod(one.dims) >= zeros.FEWEST
        and one.data_type == onnx.TensorProto.FLOAT
    ]


def with_outputs(body: Body, names: list[str]) -> bytes:
    model = graph_of(body)
    model.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names
    )
    written: bytes = model.SerializeToString()
    return written


def test_a_form_that_finds_nothing_says_so() -> None:
    draw = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 4])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(draw, "w")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    tiny = Material(Body(ROUTE, "once", {"model": model.SerializeToString()}, {}), lambda: Rows(TRAIN, HELD))
    for name in OWN:
        found = network_forms.applied(read(name), tiny)
        assert isinstance(found, Phrase)
        assert name in str(found)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("int5", "int5"),
        ("int-8", "write `int8`"),
        ([], "no form"),
        (7, "7"),
        ({"share": 0.5}, "`share`"),
        ({"form": "prune", "shar": 0.5}, "shar"),
        ({"form": "prune", "share": 1.5}, "share"),
        ({"form": "int8", "share": 0.5}, "no options"),
        ({"form": "prune", "of": "tables"}, "channels"),
        ({"form": "prune", "of": "heads", "structured": False}, "single weights"),
        (["prune", "none"], "none"),
    ],
)
def test_what_is_no_form_is_said(given: object, said: str) -> None:
    with pytest.raises(ValueProblem) as caught:
        read(given)
    assert said in f"{caught.value.message.found} {caught.value.message.next_step}"


def test_forms_are_read_and_shown() -> None:
    assert shown(read(["prune", {"form": "int4", "block": 64}])) == "prune+int4(block=64)"
    assert read(read("int8")) == read(["int8"])


def test_a_form_of_decoders_is_none_of_a_network() -> None:
    forms = network_forms.NetworkForms(None)  # type: ignore[arg-type]  # no material is looked at
    assert forms.made(read("int8-blocks")) is None
    assert forms.made(read(["prune", "int8-blocks"])) is None
