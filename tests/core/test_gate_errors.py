"""Gates err no more often than promised: simulated, with the true value on the bar and just beside it."""

from __future__ import annotations

import importlib.util
import math
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from requirement_texts import parse

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import Outcome, judge


def _load(name: str):
    spec = importlib.util.spec_from_file_location(
        name, Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


simulation = _load("gate_errors")
QUICK = [
    "accuracy 0.97, n = 2000",
    "accuracy 0.9897, n = 17",
    "recall 0.90, 17 rows",
    "recall 0.90, 251 rows",
    "balanced accuracy 0.95, 12 uneven classes",
    "balanced accuracy 0.97, 77 x 17",
    "macro f1, 12 uneven classes of 0.95",
    "average precision 0.47, 17 of 500",
    "average precision 0.86, 2 others above, 40 of 400",
    "accuracy 0.9, 40 groups of 10, alike by 0.5",
    "rmse, normal errors, n = 200",
    "rmse, Laplace errors, n = 400",
    "accuracy against champion, n = 500",
    "latency p95, 500 requests",
    "mae, 1 in 50 is 50 times as wrong, n = 10",
    "rmse, 1 in 50 is 50 times as wrong, n = 300",
    "mae, Pareto 1.5, n = 300",
    "r2 of t with 3 degrees, n = 300",
    "mae in a range, rare, n = 30",
    "log loss, n = 5",
]


@cache
def _cases():
    """Return the cases by name; their true values take a second or two, so not before a test needs them."""
    return {case.name: replace(case, peer=None) for case in simulation.cases()}


def pytest_generate_tests(metafunc):
    if "any_name" in metafunc.fixturenames:
        metafunc.parametrize(
            "any_name", [] if metafunc.config.option.markexpr == "not proof" else list(_cases())
        )


def _most(draws: int) -> float:
    """Return the rate that 0.05 exceeds by chance about once in a thousand simulations."""
    return 0.05 + 3.1 * math.sqrt(0.05 * 0.95 / draws)


@pytest.mark.parametrize("name", QUICK)
def test_a_gate_keeps_its_promise(name):
    found = simulation.simulate(_cases()[name], 120)
    assert found.met <= _most(120)
    assert found.unmet <= _most(120)


@pytest.mark.proof
def test_every_gate_keeps_its_promise(any_name):
    found = simulation.simulate(_cases()[any_name], 3000, seed=1)
    assert found.met <= _most(3000)
    assert found.unmet <= _most(3000)


def test_a_gate_does_decide_where_the_truth_is_clear():
    case = _cases()["recall 0.90, 251 rows"]
    rng = np.random.default_rng(0)
    rates = {}
    for bar in (0.8, 0.9, 0.96):
        requirement = replace(parse("recall[0]", f">= {bar}"), subject=case.subject, metric=case.metric)
        outcomes = [judge([requirement], [case.draw(rng)], phases={Phase.TEST})[0].outcome for _ in range(60)]
        rates[bar] = outcomes.count(Outcome.MET), outcomes.count(Outcome.UNMET)
    assert rates[0.8][0] > 50
    assert rates[0.96][1] > 50
    assert sum(rates[0.9]) < 20


def test_evaluating_again_and_again_keeps_the_promise():
    assert simulation.repeated_evaluations(400) <= _most(400)
    assert simulation.repeated_evaluations(400, share=False) > 0.2  # so it is the shares that keep it


@pytest.mark.proof
def test_evaluating_very_often_keeps_the_promise():
    assert simulation.repeated_evaluations(3000, evaluations=60) <= _most(3000)
