"""Averages, growing batches, goals, mixed rows, unfreezing, adapters: each does what its name says."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_encoder
import torch
from cutting import CutError, Cutting
from pydantic import ValidationError
from safetensors.torch import load_file
from test_steps import DESIGN, RECIPE, SIGNATURE, begun, trained

from modelwright import Project, learners
from modelwright.core.messages import MachineError, ProjectError
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.kinds.image.samples import picture
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.contract.steps import (
    AveragingKeys,
    GrowthKeys,
    LossKeys,
    OptimiserKeys,
    RegularisationKeys,
    ScheduleKeys,
)
from modelwright.learners.descent import divergence, trainer
from modelwright.learners.descent.batch_loss import BatchLoss, Moment
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.descent.training_run import DivergedError, TrainingRun
from modelwright.learners.goals import goal
from modelwright.learners.networks.own_module import OwnCode
from modelwright.learners.steps import averaging, batch_growth, scaling, thawing
from modelwright.learners.steps.schedule import RateSchedule
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.mixing import Mix
from modelwright.learners.training.starting_point import Scratch, starting_point
from modelwright.storage.formats.examples import Examples

CLASSES = Signature.parse("f(a: number) -> c: category")


def of_classes(rows: int = 60, **recipe: Any) -> tuple[TrainingRun, EncodedRows]:
    values = np.linspace(-2, 2, rows)
    columns: dict[str, list[object]] = {
        "a": values.tolist(),
        "c": ["lo" if one < 0 else "hi" for one in values],
    }
    begin = starting_point(CLASSES, Examples([str(row) for row in range(rows)], columns), {}, {}, DESIGN)
    encoded = EncodedRows(CLASSES, begin.states, columns)
    return TrainingRun(begin.network, replace(RECIPE, **recipe), 100, 20, 0), encoded


# -- averages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (AveragingKeys(name="none"), lambda seen: seen[-1]),
        (AveragingKeys(name="stochastic", begin=0.5), lambda seen: np.mean(seen[5:])),
        (AveragingKeys(name="stochastic", begin=0.0), np.mean),
        (AveragingKeys(decay=0.0), lambda seen: seen[-1]),
    ],
)
def test_the_average_is_the_one_that_is_named(keys: AveragingKeys, wanted: Any) -> None:
    seen = np.random.default_rng(0).normal(size=10)
    average = 100.0  # where it began
    for step, value in enumerate(seen, start=1):
        average += averaging.share(keys, step, len(seen)) * (value - average)
    assert average == pytest.approx(wanted(seen))


def test_a_moving_average_forgets_by_its_decay() -> None:
    assert averaging.share(AveragingKeys(decay=0.9), 1000, 2000) == pytest.approx(0.1)
    assert averaging.share(AveragingKeys(decay=0.9), 1, 2000) == pytest.approx(0.9)  # of few steps yet


# -- a batch that grows ------------------------------------------------------------------------------------


def test_a_batch_grows_at_its_shares_and_costs_by_its_rows() -> None:
    keys = GrowthKeys(at=(0.5, 0.75), factor=3)
    assert [batch_growth.at_step(keys, step, 100, 8) for step in (0, 49, 50, 74, 75, 99)] == [
        (0, 8, 0), (0, 8, 0), (50, 24, 1), (50, 24, 1), (75, 72, 2), (75, 72, 2),
    ]  # fmt: skip
    assert batch_growth.mean(keys, 35) == pytest.approx(0.5 + 0.25 * 3 + 0.25 * 9)
    assert batch_growth.epoch(keys, 35) == 10
    assert batch_growth.mean(GrowthKeys(), 35) == 1.0


def test_a_batch_grows_to_all_rows_at_most_and_costs_no_more() -> None:
    """A step of 16 · 64 · 64 rows was forecast, where there are 410: minutes for what took a second."""
    keys = GrowthKeys(at=(0.5,), factor=64)
    assert batch_growth.mean(keys, 2.5) == pytest.approx(0.5 + 0.5 * 2.5)
    assert batch_growth.mean(keys, 0.5) == 1.0  # all rows are fewer than a batch
    assert batch_growth.epoch(keys, 3) == 2  # of 3 steps as the first, 1 where all rows are one


def test_rows_of_a_step_grow_while_learning_and_all_rows_are_drawn(tmp_path: Path, monkeypatch: Any) -> None:
    sizes: list[list[int]] = []
    honest = TrainingRun.learn
    monkeypatch.setattr(
        TrainingRun,
        "learn",
        lambda run, rows, batch: (sizes.append(batch.tolist()), honest(run, rows, batch))[1],
    )
    trained(tmp_path, replace(RECIPE, growth=GrowthKeys(at=(0.5,))), steps=12)
    # 40 rows: batches of 16, 16, 8 in any order, then of 32 and 8
    assert [max(map(len, sizes[:6])), max(map(len, sizes[6:]))] == [16, 32]
    assert sorted(row for batch in sizes[:3] for row in batch) == list(range(40))
    assert sorted(row for batch in sizes[6:8] for row in batch) == list(range(40))


# -- a goal ------------------------------------------------------------------------------------------------


def test_learning_ends_where_validation_meets_the_goal(tmp_path: Path) -> None:
    bar = goal("accuracy >= 0.9", CLASSES)
    run, rows = of_classes(head_rate=0.05, stop_at=bar)
    found = trainer.train(
        run.network, rows, rows, run.recipe, steps=300, batch=20, seed=0, scratch=tmp_path, progress=Silent()
    )
    last = found.history[-1]
    assert last.goal is not None
    assert last.goal >= 0.9
    assert last.step < 300
    assert all((score.goal or 0.0) < 0.9 for score in found.history[:-1])
    (notice,) = found.notices
    assert notice.id == "learn.goal-reached"
    assert "accuracy >= 0.9" in notice.found
    # what ended goes on no further
    again = trainer.train(
        run.network, rows, rows, run.recipe, steps=300, batch=20, seed=0, scratch=tmp_path, progress=Silent()
    )
    assert again.history == found.history


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("accuracy", "accuracy >= 0.95"),
        ("accurracy >= 0.9", "accuracy"),
        ("latency_p95 <= 5 ms", "not measured on rows"),
        ("accuracy >= champion - 0.01", "another version"),
        ("mae <= 3", "mae"),
        ("accuracy >= 95", "`accuracy`"),
        ("accuracy where region == 'x' >= 0.9", "region"),
    ],
)
def test_a_goal_that_learning_cannot_see_is_refused(text: str, named: str) -> None:
    with pytest.raises(ProjectError) as refused:
        goal(text, CLASSES)
    assert named in str(refused.value)


def test_check_names_a_goal_that_learning_cannot_see_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "modelwright.yaml").write_text(
        'function: "f(a: number) -> c: category"\nlearn:\n  stop_at: "accuracy"\n', "utf-8"
    )
    with pytest.raises(ProjectError) as refused:
        Project(tmp_path)
    assert "modelwright.yaml:3" in str(refused.value)


def test_a_goal_may_be_of_a_class_and_of_a_slice() -> None:
    found = goal("recall[hi] where a >= 1 >= 0.8", CLASSES)
    assert found is not None
    assert (found.subject.of, found.subject.where, found.bar.value) == ("hi", "a >= 1", 0.8)


# -- weights of classes by name ----------------------------------------------------------------------------


def test_a_class_counts_by_the_weight_that_is_given() -> None:
    run, rows = of_classes(loss=LossKeys(class_weights={"hi": 3.0}))
    trainer.settle_losses(run.network, rows, run.recipe)
    head = run.network.tasks()["c"]
    answers, even = torch.zeros(2, 2), torch.tensor([0, 1])
    loss = head.task.loss(answers, {"index": even}, 0.0) / np.log(2)
    assert dict(zip(rows.states["c"].classes, loss.tolist(), strict=True)) == pytest.approx(
        {"hi": 3.0, "lo": 1.0}
    )  # type: ignore[attr-defined]


def test_a_class_that_is_none_is_named() -> None:
    run, rows = of_classes(loss=LossKeys(class_weights={"hj": 3.0}))
    with pytest.raises(ProjectError, match="hi"):
        trainer.settle_losses(run.network, rows, run.recipe)
    # as soon as a step is timed, which is while it is planned
    with pytest.raises(ProjectError, match="hi"):
        trainer.step_s(run.network, rows, run.recipe, [np.arange(20)], 1)


# -- mixed rows --------------------------------------------------------------------------------------------

PHOTO = Signature.parse("f(photo: image, a: number) -> c: category")


def test_mixup_mixes_pictures_by_a_share_that_follows_from_the_seed() -> None:
    mix = Mix.drawn(RegularisationKeys(mixup=1.0), PHOTO, 4, seed=5)
    assert mix == replace(Mix.drawn(RegularisationKeys(mixup=1.0), PHOTO, 4, seed=5), others=mix.others)
    assert mix.own != Mix.drawn(RegularisationKeys(mixup=1.0), PHOTO, 4, seed=6).own
    pixels = torch.arange(4 * 6 * 6 * 3, dtype=torch.uint8).reshape(4, 6, 6, 3)
    assert mix.others is not None
    found = mix.arrays({"photo.pixels": pixels, "a.value": torch.zeros(4)})["photo.pixels"]
    torch.testing.assert_close(found, mix.own * pixels.float() + (1 - mix.own) * pixels[mix.others].float())
    shares = [share for share, _ in mix.truths({"index": torch.tensor([0, 1, 2, 3])})]
    assert sum(shares) == pytest.approx(1.0)


def test_cutmix_counts_each_truth_by_the_area_of_its_picture() -> None:
    for seed in range(20):
        mix = Mix.drawn(RegularisationKeys(cutmix=1.0), PHOTO, 2, seed)
        assert mix.others is not None
        pixels = torch.zeros(2, 200, 200, 1, dtype=torch.uint8)
        pixels[1] = 1
        found = mix.arrays({"photo.pixels": pixels})["photo.pixels"]
        own = torch.tensor([0.0, 1.0])
        other = own[mix.others]
        wanted = mix.own * own + (1 - mix.own) * other
        torch.testing.assert_close(found.float().mean(dim=(1, 2, 3)), wanted, atol=0.02, rtol=0)


def test_features_are_mixed_where_values_cannot_be() -> None:
    run, rows = of_classes(regularisation=RegularisationKeys(mixup=1.0))
    every = np.arange(10)
    arrays = rows.arrays(every)
    parts = run.network.read(arrays)
    mix = Mix.drawn(run.recipe.regularisation, CLASSES, 10, seed=1)
    assert mix.others is not None
    mixed = mix.features(parts, run.network.part_inputs, arrays)
    wanted = mix.own * parts.features[0] + (1 - mix.own) * parts.features[0][mix.others]
    torch.testing.assert_close(mixed.features[0], wanted)
    # the loss of mixed rows is that of both truths
    plain = BatchLoss(run.network, RECIPE, None).of(rows, every, run.moment())
    assert run.batch_loss.of(rows, every, run.moment()) != plain
    # one row has no other
    assert Mix.drawn(run.recipe.regularisation, CLASSES, 1, seed=1) == Mix()


OWN = """
import torch

