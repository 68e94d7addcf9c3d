"""Encoders, heads and their losses: shapes, masks, and what padding must not change."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import tiny_encoder
import torch

from modelwright.core.signature import Field, Signature
from modelwright.learners.networks import heads, network
from modelwright.learners.networks.encoders import EmbeddingEncoder, OneHotEncoder, build
from modelwright.learners.networks.network import Network
from modelwright.learners.training import start as _start
from modelwright.learners.training.encoded_rows import Rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.save(tmp_path_factory.mktemp("networks") / "tiny")


def _mixed(folder: Path) -> tuple[Network, Rows]:
    data = tiny_encoder.mixed(40)
    begin = _start.start(tiny_encoder.MIXED, data, folder, None, None)
    return begin.network.eval(), Rows(tiny_encoder.MIXED, begin.states, data.columns)


def test_network_names_arrays_as_the_kinds_do(folder: Path) -> None:
    net, _ = _mixed(folder)
    assert net.inputs() == [
        "items.ids", "items.mask", "age.value", "age.missing",
        "member.value", "member.missing", "region.index",
    ]  # fmt: skip
    assert net.answers() == ["keys.logits", "price.value", "fraud.logit"]


def test_answers_have_the_shapes_of_the_kinds(folder: Path) -> None:
    net, rows = _mixed(folder)
    with torch.no_grad():
        answers = net(rows.arrays(rows.by_length(7)[0]))
    assert {name: tuple(values.shape) for name, values in answers.items()} == {
        "keys": (7, 3), "price": (7,), "fraud": (7,),
    }  # fmt: skip


def test_padding_changes_no_features(folder: Path) -> None:
    net, rows = _mixed(folder)
    short, long = rows.by_length(1)[0], rows.by_length(1)[-1]
    assert rows.lengths[short[0]] < rows.lengths[long[0]]
    both = torch.tensor([short[0], long[0]]).numpy()
    with torch.no_grad():
        alone, together = net.features(rows.arrays(short)), net.features(rows.arrays(both))
    torch.testing.assert_close(alone[0], together[0], atol=1e-6, rtol=1e-5)


def test_text_inputs_share_one_encoder(folder: Path) -> None:
    signature = Signature("f", (Field("a", "text"), Field("b", "text")), (Field("c", "category"),))
    data = tiny_encoder.routed(12).columns
    columns = {"a": data["question"], "b": data["question"][::-1], "c": data["domain"]}
    examples = tiny_encoder.Examples([str(row) for row in range(12)], columns)
    begin = _start.start(signature, examples, folder, None, None)
    assert begin.network.combiner.width == 2 * begin.network.text.width
    weights = [name for name, _ in begin.network.named_parameters()]
    assert not any(name.startswith("encoders.") for name in weights)


def test_many_classes_share_columns() -> None:
    class State:
        classes = tuple(str(number) for number in range(300))

    encoder = build(Field("city", "category"), State(), text=None)  # type: ignore[arg-type]
    assert isinstance(encoder, EmbeddingEncoder)
    assert encoder(torch.tensor([0, 300])).shape == (2, encoder.width)
    State.classes = ("a", "b")
    few = build(Field("city", "category"), State(), text=None)  # type: ignore[arg-type]
    assert isinstance(few, OneHotEncoder)
    assert few(torch.tensor([0, 2])).tolist() == [[1, 0, 0], [0, 0, 1]]


def test_rows_without_a_truth_do_not_count() -> None:
    of = heads.Task("value", None, heads._squared_error, heads._is_number, heads._squared)
    answers = torch.tensor([1.0, 5.0], requires_grad=True)
    loss = heads.mean_loss(of, answers, torch.tensor([3.0, math.nan]))
    loss.backward()
    assert float(loss.detach()) == 4.0
    assert answers.grad is not None
    assert answers.grad.tolist() == [-4.0, 0.0]
    assert float(heads.mean_loss(of, answers.detach(), torch.tensor([math.nan, math.nan]))) == 0.0


def test_smoothing_spreads_the_target() -> None:
    logit, truth = torch.tensor([2.0]), torch.tensor([1])
    two = torch.stack([torch.zeros(1), logit], dim=1)
    smooth = heads._binary_cross_entropy(logit, truth, 0.2)
    # A truth value is a category of two classes: the same loss, smoothed or not.
    torch.testing.assert_close(smooth, heads._cross_entropy(two, truth, 0.2))
    torch.testing.assert_close(
        heads._binary_cross_entropy(logit, truth, 0.0), heads._cross_entropy(two, truth, 0.0)
    )


@pytest.mark.parametrize(
    ("inputs", "outputs", "word"),
    [
        ((Field("a", "number"),), (Field("b", "category"),), "text"),
        ((Field("a", "boxes"),), (Field("b", "category"),), "encoder"),
        ((Field("a", "text"),), (Field("b", "text"),), "head"),
    ],
)
def test_refuses_what_it_cannot_put_together(
    inputs: tuple[Field, ...], outputs: tuple[Field, ...], word: str
) -> None:
    reason = network.refuses(Signature("f", inputs, outputs))
    assert reason is not None
    assert word in reason
