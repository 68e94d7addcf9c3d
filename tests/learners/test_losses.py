"""Losses by name: their values, their gradients at named points, and what they make of a function."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from modelwright import learners
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners import idle_keys
from modelwright.learners.contract.steps import AveragingKeys, LossKeys
from modelwright.learners.contract.training import TrainingKeys
from modelwright.learners.descent import trainer
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.networks.heads import (
    ClassTask,
    FlagTask,
    MatchTask,
    PlaceTask,
    ScalarTask,
    SetTask,
    TagTask,
    Task,
    VectorTask,
)
from modelwright.learners.networks.losses import Losses, settled
from modelwright.learners.networks.network_plan import LogarithmPlan
from modelwright.learners.training import frozen_features
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.starting_point import Scratch, starting_point
from modelwright.storage.formats.examples import Examples

RECIPE = Recipe(1e-2, 1e-2, 1.0, 0.0, 0.0, 0.0, {}, averaging=AveragingKeys(decay=0.9))


def measured(task: Task, how: Losses, answers: list[object], **truths: list[object]) -> list[float]:
    task.how = how
    loss = task.loss(torch.tensor(answers), {name: torch.tensor(one) for name, one in truths.items()}, 0.0)
    return [round(float(one), 4) for one in loss]


def test_a_focal_loss_is_the_cross_entropy_less_what_is_sure() -> None:
    sure = np.array([0.9, 0.5, 0.1])
    wanted = [round(float(one), 4) for one in (1 - sure) ** 2 * -np.log(sure)]
    logits = [[np.log(p), np.log(1 - p)] for p in sure.tolist()]
    assert measured(ClassTask(2), Losses(gamma=2.0), logits, index=[0, 0, 0]) == wanted
    odds = np.log(sure / (1 - sure)).tolist()
    assert measured(FlagTask(None), Losses(gamma=2.0), odds, index=[1, 1, 1]) == wanted
    assert measured(FlagTask(None), Losses(gamma=2.0), [-one for one in odds], index=[0, 0, 0]) == wanted
    assert measured(SetTask(1), Losses(gamma=2.0), [[one] for one in odds], members=[[1.0]] * 3) == wanted
    plain = [round(float(one), 4) for one in -np.log(sure)]
    assert measured(ClassTask(2), Losses(), logits, index=[0, 0, 0]) == plain


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        (Losses(), [9.0, 0.25, 0.0, 4.0]),
        (Losses(numbers="absolute"), [3.0, 0.5, 0.0, 2.0]),
        (Losses(numbers="huber", delta=1.0), [5.0, 0.25, 0.0, 3.0]),
        (Losses(numbers="quantile", level=0.9), [0.3, 0.05, 0.0, 1.8]),
    ],
)
def test_losses_of_numbers_have_their_values(how: Losses, wanted: list[float]) -> None:
    """Errors (answer - truth) of 3, 0.5, 0 and -2 deviations."""
    assert measured(ScalarTask(None), how, [3.0, 0.5, 0.0, -2.0], value=[0.0] * 4) == wanted
    pairs = measured(VectorTask(2), how, [[3.0, 0.5], [0.0, -2.0]], values=[[0.0, 0.0]] * 2)
    assert pairs == [round(wanted[0] + wanted[1], 4), round(wanted[2] + wanted[3], 4)]


def test_a_number_whose_logarithm_a_head_gives_is_compared_as_a_number() -> None:
    task = ScalarTask(None, LogarithmPlan(centre=1.0, deviation=0.5, most=3.0, zero=-0.2))
    given = torch.tensor([[-2.0], [0.0], [2.0], [50.0]], requires_grad=True)
    numbers = task.shaped(given)
    wanted = np.exp([0.0, 1.0, 2.0, 3.0]) - 0.2  # the last is held at the largest that there may be
    np.testing.assert_allclose(numbers.detach().numpy(), wanted, rtol=1e-6)
    assert task.shaped(given.to(torch.bfloat16)).dtype == torch.float32
    # the gradient of a squared error of the number: 2 · gap · deviation · exp(logarithm)
    task.loss(numbers, {"value": torch.zeros(4)}, 0.0).sum().backward()
    assert given.grad is not None
    slopes = 2 * wanted * 0.5 * (wanted + 0.2)
    np.testing.assert_allclose(given.grad[:, 0].numpy(), [*slopes[:3], 0.0], rtol=1e-5)


def test_balanced_weights_have_a_mean_of_one_and_make_classes_count_alike() -> None:
    counts = torch.tensor([6, 3, 0, 1])
    weights = settled(LossKeys(class_weights="balanced"), counts).weights
    assert weights is not None
    assert float((weights * counts).sum()) == pytest.approx(10)
    assert [round(float(one), 3) for one in weights * counts] == [3.333, 3.333, 0.0, 3.333]
    assert settled(LossKeys(), counts).weights is None
    assert settled(LossKeys(class_weights="balanced"), None).weights is None
    weighed = measured(ClassTask(2), Losses(weights=torch.tensor([0.5, 2.0])), [[0.0, 0.0]] * 2, index=[0, 1])
    assert weighed == [round(0.5 * np.log(2), 4), round(2 * np.log(2), 4)]


@pytest.mark.parametrize(
    "keys", [{"gamma": 3.0}, {"delta": 2.0}, {"numbers": "huber", "level": 0.9}, {"level": 1.0}]
)
def test_what_means_nothing_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LossKeys.model_validate(keys)


@pytest.mark.parametrize(
    ("learner", "function", "idle"),
    [
        ("tag", "f(a: text) -> b: spans", False),
        ("match", "f(a: text) -> b: choice", False),
        ("extract", "f(a: text, b: text) -> c: span", True),  # what is not inside of a text has no share
    ],
)
def test_smoothing_is_named_where_a_loss_smooths_nothing(learner: str, function: str, idle: bool) -> None:
    training = TrainingKeys.model_validate({"label_smoothing": 0.1})
    found = list(idle_keys.idle(learners.spec(learner), Signature.parse(function), training))
    assert [one.id for one in found] == ["learn.idle-loss"] * idle
    # so says the loss itself
    answers = torch.tensor([[[3.0, 0.0], [0.0, 3.0], [1.0, 2.0]], [[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]]])
    tags, own = torch.tensor([[0, 1, 1], [1, 0, -1]]), torch.tensor([0, 1])
    inside = torch.ones(2, 3)
    task, given, truths = {
        "tag": (TagTask(2), answers, {"tags": tags}),
        "match": (MatchTask(6), answers.reshape(2, 6), {"own": own, "right": own[:, None]}),
        "extract": (PlaceTask(), answers, {"begin": own, "end": own, "inside": inside}),
    }[learner]
    plain, smoothed = (task.loss(given, truths, share) for share in (0.0, 0.1))
    assert torch.equal(plain, smoothed) is idle


def learned(function: str, columns: dict[str, list[object]], keys: LossKeys, scratch: Path) -> Tensor:
    """Return what a network answers to its training rows."""
    signature = Signature.parse(function)
    rows = len(columns["a"])
    with deterministic(1, seed=0):
        begin = starting_point(
            signature, Examples([str(row) for row in range(rows)], columns), {}, {}, Scratch()
        )
        encoded = EncodedRows(signature, begin.states, columns)
        trainer.train(
            begin.network, encoded, encoded, replace(RECIPE, loss=keys, head_rate=0.05),
            steps=300, batch=rows, seed=0, scratch=scratch, progress=Silent(),
        )  # fmt: skip
        (answers,) = frozen_features.answers(begin.network, encoded).values()
    return answers


def test_a_quantile_has_its_share_of_truths_below_it(tmp_path: Path) -> None:
    truths = np.random.default_rng(0).exponential(size=400)
    columns: dict[str, list[object]] = {"a": [0.0] * 399 + [1.0], "b": truths.tolist()}
    middle, high = truths.mean(), truths.std()
    for level in (0.1, 0.9):
        keys = LossKeys(numbers="quantile", level=level)
        answers = learned("f(a: number) -> b: number", columns, keys, tmp_path / str(level))
        answered = float(answers[0]) * high + middle
        assert (truths < answered).mean() == pytest.approx(level, abs=0.05)


def test_balanced_weights_find_a_rare_class(tmp_path: Path) -> None:
    """Where a is 1, four rows of ten are of a class that one of ten has overall."""
    columns: dict[str, list[object]] = {"a": [1.0] * 40 + [0.0] * 160, "c": ["rare"] * 16 + ["usual"] * 184}
    even, balanced = (
        learned("f(a: number) -> c: category", columns, keys, tmp_path / keys.class_weights)
        for keys in (LossKeys(), LossKeys(class_weights="balanced"))
    )
    rare = int(even[100].argmin())
    assert float(even[0].softmax(-1)[rare]) == pytest.approx(0.4, abs=0.05)
    assert float(balanced[0].softmax(-1)[rare]) > 0.7
