"""How weights step: schedules, optimisers, penalties, bounds, parts of a batch; the same bits after a kill."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
import yaml
from cutting import CutError, Cutting
from pydantic import ValidationError

from modelwright import Project
from modelwright.core.messages import catalog
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.contract.steps import (
    Activation,
    AveragingKeys,
    Initialisation,
    OfClasses,
    OfNumbers,
    Optimiser,
    OptimiserKeys,
    RegularisationKeys,
    Schedule,
    ScheduleKeys,
)
from modelwright.learners.descent import trainer
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.networks.network import Network
from modelwright.learners.options import option_problems
from modelwright.learners.steps.optimiser import Stepper
from modelwright.learners.steps.schedule import RateSchedule, falls, schedule_of
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.starting_point import Scratch, starting_point
from modelwright.storage.formats.examples import Examples

SIGNATURE = Signature.parse("f(a: number, c: category) -> b: number")
RECIPE = Recipe(1e-2, 1e-2, 1.0, 0.0, 0.0, 0.0, {}, averaging=AveragingKeys(decay=0.9))
OPTIMISERS: tuple[Optimiser, ...] = get_args(Optimiser)
DESIGN = Scratch(columns={"width": 8, "layers": 2, "dropout": 0.1})


def columns(rows: int = 40) -> dict[str, list[object]]:
    draw = np.random.default_rng(0)
    a = draw.normal(size=rows)
    c = draw.integers(0, 3, rows)
    return {"a": a.tolist(), "c": [str(one) for one in c], "b": (2 * a + c).tolist()}


def begun() -> tuple[Network, EncodedRows]:
    found = columns()
    examples = Examples([str(row) for row in range(40)], found)
    begin = starting_point(SIGNATURE, examples, {}, {}, DESIGN)
    return begin.network, EncodedRows(SIGNATURE, begin.states, found)


def trained(
    scratch: Path, recipe: Recipe, steps: int = 30, progress: Silent | None = None
) -> dict[str, torch.Tensor]:
    with deterministic(1, seed=1):
        network, rows = begun()
        trainer.train(
            network, rows, rows, recipe, steps=steps, batch=16, seed=1, scratch=scratch, progress=progress or Silent()
        )  # fmt: skip
        return network.state_dict()


# -- schedules ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        (RateSchedule("constant", 0.0), {0: 1.0, 50: 1.0, 99: 1.0}),
        (RateSchedule("constant", 0.1), {0: 0.1, 4: 0.5, 9: 1.0, 99: 1.0}),
        (RateSchedule("step", 0.0, at=(0.3, 0.6), factor=0.5), {29: 1.0, 30: 0.5, 59: 0.5, 60: 0.25, 99: 0.25}),
        (RateSchedule("inverse-time", 0.0, decay=4.0), {0: 1.0, 50: 1 / 3, 99: 1 / 4.96}),
        (RateSchedule("exponential", 0.0, factor=0.01), {0: 1.0, 50: 0.1, 99: 0.01**0.99}),
        (RateSchedule("linear", 0.1), {0: 0.1, 9: 1.0, 55: (100 - 55) / 91}),
        (RateSchedule("cosine", 0.1), {55: (1 - np.cos(np.pi * 45 / 91)) / 2}),
        (RateSchedule("one-cycle", 0.1), {14: (1 - np.cos(np.pi * 15 / 30)) / 2, 29: 1.0}),
    ],
)  # fmt: skip
def test_a_schedule_has_its_values_at_named_steps(schedule: RateSchedule, shares: dict[int, float]) -> None:
    for step, share in shares.items():
        assert schedule.share(step, 100) == pytest.approx(share)


def test_the_rate_falls_on_a_plateau_and_nowhere_else() -> None:
    assert falls([(3.0,), (2.0,), (1.0,)], 1) == 0
    assert falls([(1.0,), (2.0,), (0.5,), (0.6,), (0.7,)], 1) == 3
    assert falls([(1.0,), (2.0,), (0.5,), (0.6,), (0.7,)], 2) == 1
    assert RateSchedule("plateau", 0.0, factor=0.5).share(3, 10, [(1.0,), (2.0,)]) == 0.5


@pytest.mark.parametrize(("patience", "said"), [(1, False), (2, True)])
def test_a_rate_that_waits_for_a_plateau_that_cannot_come_is_said(
    patience: int, said: bool, tmp_path: Path
) -> None:
    network, rows = begun()
    recipe = replace(RECIPE, schedule=RateSchedule("plateau", 0.0, patience=patience))
    # 40 rows in batches of 20, 6 steps: validation is answered three times
    found = trainer.train(
        network, rows, rows, recipe, steps=6, batch=20, seed=1, scratch=tmp_path, progress=Silent()
    )
    assert [one.id for one in found.notices] == ["learn.never-falls"] * said
    assert all("learn.schedule: {name: plateau, patience: 1}" in one.next_step for one in found.notices)


def test_what_is_not_stated_is_the_learners_own() -> None:
    assert schedule_of(ScheduleKeys(), "one-cycle") == RateSchedule("one-cycle", 0.1)
    assert schedule_of(ScheduleKeys(name="cosine", warmup=0.0), "linear") == RateSchedule("cosine", 0.0)


@pytest.mark.parametrize(
    ("section", "keys", "named"),
    [
        (ScheduleKeys, {"name": "step", "at": [0.7, 0.3]}, "rising"),
        (ScheduleKeys, {"name": "step", "at": []}, "share"),
        (ScheduleKeys, {"name": "step", "at": [0.5, 1.0]}, "rising"),
        (ScheduleKeys, {"name": "step", "at": [0.2, 0.5], "warmup": 0.3}, "rises over"),
        (ScheduleKeys, {"name": "step", "at": [0.05, 0.5]}, "rises over"),
        (ScheduleKeys, {"name": "plateau", "patience": 9}, "less than or equal to 8"),
        (ScheduleKeys, {"name": "cosine", "factor": 0.5}, "exponential, plateau, step"),
        (ScheduleKeys, {"patience": 3}, "plateau"),
        (OptimiserKeys, {"momentum": 0.5}, "muon, rmsprop, sgd"),
        (OptimiserKeys, {"name": "sgd", "betas": [0.9, 0.99]}, "adam, adamw"),
        (OptimiserKeys, {"betas": [0.9, 1.0]}, "below 1"),
        (OptimiserKeys, {"betas": [0.9]}, "two numbers"),
        (OptimiserKeys, {"betas": [0.9, 0.9, 0.9]}, "two numbers"),
    ],
)
def test_what_means_nothing_or_cannot_be_is_refused(
    section: Any, keys: dict[str, object], named: str
) -> None:
    with pytest.raises(ValidationError, match=named):
        section.model_validate(keys)


def test_a_refusal_of_a_section_speaks_the_language_of_all_messages() -> None:
    with catalog.speaking("zh"), pytest.raises(ValidationError, match="没有作用"):
        ScheduleKeys.model_validate({"patience": 3})
    model = {"learner": "network", "pretrained_rate": -1}
    assert [problem.id for _, problem in option_problems(model)] == ["plan.bad-option"]
    with catalog.speaking("zh"):
        ((_, problem),) = option_problems({"learner": "blend", "of": ["trees"]})
        assert "混合至少要有 2 个成员" in problem.found


def test_what_is_sealed_is_read_again() -> None:
    for section in (
        OptimiserKeys(name="sgd", momentum=0.5),
        ScheduleKeys(name="step"),
        RegularisationKeys(l1=1),
    ):
        assert type(section).model_validate(section.model_dump(mode="json")) == section


# -- optimisers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_learns(name: Optimiser, tmp_path: Path) -> None:
    rate = {"sgd": 0.05, "adagrad": 0.1}.get(name, 0.02)
    keys = OptimiserKeys(name=name)
    with deterministic(1, seed=1):
        network, rows = begun()
        found = trainer.train(
            network, rows, rows, replace(RECIPE, head_rate=rate, optimiser=keys),
            steps=120, batch=20, seed=1, scratch=tmp_path, progress=Silent(),
        )  # fmt: skip
    least = trainer.kept_score(found.history).loss
    assert least < max(0.2 * found.history[0].loss, 0.05)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_killed_run_goes_on_to_the_same_bits(name: Optimiser, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(trainer, "SAVE_EVERY_S", 0.0)
    recipe = replace(
        RECIPE,
        noisy=True,
        optimiser=OptimiserKeys(name=name, accumulate=3, clip=0.5),
        schedule=RateSchedule("plateau", 0.2, factor=0.5),
        regularisation=RegularisationKeys(l1=1e-3, l2=1e-3),
        weight_decay=0.1,
    )
    whole = trained(tmp_path / "whole", recipe, steps=12)
    for _ in range(10):
        with suppress(CutError):
            again = trained(tmp_path / "cut", recipe, steps=12, progress=Cutting(6))
            break
    assert all(torch.equal(again[key], values) for key, values in whole.items())


def stepped(recipe: Recipe, gradient: float = 0.0) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return the weights before and after one step along a gradient that is the same everywhere."""
    torch.manual_seed(0)
    network, _ = begun()
    weights = dict(network.named_parameters())
    for weight in weights.values():
        weight.grad = torch.full_like(weight, gradient)
    before = {key: value.detach().clone() for key, value in weights.items()}
    Stepper(network, weights, recipe).step(1.0)
    return before, {key: value.detach() for key, value in weights.items()}


