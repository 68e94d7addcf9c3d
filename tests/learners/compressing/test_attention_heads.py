"""Heads of attention are found, chosen and taken out; what only looks like attention is left alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from modelwright.core.messages import Phrase
from modelwright.core.signature import Signature
from modelwright.kinds.text.samples import TextSamples
from modelwright.learners import kind_states
from modelwright.learners.compressing import attention_heads, network_forms
from modelwright.learners.compressing.attention_groups import attentions
from modelwright.learners.compressing.material import Material
from modelwright.learners.contract.compression import read
from modelwright.learners.contract.source import Rows
from modelwright.package.body import Body
from modelwright.package.graphs import open_session
from modelwright.storage.formats.examples import Examples

F = Signature.parse("f(question: text) -> team: category")
WIDTH, HEADS, SIZE, WORDS = 12, 3, 5, 60
ALL = HEADS * SIZE
ROWS = Examples(
    [str(row) for row in range(48)],
    {
        "question": [
            "".join(chr(97 + (row * 7 + place * (row % 5 + 1)) % 26) for place in range(1 + row % 12))
            for row in range(48)
        ],
        "team": ["a", "b"] * 24,
    },
)


def graph(
    change: Callable[[dict[str, np.ndarray]], object] = lambda _: None, *, shown: str = ""
) -> onnx.ModelProto:
    """Return an attention with a matrix each for queries, keys and values; shown: a tensor that is an output, too."""
    draw = np.random.default_rng(0)

    def drawn(*shape: int) -> np.ndarray:
        return draw.normal(size=shape).astype(np.float32)

    weights = {
        "table": drawn(WORDS, WIDTH),
        **{f"{one}.w": drawn(WIDTH, ALL) for one in "qkv"},
        **{f"{one}.b": drawn(ALL) for one in "qkv"},
        "apart": np.array([0, 0, HEADS, SIZE], np.int64),
        "scale": np.array(SIZE**-0.5, np.float32),
        "beside": np.zeros((1, 1, 1, 1), np.float32),
        "joined": np.array([0, 0, ALL], np.int64),
        "o.w": drawn(ALL, WIDTH),
        "axis": np.array([1], np.int64),
    }
    change(weights)
    nodes = [helper.make_node("Gather", ["table", "question.ids"], ["x"])]
    for one in "qkv":
        perm = (0, 2, 3, 1) if one == "k" else (0, 2, 1, 3)
        nodes += [
            helper.make_node("MatMul", ["x", f"{one}.w"], [f"{one}.flat"]),
            helper.make_node("Add", [f"{one}.flat", f"{one}.b"], [f"{one}.biased"]),
            helper.make_node("Reshape", [f"{one}.biased", "apart"], [f"{one}.heads"]),
            helper.make_node("Transpose", [f"{one}.heads"], [one], perm=perm),
        ]
    nodes += [
        helper.make_node("MatMul", ["q", "k"], ["scores"]),
        helper.make_node("Mul", ["scores", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "beside"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["shares"], axis=-1),
        helper.make_node("MatMul", ["shares", "v"], ["mixed"]),
        helper.make_node("Transpose", ["mixed"], ["turned"], perm=(0, 2, 1, 3)),
        helper.make_node("Reshape", ["turned", "joined"], ["flat"]),
        helper.make_node("MatMul", ["flat", "o.w"], ["y"]),
        helper.make_node("ReduceMean", ["y", "axis"], ["team.logits"], keepdims=0),
    ]
    outputs = ["team.logits", *([shown] if shown else [])]
    made = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info(f"question.{name}", onnx.TensorProto.INT64, ["batch", "length"])
            for name in ("ids", "mask")
        ],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def material(model: onnx.ModelProto) -> Material:
    states = kind_states.fit(F, ROWS, {"question": TextSamples().options()})
    return Material(Body(F, "once", {"model": model.SerializeToString()}, states), lambda: Rows(ROWS, ROWS))


def answer(model: onnx.ModelProto) -> np.ndarray:
    ids = np.arange(28, dtype=np.int64).reshape(4, 7)
    feed = {"question.ids": ids, "question.mask": np.ones_like(ids)}
    (found,) = open_session(model.SerializeToString(), 1, "test").run(["team.logits"], feed)
    return np.asarray(found)


def copied(weights: dict[str, np.ndarray]) -> None:
    """Make the last head the first once more."""
    for one in "qkv":
        weights[f"{one}.w"][:, -SIZE:] = weights[f"{one}.w"][:, :SIZE]
        weights[f"{one}.b"][-SIZE:] = weights[f"{one}.b"][:SIZE]


def idle(weights: dict[str, np.ndarray]) -> None:
    """Let nobody read the second head."""
    weights["o.w"][SIZE : 2 * SIZE] = 0.0


@pytest.mark.parametrize("change", [copied, idle])
def test_the_head_goes_that_gives_nothing_of_its_own(
    change: Callable[[dict[str, np.ndarray]], object],
) -> None:
    model = graph(change)
    before, rows = answer(model), material(model)
    assert attention_heads.prune(model, 0.34, rows) == 1
    assert answer(model) == pytest.approx(before, abs=0.02 * float(np.abs(before).max()))
    (left,) = attentions(model, rows)
    assert (left.heads, left.size) == (HEADS - 1, SIZE)
    # nothing of the head stays: neither weights nor the nodes that made all heads
    shapes = sorted(tuple(one.dims) for one in model.graph.initializer if len(one.dims) == 2)
    assert shapes == sorted([(WORDS, WIDTH), *[(WIDTH, ALL - SIZE)] * 3, (ALL - SIZE, WIDTH)])
    assert len(model.graph.node) == len(graph().graph.node)


def test_some_head_stays_and_a_small_share_takes_none() -> None:
    model = graph()
    assert attention_heads.prune(model, 0.2, material(model)) == 0
    assert attention_heads.prune(model, 0.99, material(model)) == HEADS - 1


def by_head(weights: dict[str, np.ndarray]) -> None:
    weights["beside"] = np.linspace(0, 1, HEADS, dtype=np.float32)[None, :, None, None]


@pytest.mark.parametrize(
    "model",
    [graph(by_head), graph(shown="shares"), graph(shown="flat")],
    ids=["what is added differs by head", "shares are an answer", "heads are an answer"],
)
def test_what_cannot_lose_a_head_is_left_alone(model: onnx.ModelProto) -> None:
    assert attentions(model, material(model)) == []
    found = network_forms.applied(read({"form": "prune", "of": "heads"}), material(model))
    assert isinstance(found, Phrase)
    assert "prune" in str(found)