class Two(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)

    def forward(self, arrays):
        shade = arrays["photo.pixels"].float().mean(dim=(1, 2, 3))
        return {"c": self.layer(torch.stack([shade, arrays["a.value"].float()], dim=1))}

def build(inputs, outputs):
    return Two()
"""


def test_what_reads_all_inputs_at_once_is_mixed_once() -> None:
    columns: dict[str, list[Any]] = {
        "photo": [picture("PNG", "RGB", size=(8, 8), seed=row) for row in range(8)],
        "a": [float(row) for row in range(8)],
        "c": ["lo", "hi"] * 4,
    }
    rows = Examples([str(row) for row in range(8)], columns)
    begin = starting_point(PHOTO, rows, {}, {}, Scratch(own=OwnCode("mine:build", {"mine.py": OWN})))
    assert begin.network.part_inputs == (("photo", "a"),)
    encoded = EncodedRows(PHOTO, begin.states, columns)
    recipe = replace(RECIPE, regularisation=RegularisationKeys(mixup=1.0))
    drawn = Mix.drawn(recipe.regularisation, PHOTO, 8, seed=1)
    assert drawn.of_parts(begin.network.part_inputs).pictures == frozenset()
    assert drawn.of_parts([("photo",), ("a",)]).pictures == {"photo"}
    run = TrainingRun(begin.network, recipe, 100, 8, 0)
    plain = BatchLoss(begin.network, RECIPE, None).of(encoded, np.arange(8), run.moment())
    assert run.batch_loss.of(encoded, np.arange(8), run.moment()) != plain


# -- features that are left out ----------------------------------------------------------------------------


def test_dropout_leaves_out_its_share_of_the_features_and_keeps_their_mean() -> None:
    run, rows = of_classes(dropout=0.25)
    run.network.eval()  # what its layers leave out is another thing
    ones = torch.ones(400, 50)
    left = run.batch_loss._dropped(ones, Moment(1, 7))
    assert left.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert float((left == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    assert torch.equal(run.batch_loss._dropped(ones, Moment(1, 7)), left)
    assert not torch.equal(run.batch_loss._dropped(ones, Moment(1, 8)), left)
    # it falls on what learns, and not on what answers
    whole = BatchLoss(run.network, replace(run.recipe, dropout=0.0), None)
    every = np.arange(60)
    assert torch.equal(whole._dropped(ones, Moment(1, 7)), ones)
    assert run.batch_loss.of(rows, every, run.moment()) != whole.of(rows, every, run.moment())
    answers = [run.network(rows.arrays(every))["c"] for _ in range(2)]
    assert torch.equal(*answers)


def test_to_fitted_heads_a_feature_that_is_left_out_is_its_mean() -> None:
    run, _ = of_classes(dropout=0.3)
    features = torch.randn(4000, 20, generator=torch.Generator().manual_seed(0)) + 50.0
    about_zero = run.batch_loss._dropped(features, Moment(1, 7))
    fitted = BatchLoss(run.network, replace(run.recipe, fitted=True), None)
    about_mean = fitted._dropped(features, Moment(1, 7))
    # the same are left out, and where features are far from 0 what is left is what they tell
    middle = features.mean(dim=0, keepdim=True)
    out = about_zero == 0
    torch.testing.assert_close(about_mean[out], middle.expand_as(features)[out])
    torch.testing.assert_close(about_mean.mean(), features.mean(), atol=0.02, rtol=0)
    assert float(about_mean.std()) < 1.3
    assert float(about_zero.std()) > 20
    # around 0 both are alike
    centred = features - middle
    torch.testing.assert_close(
        fitted._dropped(centred, Moment(1, 7)),
        run.batch_loss._dropped(centred, Moment(1, 7)),
        atol=1e-4,
        rtol=0,
    )
    assert torch.equal(
        fitted._dropped(features[:1], Moment(1, 7)), run.batch_loss._dropped(features[:1], Moment(1, 7))
    )


# -- unfreezing, frozen layers, adapters -------------------------------------------------------------------

TEXT = Signature.parse("f(text: text) -> c: category")


def _texts(
    tmp_path: Path, options: dict[str, object], steps: int = 12
) -> tuple[dict[str, torch.Tensor], Any]:
    """Fine-tune the tiny encoder and return its weights before and after."""
    folder = tmp_path / "encoder"
    if not folder.exists():
        tiny_encoder.save(folder)
    spec, learn = learners.spec("finetune"), learners.learn("finetune")
    words = ["red", "blue"] * 20
    columns: dict[str, list[object]] = {"text": [f"{one} car" for one in words], "c": list(words)}
    data = Rows(*(Examples([str(row) for row in range(40)], columns) for _ in range(2)))
    out, scratch = tmp_path / f"out-{len(list(tmp_path.iterdir()))}", tmp_path / "scratch"
    out.mkdir()
    scratch.mkdir(exist_ok=True)
    setup = Setup(
        "finetune", steps, 8, 1, "float32", "", 0,
        spec.Options.model_validate({"start": "random", **options}),
        spec.Training.model_validate({"learning_rate": 0.01}),
        {"text": folder},
    )  # fmt: skip
    learn.learn(TEXT, data, setup, out, scratch, Silent())
    for path in scratch.iterdir():
        path.unlink()
    return load_file(out / "weights.safetensors"), out


def test_layers_thaw_from_the_top_at_their_steps(tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    tiny_encoder.save(folder)
    columns: dict[str, list[object]] = {"text": ["red car", "blue car"] * 4, "c": ["a", "b"] * 4}
    begin = starting_point(TEXT, Examples([str(row) for row in range(8)], columns), {"text": folder}, {})
    run = TrainingRun(begin.network, replace(RECIPE, unfreeze=0.5), 40, 8, 0)
    rows = EncodedRows(TEXT, begin.states, columns)
    encoder = begin.network.encoder(0)
    layers = encoder.layers()
    top = next(iter(layers[-1].parameters()))
    low = next(iter(layers[0].parameters()))
    first = run.thawing
    names = {weight: name for name, weight in run.weights.items()}
    assert first[names[top]] < first[names[low]] <= 20
    assert max(first.values()) == 20
    before = {name: weight.detach().clone() for name, weight in run.weights.items()}
    every = np.arange(8)
    while run.step < 40:
        step = run.step
        run.learn(rows, every)
        for name, begin_step in first.items():
            moved = not torch.equal(run.weights[name], before[name])
            if step < begin_step:
                assert not moved, (name, step)
    moved = [name for name in first if not torch.equal(run.weights[name], before[name])]
    assert set(moved) >= {names[top], names[low]}
    assert thawing.first_steps(begin.network, run.weights, RECIPE, 40) == {}


def test_a_share_of_the_tokens_is_left_out_the_same_whenever_a_step_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    tiny_encoder.save(folder)
    columns: dict[str, list[object]] = {"text": ["red car " * 9, "blue"] * 200, "c": ["a", "b"] * 200}
    begin = starting_point(TEXT, Examples(list(map(str, range(400))), columns), {"text": folder}, {})
    rows, every = EncodedRows(TEXT, begin.states, columns), np.arange(400)
    whole = rows.arrays(every)["text.mask"]

    def left(share: float, moment: Moment) -> torch.Tensor:
        loss = BatchLoss(begin.network, replace(RECIPE, token_dropout=share), None)
        return loss._arrays(rows, every, moment)["text.mask"]

    found = left(0.25, Moment(1, 7))
    assert torch.equal(left(0.25, Moment(1, 7)), found)
    assert not torch.equal(left(0.25, Moment(1, 8)), found)
    assert torch.equal(left(0.0, Moment(1, 7)), whole)
    assert torch.all(found <= whole)  # padding stays padding
    assert torch.all(found[:, 0] == 1)
    kept = float(found[:, 1:].sum() / whole[:, 1:].sum())
    assert kept == pytest.approx(0.75, abs=0.03)


def test_pretrained_layers_drop_out_while_they_learn_and_never_while_they_answer(tmp_path: Path) -> None:
    tiny_encoder.save(tmp_path / "encoder")
    columns: dict[str, list[object]] = {"text": ["red car", "blue"] * 4, "c": ["a", "b"] * 4}
    given = Examples(list(map(str, range(8))), columns)
    begin = starting_point(TEXT, given, {"text": tmp_path / "encoder"}, {})
    network, arrays = begin.network, EncodedRows(TEXT, begin.states, columns).arrays(np.arange(8))

    def read(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        with torch.no_grad():
            return network.read(arrays).features[0]

    network.eval()
    answered = read(0)
    network.learning(noisy=False)
    assert torch.equal(read(1), answered)
    network.learning(noisy=False, layer_dropout=0.5)
    assert torch.equal(read(1), read(1))
    assert not torch.equal(read(1), read(2))
    network.eval()
    assert torch.equal(read(1), answered)


def test_frozen_layers_do_not_move_and_more_than_there_are_is_refused(tmp_path: Path) -> None:
    learned, _ = _texts(tmp_path, {"frozen_layers": 1})
    begin = starting_point(
        TEXT,
        Examples(["0", "1"], {"text": ["a", "b"], "c": ["red", "blue"]}),
        {"text": tmp_path / "encoder"},
        {},
    )
    encoder = begin.network.encoder(0)
    still = {id(weight) for weight in encoder.layers()[0].parameters()}
    names = {name for name, weight in begin.network.named_parameters() if id(weight) in still}
    moving = {
        name
        for name, weight in begin.network.named_parameters()
        if any(weight is one for layer in encoder.layers()[1:] for one in layer.parameters())
    }
    weights = dict(begin.network.named_parameters())
    assert names
    assert all(torch.equal(learned[name], weights[name]) for name in names)
    assert moving
    assert any(not torch.equal(learned[name], weights[name]) for name in moving)
    with pytest.raises(ProjectError, match="frozen_layers"):
        _texts(tmp_path, {"frozen_layers": 99})


def test_adapters_change_a_matrix_by_no_more_than_their_rank_and_leave_no_trace(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    learned, _ = _texts(tmp_path, {"lora": {"rank": 1}})
    begin = starting_point(
        TEXT,
        Examples(["0", "1"], {"text": ["a", "b"], "c": ["red", "blue"]}),
        {"text": tmp_path / "encoder"},
        {},
    )
    weights = dict(begin.network.named_parameters())
    assert set(weights) <= set(learned)
    assert not any("lora" in name for name in learned)
    moved = 0
    for layer in begin.network.encoder(0).layers():
        for name, weight in weights.items():
            if any(weight is one for one in layer.parameters()):
                change = (learned[name] - weight).detach()
                if change.ndim == 2 and bool(change.any()):
                    assert int(torch.linalg.matrix_rank(change, rtol=1e-3)) == 1, name
                    moved += 1
                else:
                    assert not bool(change.any()), name  # biases and norms stay
    assert moved


# -- memory and numbers that are none ----------------------------------------------------------------------


def test_where_memory_runs_out_rows_are_read_in_parts_to_the_same_gradient(
    tmp_path: Path, monkeypatch: Any
) -> None:
    wanted = trained(tmp_path / "wanted", replace(RECIPE, optimiser=OptimiserKeys(accumulate=4)))
    honest = BatchLoss.of

    def tight(self: BatchLoss, rows: EncodedRows, batch: Any, moment: Any) -> torch.Tensor:
        if len(batch) > 4:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return honest(self, rows, batch, moment)

    monkeypatch.setattr(BatchLoss, "of", tight)
    found = trained(tmp_path / "found", RECIPE)
    assert {name: torch.equal(found[name], wanted[name]) for name in wanted} == dict.fromkeys(wanted, True)
    monkeypatch.setattr(BatchLoss, "of", lambda *_: (_ for _ in ()).throw(MemoryError("std::bad_alloc")))
    with pytest.raises(MachineError, match="single row"):
        trained(tmp_path / "none", RECIPE)


def test_that_memory_ran_out_is_said(tmp_path: Path, monkeypatch: Any) -> None:
    honest = BatchLoss.of

    def tight(self: BatchLoss, rows: EncodedRows, batch: Any, moment: Any) -> torch.Tensor:
        if len(batch) > 8:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return honest(self, rows, batch, moment)

    monkeypatch.setattr(BatchLoss, "of", tight)
    network, rows = begun()
    found = trainer.train(
        network, rows, rows, RECIPE, steps=4, batch=16, seed=1, scratch=tmp_path, progress=Silent()
    )
    (notice,) = found.notices
    assert "learn.optimiser.accumulate: 2" in notice.next_step


FAR_TOO_HIGH = replace(RECIPE, head_rate=1e30, optimiser=OptimiserKeys(name="sgd", clip=None))


@pytest.mark.parametrize(
    ("recipe", "value", "line"),
    [(FAR_TOO_HIGH, None, "learn.learning_rate"), (FAR_TOO_HIGH, 1e37, "`b`")],
)
def test_rows_whose_loss_is_no_number_are_saved_and_advice_follows_from_why(
    recipe: Recipe, value: float | None, line: str, tmp_path: Path
) -> None:
    network, rows = begun()
    if value is not None:
        columns = {**rows.columns, "b": [value, *list(rows.columns["b"])[1:]]}
        rows = EncodedRows(SIGNATURE, rows.states, columns)
    with pytest.raises(ProjectError) as refused:
        trainer.train(
            network, rows, rows, recipe, steps=200, batch=40, seed=1, scratch=tmp_path, progress=Silent()
        )
    assert line in str(refused.value)
    assert '"rows"' in (tmp_path / "diverged.json").read_text("utf-8")


@pytest.mark.parametrize("scale", [2.0**16, 2.0**60])
def test_a_scaled_loss_in_float16_has_the_gradients_of_float32(scale: float, monkeypatch: Any) -> None:
    monkeypatch.setattr(scaling, "_FIRST", scale)
    (half, rows), (exact, _) = (of_classes(precision=one, head_rate=1e-9) for one in ("float16", "float32"))
    exact.network.load_state_dict(half.network.state_dict())
    for run in (half, exact):
        run.learn(rows, np.arange(20))
    # too large a scale is halved until no gradient is beyond float16, and the step is taken all the same
    assert half.step == exact.step == 1
    assert 1.0 < half.scaling.scale <= scale
    assert exact.scaling.scale == 1.0
    assert float(half.stepper.norm) == pytest.approx(float(exact.stepper.norm), rel=0.02)


def test_a_scale_is_doubled_after_many_good_steps() -> None:
    weight = torch.zeros(2, requires_grad=True)
    found = scaling.Scaling.of("float16")
    for _ in range(scaling._DOUBLED_AFTER):
        weight.grad = torch.full((2,), found.scale)
        assert found.undo([weight])
        assert weight.grad.tolist() == [1.0, 1.0]
    assert (found.scale, found.steps) == (2.0**17, 0)
    weight.grad = torch.tensor([float("inf"), 0.0])
    assert not found.undo([weight])
    assert found.scale == 2.0**16


# -- all at once, and kills --------------------------------------------------------------------------------

EVERYTHING = replace(
    RECIPE,
    noisy=True,
    averaging=AveragingKeys(name="stochastic", begin=0.3),
    growth=GrowthKeys(at=(0.4, 0.7)),
    regularisation=RegularisationKeys(mixup=0.4, l2=1e-4),
    optimiser=OptimiserKeys(accumulate=2),
    stop_at=goal("mae <= 0.0001", SIGNATURE),
    precision="float16",
)


def test_with_everything_a_killed_run_goes_on_to_the_same_bits(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(trainer, "SAVE_EVERY_S", 0.0)
    wanted = trained(tmp_path / "whole", EVERYTHING)
    for after in (1, 8, 19, 26):
        scratch = tmp_path / f"cut-{after}"
        with pytest.raises(CutError):
            trained(scratch, EVERYTHING, progress=Cutting(after))
        found = trained(scratch, EVERYTHING)
        assert all(torch.equal(found[name], wanted[name]) for name in wanted), after


@pytest.mark.parametrize(
    ("section", "keys", "named"),
    [
        (AveragingKeys, {"begin": 0.5}, "stochastic"),
        (AveragingKeys, {"name": "none", "decay": 0.5}, "exponential"),
        (GrowthKeys, {"at": [0.7, 0.3]}, "rising"),
        (GrowthKeys, {"at": [0.5], "factor": 1}, "greater than or equal to 2"),
        (RegularisationKeys, {"mixup": -1}, "greater than or equal to 0"),
        (LossKeys, {"class_weights": {"hi": -1}}, "greater than or equal to 0"),
        (ScheduleKeys, {"name": "step", "at": []}, "share"),
    ],
)
def test_what_cannot_be_is_refused(section: Any, keys: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        section.model_validate(keys)


@pytest.mark.parametrize(("heads_stated", "stated"), [(True, 0.05), (False, 0.002)])
def test_the_rate_that_is_shown_and_proposed_is_the_one_that_the_project_states(
    heads_stated: bool, stated: float
) -> None:
    run, rows = of_classes(
        head_rate=0.05, learning_rate=0.002, heads_stated=heads_stated, schedule=RateSchedule("constant", 0.0)
    )
    run.learn(rows, np.arange(20))
    assert run.rate == pytest.approx(stated)
    found = divergence.problem(run, rows, DivergedError(1, np.arange(20), run.moment()), None)
    assert f"learn.learning_rate: {stated / 10:g}" in str(found.next_step)


@pytest.mark.parametrize("learner", ["network", "finetune"])
def test_a_recipe_states_the_rate_of_its_learner(learner: str) -> None:
    training = learners.spec(learner).Training.model_validate({"learning_rate": 0.0123})
    module = importlib.import_module(f"modelwright.learners.{learner}.learn")
    options = learners.spec(learner).Options()
    _, rows = of_classes()
    given = (CLASSES, options, training) if learner == "network" else (options, training, rows)
    made = module._recipe(*given)
    assert made.stated_rate == 0.0123
