"""Encoders, heads and their losses: shapes, masks, and what padding must not change."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import tiny_encoder
import torch

from modelwright import learners
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import ArraySpec, Form
from modelwright.learners.networks import heads
from modelwright.learners.networks.encoders import registry
from modelwright.learners.networks.encoders.contract import Encoder
from modelwright.learners.networks.encoders.one_hot import EmbeddingEncoder, OneHotEncoder
from modelwright.learners.networks.network import Network
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.starting_point import starting_point


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.save(tmp_path_factory.mktemp("networks") / "tiny")


def _mixed(folder: Path) -> tuple[Network, EncodedRows]:
    data = tiny_encoder.mixed(40)
    begin = starting_point(tiny_encoder.MIXED, data, {"items": folder})
    return begin.network.eval(), EncodedRows(tiny_encoder.MIXED, begin.states, data.columns)


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
    begin = starting_point(signature, examples, {"a": folder, "b": folder})
    assert len(begin.network.encoders) == 1
    assert begin.network.combiner.width == 2 * begin.network.encoder(0).width


def build(form: Form, specs: dict[str, ArraySpec]) -> Encoder:
    made = registry.scratch(form)
    return registry.build(made.name, made.config(form, specs, {}, {}))


def _code(codes: int) -> dict[str, ArraySpec]:
    return {"index": ArraySpec("int64", ("batch",), codes)}


def test_many_codes_share_columns() -> None:
    encoder = build(Form.CODE, _code(301))
    assert isinstance(encoder, EmbeddingEncoder)
    assert encoder(torch.tensor([0, 300])).shape == (2, encoder.width)
    few = build(Form.CODE, _code(3))
    assert isinstance(few, OneHotEncoder)
    assert few(torch.tensor([0, 2])).tolist() == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(("form", "array"), [(Form.VECTOR, "values"), (Form.SET, "members")])
def test_values_stand_beside_whether_they_are_missing(form: Form, array: str) -> None:
    specs = {array: ArraySpec("float32", ("batch", 3)), "missing": ArraySpec("float32", ("batch",))}
    encoder = build(form, specs)
    assert encoder.width == 4
    features = encoder(torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]), torch.tensor([0.0, 1.0]))
    assert features.tolist() == [[1, 2, 3, 0], [0, 0, 0, 1]]


def test_rows_without_a_truth_do_not_count() -> None:
    of = heads.task(Form.SCALAR, {"value": ArraySpec("float32", ("batch",))})
    answers = torch.tensor([1.0, 5.0], requires_grad=True)
    loss = heads.mean_loss(of, answers, {"value": torch.tensor([3.0, math.nan])})
    loss.backward()
    assert float(loss.detach()) == 4.0
    assert answers.grad is not None
    assert answers.grad.tolist() == [-4.0, 0.0]
    nothing = {"value": torch.tensor([math.nan, math.nan])}
    assert float(heads.mean_loss(of, answers.detach(), nothing)) == 0.0


def _task(form: Form, array: str, columns: int) -> heads.Task:
    return heads.task(form, {array: ArraySpec("float32", ("batch", columns))})


def test_smoothing_spreads_the_target() -> None:
    logit, truths = torch.tensor([2.0]), {"index": torch.tensor([1])}
    two = torch.stack([torch.zeros(1), logit], dim=1)
    flag, classes = heads.FlagTask(None), _task(Form.CODE, "logits", 2)
    # A flag is a choice between two classes: the same loss, smoothed or not.
    for smoothing in (0.2, 0.0):
        torch.testing.assert_close(flag.loss(logit, truths, smoothing), classes.loss(two, truths, smoothing))


def test_a_set_is_one_flag_a_member() -> None:
    answers = torch.tensor([[2.0, -1.0, 0.5], [0.3, 0.2, -4.0]])
    members = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    of, flag = _task(Form.SET, "logits", 3), heads.FlagTask(None)
    for smoothing in (0.0, 0.2):
        each = [flag.loss(answers[:, one], {"index": members[:, one].long()}, smoothing) for one in range(3)]
        torch.testing.assert_close(of.loss(answers, {"members": members}, smoothing), sum(each))
    torch.testing.assert_close(of.wrong(answers, {"members": members}), torch.tensor([1 / 3, 2 / 3]))


@pytest.mark.parametrize(("form", "array"), [(Form.SET, "logits"), (Form.VECTOR, "values")])
def test_what_is_unknown_of_a_row_teaches_nothing(form: Form, array: str) -> None:
    of = _task(form, array, 2)
    truth = "members" if form is Form.SET else "values"
    answers = torch.tensor([[0.5, 7.0], [1.0, 1.0]], requires_grad=True)
    truths = {truth: torch.tensor([[1.0, math.nan], [math.nan, math.nan]])}
    assert of.known(truths).tolist() == [True, False]
    loss = heads.mean_loss(of, answers, truths)
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert answers.grad is not None
    assert answers.grad[0, 0] != 0
    assert answers.grad.flatten()[1:].tolist() == [0.0, 0.0, 0.0]
    alone = _task(form, array, 1)
    first = alone.loss(answers[:1, :1], {truth: torch.tensor([[1.0]])}, 0.0).detach()
    torch.testing.assert_close(loss.detach(), first.mean())


def test_a_vector_is_judged_by_its_distance() -> None:
    of = _task(Form.VECTOR, "values", 2)
    found = of.loss(torch.tensor([[3.0, 4.0]]), {"values": torch.zeros(1, 2)}, 0.5)
    assert found.tolist() == [25.0]
    assert of.wrong(torch.tensor([[3.0, 4.0]]), {"values": torch.zeros(1, 2)}).tolist() == [25.0]


@pytest.mark.parametrize(
    ("inputs", "outputs", "word"),
    [
        ((Field("a", "number"),), (Field("b", "category"),), "tokens"),
        ((Field("a", "text"),), (Field("b", "text"),), "`b: text`"),
    ],
)
def test_refuses_what_it_cannot_put_together(
    inputs: tuple[Field, ...], outputs: tuple[Field, ...], word: str
) -> None:
    for name in ("probe", "finetune"):
        reason = learners.spec(name).refuses(Signature("f", inputs, outputs))
        assert reason is not None
        assert word in str(reason)


def test_quantiles_are_judged_by_their_pinball_loss() -> None:
    task = heads.task(
        Form.SERIES, {"quantiles": ArraySpec("float32", ("batch", 2, 3), levels=(0.1, 0.5, 0.9))}
    )
    truths = {"steps": torch.tensor([[1.0, math.nan], [math.nan, math.nan], [0.0, 2.0]])}
    assert task.known(truths).tolist() == [True, False, True]
    answers = torch.tensor([[0.0, 0.5, 2.0, 9.0, 9.0, 9.0]] * 3).unflatten(-1, (2, 3)).requires_grad_()
    loss = task.loss(answers, truths, 0.0)
    # of the first step: 0.1·(1 - 0), 0.5·(1 - 0.5), 0.1·(2 - 1), and their mean; the unknown step teaches nothing
    assert math.isclose(float(loss[0].detach()), (0.1 + 0.25 + 0.1) / 3, rel_tol=1e-6)
    loss.sum().backward()
    assert torch.isfinite(answers.grad).all()
    assert (answers.grad[0, 1] == 0).all()
    head = heads.Head(5, task)
    assert head(torch.zeros(4, 5)).shape == (4, 2, 3)


@pytest.mark.parametrize(
    ("task", "truths", "same", "apart"),
    [
        (
            heads.FlagTask(None),
            {"index": torch.tensor([1, *[0] * 9] * 20)},
            torch.full((200,), -1.0),
            torch.tensor([1.0, *[-1.0] * 9] * 20),
        ),
        (
            _task(Form.CODE, "logits", 3),
            {"index": torch.tensor([1, *[0] * 9] * 20)},
            torch.tensor([[2.0, 1.0, 0.0]] * 200),
            torch.tensor([[1.0, 2.0, 0.0], *[[2.0, 1.0, 0.0]] * 9] * 20),
        ),
        (
            _task(Form.SET, "logits", 2),
            {"members": torch.tensor([[1.0, 0.0], *[[0.0, math.nan]] * 9] * 20)},
            torch.full((200, 2), -1.0),
            torch.tensor([[1.0, -1.0], *[[-1.0, 1.0]] * 9] * 20),
        ),
    ],
    ids=["flag", "class", "set"],
)
def test_answers_that_are_worse_than_one_for_all_rows_are_compared_by_their_loss(
    task: heads.Task, truths: dict[str, torch.Tensor], same: torch.Tensor, apart: torch.Tensor
) -> None:
    worse = -apart  # every row on the wrong side
    least = heads.mean_wrong(task, same, truths)
    assert 0.0 < least < 0.2
    assert task.least(truths) == pytest.approx(least, abs=1e-6)
    assert heads.compared_wrong(task, same, truths) == pytest.approx(least, abs=1e-6)
    assert heads.compared_wrong(task, worse, truths) == pytest.approx(least, abs=1e-6)
    assert heads.compared_wrong(task, apart, truths) == 0.0


def test_what_no_answer_for_all_can_be_better_at_is_compared_as_it_is() -> None:
    of = heads.task(Form.SCALAR, {"value": ArraySpec("float32", ("batch",))})
    truths, answers = {"value": torch.tensor([0.0, 2.0, math.nan])}, torch.tensor([5.0, 5.0, 5.0])
    assert heads.compared_wrong(of, answers, truths) == heads.mean_wrong(of, answers, truths)
    nothing = {"index": torch.tensor([-1, -1])}
    assert heads.compared_wrong(heads.FlagTask(None), torch.zeros(2), nothing) == 0.0
