"""Lazy steps of word vectors: those of AdamW for what a batch reads, and none for what it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_encoder
import torch
from test_steps import RECIPE
from torch import nn

from modelwright.learners import budget
from modelwright.learners.contract.source import Rows
from modelwright.learners.contract.steps import OptimiserKeys, RegularisationKeys
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.descent.training_run import TrainingRun
from modelwright.learners.networks.network import Network
from modelwright.learners.steps.lazy_adamw import LazyAdamW, is_lazy, tables
from modelwright.learners.training import checkpoint
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.sample import Sample
from modelwright.learners.training.starting_point import starting_point
from modelwright.storage.formats.plan import Execution

HOW: dict[str, Any] = {"betas": (0.9, 0.98), "eps": 1e-6}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.save(tmp_path_factory.mktemp("encoder"))


def begun(folder: Path, **recipe: Any) -> tuple[TrainingRun, EncodedRows]:
    torch.manual_seed(0)  # heads are drawn
    data = tiny_encoder.routed(60)
    begin = starting_point(tiny_encoder.ROUTE, data, {"question": folder}, {})
    rows = EncodedRows(tiny_encoder.ROUTE, begin.states, data.columns)
    return TrainingRun(begin.network, replace(RECIPE, **recipe), 20, 6, 0), rows


def test_rows_that_every_batch_reads_take_the_steps_of_adamw() -> None:
    start = torch.randn(5, 3)
    lazy, whole = nn.Embedding(5, 3, sparse=True), nn.Embedding(5, 3)
    for one in (lazy, whole):
        one.weight.data.copy_(start)
    ours = LazyAdamW([{"params": [lazy.weight], "lr": 0.1, "weight_decay": 0.3}], **HOW)
    theirs = torch.optim.AdamW([{"params": [whole.weight], "lr": 0.1, "weight_decay": 0.3}], **HOW)
    read, wanted = torch.tensor([0, 1, 2, 3, 4, 1]), torch.randn(6, 3)  # a word comes twice
    for _ in range(5):
        for table, optimiser in ((lazy, ours), (whole, theirs)):
            (table(read) * wanted).sum().backward()
            if table is lazy:
                table.weight.grad = table.weight.grad.coalesce()
            optimiser.step()
            optimiser.zero_grad()
    torch.testing.assert_close(lazy.weight, whole.weight, rtol=1e-5, atol=1e-6)


def test_words_that_no_batch_reads_stay_and_so_does_their_average(folder: Path) -> None:
    run, rows = begun(folder)
    (table,) = tables(run.network)
    before = table.weight.detach().clone()
    batch = np.arange(6)
    for _ in range(3):
        run.learn(rows, batch)
    read = torch.from_numpy(np.unique(rows.arrays(batch)["question.ids"].numpy()))
    read = read[read != 0]  # padding is read, and has no gradient
    unread = torch.ones(len(before), dtype=torch.bool)
    unread[read] = False
    assert unread.any()
    assert torch.equal(table.weight[unread], before[unread])
    (name,) = [name for name, weight in run.weights.items() if weight is table.weight]
    assert torch.equal(run.average[name][unread], before[unread])
    changed = (run.average[name] != before).any(dim=1)
    assert changed[read].all()
    # what has moved once is averaged on, also while no batch reads it
    older = run.average[name].clone()
    run.learn(rows, np.array([6]))
    rested = read[~torch.isin(read, rows.arrays(np.array([6]))["question.ids"])]
    share = torch.linalg.vector_norm(run.average[name][rested] - table.weight[rested])
    assert 0 < share < torch.linalg.vector_norm(older[rested] - table.weight[rested])


def test_a_checkpoint_holds_what_lazy_steps_remember(folder: Path, tmp_path: Path) -> None:
    batches = np.random.default_rng(0).permutation(60).reshape(10, 6)
    whole, rows = begun(folder)
    for batch in batches:
        whole.learn(rows, batch)
    cut, _ = begun(folder)
    for batch in batches[:4]:
        cut.learn(rows, batch)
    cut.save(tmp_path / "state.safetensors", {})
    again, _ = begun(folder)
    kept = checkpoint.read(tmp_path / "state.safetensors")
    assert kept is not None
    again.restore(*kept)
    for batch in batches[4:]:
        again.learn(rows, batch)
    for name, weight in whole.weights.items():
        assert torch.equal(weight, again.weights[name]), name
        assert torch.equal(whole.average[name], again.average[name]), name


def test_the_bound_of_the_gradient_counts_words_that_come_twice_once(folder: Path) -> None:
    """The norm is that of the whole gradient, whichever form it has."""
    lazy, rows = begun(folder)
    whole, _ = begun(folder, optimiser=OptimiserKeys(name="sgd"))  # its steps are not lazy
    assert not is_lazy(whole.recipe, 1)
    for run in (lazy, whole):
        run.learn(rows, np.arange(6))
    assert lazy.norm == pytest.approx(whole.norm, rel=1e-5)


@pytest.mark.parametrize(
    "recipe",
    [
        {"optimiser": OptimiserKeys(name="rmsprop")},
        {"regularisation": RegularisationKeys(l2=0.1)},
        {"precision": "float16"},
        {"optimiser": OptimiserKeys(accumulate=2)},
        {"whole": True},
    ],
)
def test_where_every_row_has_a_gradient_no_step_is_lazy(folder: Path, recipe: dict[str, Any]) -> None:
    run, rows = begun(folder, **recipe)
    run.learn(rows, np.arange(6))
    assert not is_lazy(run.recipe, run.parts)
    assert all(run.stepper.moved(weight) is None for weight in run.weights.values())


def test_a_training_that_is_not_lazy_may_follow_one_that_is(folder: Path) -> None:
    """As where `plan` times a step as one process reads it, and as several do."""
    lazy, rows = begun(folder)
    lazy.learn(rows, np.arange(6))
    for recipe in (replace(RECIPE, optimiser=OptimiserKeys(accumulate=2)), RECIPE):
        run = TrainingRun(lazy.network, recipe, 20, 6, 0)
        assert is_lazy(recipe, run.parts) == (recipe is RECIPE)
        run.learn(rows, np.arange(6))


def test_memory_that_runs_out_cuts_a_lazy_step_into_parts(folder: Path) -> None:
    """The rows of each part are added up, as those of one word are."""
    whole, rows = begun(folder)
    cut, _ = begun(folder)
    cut.parts = 3
    for run in (whole, cut):
        run.learn(rows, np.arange(6))
    assert cut.norm == pytest.approx(whole.norm, rel=1e-4)
    (ours,), (theirs,) = tables(cut.network), tables(whole.network)
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("processes", "lazy"), [(1, True), (2, False)])
def test_the_forecast_times_the_steps_that_learning_takes(folder: Path, processes: int, lazy: bool) -> None:
    data, timed = tiny_encoder.routed(60), list[bool]()
    begin = starting_point(tiny_encoder.ROUTE, data, {"question": folder}, {})
    some = Sample.of_examples(tiny_encoder.ROUTE, begin.states, data)

    def timer(network: Network, rows: EncodedRows, recipe: Recipe, *_: Any) -> float:
        timed.append(is_lazy(recipe, recipe.optimiser.accumulate))
        return 1.0

    execution = Execution(processes=processes)
    budget.timed(begin, some, Rows(data), RECIPE, 16, 2, "float32", execution, timer=timer)
    assert set(timed) == {lazy}
