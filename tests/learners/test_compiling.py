"""Compiled layers: when they are tried, when they pay, and that a run goes on to the same bits with them."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_encoder
import torch
from cutting import CutError, Cutting

from modelwright.core.progress import Progress, Silent
from modelwright.learners import budget
from modelwright.learners.contract.source import Rows
from modelwright.learners.descent import compiling, trainer
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.descent.training_run import TrainingRun
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.sample import Sample
from modelwright.learners.training.starting_point import StartingPoint, starting_point
from modelwright.storage.formats.plan import Execution

RECIPE = Recipe(1e-2, 1e-2, 0.9, 0.01, 0.1, 0.1, {}, compiled=True)
GPU = Execution("cuda", "A100")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.save(tmp_path_factory.mktemp("compiling") / "tiny")


def _begin(folder: Path) -> tuple[StartingPoint, EncodedRows]:
    data = tiny_encoder.routed(60)
    begin = starting_point(tiny_encoder.ROUTE, data, {"question": folder})
    return begin, EncodedRows(tiny_encoder.ROUTE, begin.states, data.columns)


@pytest.mark.parametrize(
    ("keys", "execution", "budget_s", "within_s"),
    [
        ("auto", Execution(), 3600.0, None),
        ("auto", GPU, 120.0, None),
        ("auto", GPU, 600.0, 600.0),
        (True, Execution(), 20.0, math.inf),
        (False, GPU, 3600.0, None),
    ],
)
def test_compiling_is_tried_where_it_may_pay(keys, execution, budget_s, within_s):
    assert compiling.tried_for(keys, execution, budget_s) == within_s


@pytest.mark.parametrize(
    ("plain_s", "compiled_s", "begin_s", "within_s", "pays"),
    [
        (1.0, 0.5, 20.0, 100.0, True),
        (1.0, 0.5, 60.0, 100.0, False),  # 50 seconds are saved
        (1.0, 0.95, 1.0, 1e6, False),  # within what steps differ by
        (1.0, 2.0, 60.0, math.inf, True),  # it was asked for
    ],
)
def test_it_pays_where_it_is_earned_back(plain_s, compiled_s, begin_s, within_s, pays):
    assert compiling.pays(plain_s, compiled_s, begin_s, within_s) is pays


def test_what_is_compiled_are_the_layers_that_an_encoder_calls(folder: Path) -> None:
    begin, _ = _begin(folder)
    encoder = begin.network.encoder(0)
    assert compiling.repeated_layers(begin.network) == list(encoder.layers())
    assert len(encoder.layers()) == 2


def test_a_forecast_says_what_compiling_brings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, _ = _begin(folder)
    data = tiny_encoder.routed(60)
    some = Sample.of_examples(tiny_encoder.ROUTE, begin.states, data)
    given: tuple[Any, ...] = (begin, some, Rows(data), RECIPE, 16, 1, "float32", Execution())

    def costs(compiled_s: float, within_s: float) -> budget.TrainingCosts:
        monkeypatch.setattr(trainer, "compiled_step_s", lambda *_: (compiled_s, 20.0))
        return budget.timed(*given, timer=lambda *_: 1.0, compiled_for=within_s)

    quick, slow, asked = costs(0.5, 100.0), costs(0.5, 30.0), costs(2.0, math.inf)
    assert [one.execution.compiled for one in (quick, slow, asked)] == [True, False, True]
    assert quick.step_s == pytest.approx(slow.step_s / 2)
    assert quick.before_s == pytest.approx(slow.before_s + 20.0, abs=1.0)
    told = [str(notice) for one in (quick, slow, asked) for notice in one.notices]
    assert "layers are compiled: a step is likely to take 500 ms, and 1e+03 ms without" in told[0]
    assert "layers are not compiled" in told[1]
    assert "It does not pay here" in told[2]


_WITHOUT = """
import math, sys
from pathlib import Path
import test_compiling as here
import tiny_encoder
from modelwright.core.messages import MachineError
begin, _ = here._begin(Path(sys.argv[1]))
data = tiny_encoder.routed(60)
some = here.Sample.of_examples(tiny_encoder.ROUTE, begin.states, data)
with here.deterministic(1, 0):
    found = here.budget.timed(
        begin, some, here.Rows(data), here.RECIPE, 16, 1, "float32", here.Execution(), compiled_for=math.inf
    )
print(found.execution.compiled, *found.notices)
try:
    here._trained(Path(sys.argv[1]), Path("unused"), here.Silent())
except MachineError as error:
    print(error.problems[0].id)
"""


@pytest.mark.proof
def test_without_a_compiler_a_plan_goes_on_and_learning_says_so(folder: Path, tmp_path: Path) -> None:
    # in a process of its own, as torch looks for its compiler once
    environment = {
        **os.environ,
        "CXX": "no-such-compiler",
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
    }
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    planned, learned = done.stdout.splitlines()
    assert planned.startswith("False layers are not compiled, since they cannot be here: no C++ compiler")
    assert learned == "learn.cannot-compile"


def _trained(
    folder: Path, scratch: Path, progress: Progress, recipe: Recipe = RECIPE
) -> dict[str, torch.Tensor]:
    with deterministic(1, seed=3):
        begin, rows = _begin(folder)
        trainer.train(
            begin.network, rows, rows, recipe, steps=12, batch=8, seed=3, scratch=scratch, progress=progress
        )
        return {name: values.clone() for name, values in begin.network.state_dict().items()}


@pytest.mark.proof
def test_a_run_that_was_cut_goes_on_to_the_same_bits(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "SAVE_EVERY_S", 0.0)
    whole = _trained(folder, tmp_path / "whole", Silent())
    for after in (2, 5):
        with pytest.raises(CutError):
            _trained(folder, tmp_path / "cut", Cutting(after))
    again = _trained(folder, tmp_path / "cut", Silent())
    assert all(torch.equal(again[name], values) for name, values in whole.items())
    # nothing stays compiled, and compiled layers computed: their sums are rounded otherwise
    plain = _trained(folder, tmp_path / "plain", Silent(), replace(RECIPE, compiled=False))
    assert any(not torch.equal(plain[name], values) for name, values in whole.items())
    assert all(torch.allclose(plain[name], values, atol=1e-4) for name, values in whole.items())


@pytest.mark.proof
def test_compiled_layers_give_what_layers_give(folder: Path) -> None:
    with deterministic(1, seed=3):
        begin, rows = _begin(folder)
        begin.network.eval()
        trainer.settle_losses(begin.network, rows, RECIPE)
        run = TrainingRun(begin.network, RECIPE, 10, 8, 0)
        batches = rows.shuffled(8, 0, 0)
        plain, _ = run.read_part(rows, batches[0], batches[0], 0)
        with compiling.compiled(run, rows, batches) as seconds:
            assert seconds > 0
            assert begin.network.encoder(0).layers()[0]._compiled_call_impl is not None
            found, _ = run.read_part(rows, batches[0], batches[0], 0)
        assert found == pytest.approx(plain, rel=1e-5)
        assert begin.network.encoder(0).layers()[0]._compiled_call_impl is None