PLAIN = replace(RECIPE, head_rate=0.1, optimiser=OptimiserKeys(name="sgd", momentum=0.0, clip=None))


def path_of(keys: OptimiserKeys, gradients: list[float]) -> list[float]:
    """Return how far a weight is from its beginning after each of these gradients, at a rate of 0.1."""
    network, _ = begun()
    weights = dict(network.named_parameters())
    stepper = Stepper(network, weights, replace(PLAIN, optimiser=keys))
    weight = weights["heads.0.linear.bias"]
    begin, found = float(weight.detach()), []
    for gradient in gradients:
        for one in weights.values():
            one.grad = torch.full_like(one, gradient)
        stepper.step(1.0)
        found.append(float(weight.detach()) - begin)
    return found


def by_momentum(gradients: list[float], share: float, *, ahead: bool) -> list[float]:
    """Return the steps of gradient descent with momentum (Sutskever et al. 2013)."""
    kept, found = 0.0, []
    for gradient in gradients:
        kept = share * kept + gradient
        found.append(gradient + share * kept if ahead else kept)
    return found


def by_averages(gradients: list[float], first: float, second: float) -> list[float]:
    """Return the steps of Adam (Kingma and Ba 2015, algorithm 1)."""
    mean, square, found = 0.0, 0.0, []
    for step, gradient in enumerate(gradients, start=1):
        mean = first * mean + (1 - first) * gradient
        square = second * square + (1 - second) * gradient**2
        # both begin at 0, which the divisors undo
        found.append(mean / (1 - first**step) / np.sqrt(square / (1 - second**step)))
    return found


