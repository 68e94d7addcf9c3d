"""Draws: the same for the same number and knowledge, inside the space, never twice, and led by what is known."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from modelwright.stages.tune.axes import LEARNER, Axis, Space
from modelwright.stages.tune.draws import Known, draw

RATE = Axis("learn.learning_rate", low=1e-4, high=1e-1, log=True)
SPACE = Space(
    (
        RATE,
        Axis("model.leaves", low=2, high=64, log=True, whole=True, learners=("trees",)),
        Axis("model.layers", values=(1, 2, 3), learners=("network",)),
    ),
    ("trees", "network"),
)


def search(space, sampler, seed, count, aimed, bars=lambda values: {}):
    known, tried = [], []
    for number in range(count):
        values = draw(space, sampler, seed, number, known, tried)
        known.append(Known(values, aimed(values), bars(values)))
        tried.append(values)
    return tried


def far(values):
    return abs(math.log10(values["learn.learning_rate"]) + 2) + (values[LEARNER] == "network")


@pytest.mark.parametrize("sampler", ["random", "tpe", "gp"])
def test_the_same_seed_draws_the_same_and_another_others(sampler):
    once = search(SPACE, sampler, 0, 14, far)
    assert once == search(SPACE, sampler, 0, 14, far)
    assert once != search(SPACE, sampler, 1, 14, far)


@pytest.mark.parametrize("sampler", ["random", "tpe", "gp"])
def test_what_is_drawn_lies_in_the_space_and_beside_its_learner(sampler):
    for values in search(SPACE, sampler, 3, 16, far):
        assert 1e-4 <= values["learn.learning_rate"] <= 1e-1
        own = {"trees": "model.leaves", "network": "model.layers"}[values[LEARNER]]
        assert set(values) == {LEARNER, "learn.learning_rate", own}
        assert values[own] in (range(2, 65) if own == "model.leaves" else (1, 2, 3))


GIVEN = Space(
    (
        Axis("o.name", values=("sgd", "adamw", "muon")),
        Axis("rate", values=(1, 2)),
        Axis("o.momentum", values=(0.0, 0.5), given=("o.name", ("sgd", "muon"))),
        Axis("o.betas", values=(3, 4, 5), given=("o.name", ("adamw", "muon"))),
    )
)


# what fits a Gaussian process takes seconds
@pytest.mark.parametrize("sampler", ["grid", "random", "tpe", pytest.param("gp", marks=pytest.mark.proof)])
def test_a_key_that_another_one_gives_its_meaning_is_drawn_where_it_has_one(sampler):
    tried, known = [], []
    while (values := draw(GIVEN, sampler, 0, len(tried), known, tried)) is not None:
        assert values not in tried
        tried.append(values)
        known.append(Known(values, float(values["rate"]), {}))
        assert ("o.momentum" in values) == (values["o.name"] != "adamw")
        assert ("o.betas" in values) == (values["o.name"] != "sgd")
    assert GIVEN.size() == GIVEN.grid_size() == len(list(GIVEN.points())) == 2 * (2 + 3 + 6)
    assert len(tried) == GIVEN.size() or (sampler != "grid" and len(tried) > 15)


@pytest.mark.parametrize("sampler", ["random", "tpe", "gp"])
def test_no_point_is_tried_twice_and_a_small_space_ends(sampler):
    space = Space((Axis("a", values=(1, 2, 3)), Axis("b", values=("x", "y"))))
    tried, known = [], []
    while (values := draw(space, sampler, 0, len(tried), known, tried)) is not None:
        assert values not in tried
        tried.append(values)
        known.append(Known(values, float(values["a"]), {}))
    assert len(tried) == 6


@pytest.mark.parametrize("sampler", ["tpe", pytest.param("gp", marks=pytest.mark.proof)])
def test_a_sampler_finds_what_is_small(sampler):
    space = Space((RATE,))
    near = search(space, sampler, 0, 30, lambda values: (math.log10(values["learn.learning_rate"]) + 2) ** 2)
    late = [abs(math.log10(values["learn.learning_rate"]) + 2) for values in near[-8:]]
    assert sorted(late)[4] < 0.3  # at random: 0.75


def test_bars_lead_the_draws_as_constraints():
    """What is small lies where the bar is missed: draws go to the other side of it."""
    space = Space((Axis("x", low=0.0, high=1.0),))
    free = search(space, "tpe", 0, 40, lambda values: values["x"])
    barred = search(space, "tpe", 0, 40, lambda values: values["x"], lambda values: {"b": 0.5 - values["x"]})
    assert sum(values["x"] < 0.5 for values in free[-15:]) >= 12
    assert sum(values["x"] < 0.5 for values in barred[-15:]) <= 7


def test_trials_that_are_running_or_failed_are_known_without_a_value():
    known = [
        Known({"learn.learning_rate": 0.01}, None, {}),
        Known({"learn.learning_rate": 0.02}, None, {}, running=True),
    ]
    assert draw(Space((RATE,)), "tpe", 0, 2, known * 8, []) is not None


def test_the_benchmark_of_draws_runs_on_few():
    script = Path(__file__).parents[3] / "benchmarks" / "search_draws.py"
    done = subprocess.run(
        [sys.executable, str(script), "--seeds", "2", "--trials", "4"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert "hartmann: modelwright" in done.stdout