def by_squares(gradients: list[float], smoothing: float) -> list[float]:
    """Return gradients, each divided by the root of the moving average of their squares."""
    square, found = 0.0, []
    for gradient in gradients:
        square = smoothing * square + (1 - smoothing) * gradient**2
        found.append(gradient / np.sqrt(square))
    return found


GRADIENTS = [0.5, -0.2, 0.3, 0.4]


@pytest.mark.parametrize(
    ("keys", "steps"),
    [
        ({"name": "sgd", "momentum": 0.0}, GRADIENTS),
        (
            {"name": "sgd", "momentum": 0.8, "nesterov": False},
            by_momentum(GRADIENTS, 0.8, ahead=False),
        ),
        ({"name": "sgd", "momentum": 0.8}, by_momentum(GRADIENTS, 0.8, ahead=True)),
        ({"name": "adam", "betas": (0.7, 0.9)}, by_averages(GRADIENTS, 0.7, 0.9)),
        ({"name": "adamw"}, by_averages(GRADIENTS, 0.9, 0.98)),
        ({"name": "rmsprop", "momentum": 0.0, "smoothing": 0.8}, by_squares(GRADIENTS, 0.8)),
        (
            {"name": "rmsprop", "momentum": 0.6, "smoothing": 0.8},
            by_momentum(by_squares(GRADIENTS, 0.8), 0.6, ahead=False),
        ),
        # of all squares so far, whose weights are alike
        ({"name": "adagrad"}, [g / np.sqrt(np.square(GRADIENTS[: n + 1]).sum()) for n, g in enumerate(GRADIENTS)]),
    ],
)  # fmt: skip
def test_an_optimiser_takes_the_steps_of_its_name(keys: dict[str, Any], steps: list[float]) -> None:
    found = path_of(OptimiserKeys(clip=None, **keys), GRADIENTS)
    assert found == pytest.approx((-0.1 * np.cumsum(steps)).tolist(), rel=1e-4)


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "rmsprop", "adagrad", "muon"])
def test_decoupled_decay_shrinks_matrices_by_rate_and_decay(name: Optimiser) -> None:
    keys = OptimiserKeys(name=name, clip=None)
    before, after = stepped(replace(PLAIN, optimiser=keys, weight_decay=0.5))
    for key, value in before.items():
        wanted = value * (1 - 0.1 * 0.5) if value.ndim > 1 else value
        assert torch.allclose(after[key], wanted, atol=1e-7), key


def test_penalties_have_their_gradients() -> None:
    for penalty, gradient in (
        (RegularisationKeys(l1=0.01), lambda w: 0.01 * w.sign()),
        (RegularisationKeys(l2=0.01), lambda w: 0.01 * w),
    ):
        before, after = stepped(replace(PLAIN, regularisation=penalty))
        for key, value in before.items():
            wanted = value - 0.1 * gradient(value) if value.ndim > 1 else value
            assert torch.allclose(after[key], wanted, atol=1e-7), key


def test_a_gradient_is_cut_to_its_largest_norm() -> None:
    keys = OptimiserKeys(name="sgd", momentum=0.0, clip=0.5)
    before, after = stepped(replace(PLAIN, optimiser=keys), gradient=3.0)
    moved = torch.cat([(after[key] - value).flatten() for key, value in before.items()])
    assert float(moved.norm()) == pytest.approx(0.1 * 0.5, rel=1e-4)
    before, after = stepped(PLAIN, gradient=3.0)
    assert torch.allclose(after["heads.0.linear.bias"], before["heads.0.linear.bias"] - 0.3)


def test_muon_steps_along_orthogonal_matrices_and_leaves_heads_to_adamw() -> None:
    torch.manual_seed(0)
    network, rows = begun()
    weights = dict(network.named_parameters())
    batch = np.arange(16)
    network(rows.arrays(batch))["b"].square().sum().backward()
    hidden = next(key for key, one in weights.items() if key.startswith("columns") and one.ndim == 2)
    before = {key: value.detach().clone() for key, value in weights.items()}
    Stepper(network, weights, replace(RECIPE, head_rate=0.01, optimiser=OptimiserKeys(name="muon"))).step(1.0)
    moved = weights[hidden].detach() - before[hidden]
    values = torch.linalg.svdvals(moved)
    assert float(values.max()) < 2.5 * float(values[: len(values) // 2].min())
    head = (weights["heads.0.linear.weight"].detach() - before["heads.0.linear.weight"]).abs()
    learned = head[head > 0]  # features that are 0 in all rows have no gradient
    assert len(learned) > head.numel() // 2
    assert torch.allclose(learned, torch.full_like(learned, 0.01), rtol=0.05)


def test_a_batch_in_parts_has_the_gradient_of_the_whole(tmp_path: Path) -> None:
    """Without what a part sees of its own (dropout, statistics of a batch), the steps are the same but for rounding."""
    whole = trained(tmp_path / "one", RECIPE, steps=5)
    parts = trained(tmp_path / "four", replace(RECIPE, optimiser=OptimiserKeys(accumulate=4)), steps=5)
    for key, values in whole.items():
        assert torch.allclose(values, parts[key], atol=1e-4), key


def test_the_page_names_all_of_them_and_its_project_is_well(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text("utf-8")
    named = (Optimiser, Schedule, OfClasses, OfNumbers, Activation, Initialisation)
    for name in (name for literal in named for name in get_args(literal)):
        assert f"`{name}`" in page
    found = columns()
    lines = [",".join(map(str, row)) for row in zip(*found.values(), strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join([",".join(found), *lines]) + "\n", "utf-8")
    classes = [
        f"{a},{c},{'xy'[place % 2]}" for place, (a, c) in enumerate(zip(found["a"], found["c"], strict=True))
    ]
    (tmp_path / "classes.csv").write_text("\n".join(["a,c,b", *classes]) + "\n", "utf-8")
    blocks = [block.split("```")[0] for block in page.split("```yaml\n")[1:]]
    projects = [block for block in blocks if block.startswith("function:")]
    assert len(projects) >= 2
    for block in projects:
        (tmp_path / "modelwright.yaml").write_text(block, "utf-8")
        signature = Signature.parse(yaml.safe_load(block)["function"])
        assert Project(tmp_path).check().signature == str(signature)


def test_heads_of_parts_are_heads_and_a_layer_of_an_outputs_own_is_none() -> None:
    signature = Signature.parse("f(a: text, b: text) -> n: number, m: number")
    found: dict[str, list[object]] = {"a": ["x", "y"], "b": ["y", "x"], "n": [0.0, 1.0], "m": [1.0, 0.0]}
    design = Scratch(alone=True, own_layers={"width": 4, "dropout": 0.0})
    network = starting_point(signature, Examples(["0", "1"], found), {}, {}, design).network
    muon = replace(RECIPE, optimiser=OptimiserKeys(name="muon"), learning_rate=0.5, head_rate=0.25)
    stepper = Stepper(network, dict(network.named_parameters()), muon)
    hidden, others = (
        {name for group in one.param_groups for name in _names(network, group["params"])}
        for one in stepper._optimisers
    )
    assert {"heads.0.own.0.weight", "heads.1.own.0.weight"} <= hidden
    assert {"heads.0.linear.weight", "alone.heads.0.0.linear.weight"} <= others


def _names(network: Network, weights: list[torch.nn.Parameter]) -> set[str]:
    return {name for name, weight in network.named_parameters() if any(weight is one for one in weights)}
