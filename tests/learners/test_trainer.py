"""The trainer: schedules, scores, patience, and the same bits after it was cut off."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import tiny_encoder
import torch
from cutting import CutError, Cutting
from hypothesis import given
from hypothesis import strategies as st

from modelwright.core import digests
from modelwright.core.messages import MachineError, ProjectError
from modelwright.core.progress import Progress, Silent
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.steps import AveragingKeys, Schedule
from modelwright.learners.descent import trainer
from modelwright.learners.descent.recipe import Recipe, Score
from modelwright.learners.steps.optimiser import Stepper
from modelwright.learners.steps.schedule import RateSchedule
from modelwright.learners.training import checkpoint
from modelwright.learners.training.determinism import deterministic
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.starting_point import Scratch, starting_point
from modelwright.stages.learn.kept_points import Recording
from modelwright.storage import disk
from modelwright.storage.formats.learning_curves import LearningCurves

STEPS, BATCH = 24, 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.save(tmp_path_factory.mktemp("trainer") / "tiny")


@pytest.fixture(autouse=True)
def _save_after_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "SAVE_EVERY_S", 0.0)


def _recipe(rate: float = 1e-2, patience: int | None = None, average: float = 0.9) -> Recipe:
    return Recipe(rate, 1e-2, 0.9, 0.01, 0.1, 0.1, {}, patience, averaging=AveragingKeys(decay=average))


# Everything that draws at random, and normalises by the batch; a batch of 61 rows is left with one row.
NOISY = Scratch(
    types={Form.TOKENS: "words", Form.CODE: "embedding"},
    combiner={"type": "attention", "width": 8, "dropout": 0.2},
    columns={"width": 8, "layers": 1, "dropout": 0.2},
    weighing=True,
)
OPTIONAL = Signature(
    "judge",
    tuple(replace(field, optional=True) for field in tiny_encoder.MIXED.inputs),
    tiny_encoder.MIXED.outputs,
)


def _train(
    folder: Path | None, scratch: Path, recipe: Recipe, progress: Progress | None = None, steps: int = STEPS
) -> tuple[dict[str, torch.Tensor], list[Score]]:
    """Train on a pretrained encoder, or from scratch (folder None) with all that is drawn at random."""
    data, held = tiny_encoder.mixed(60 if folder else 57), tiny_encoder.mixed(30)
    with deterministic(1, seed=3):
        if folder is None:
            recipe = replace(
                recipe,
                noisy=True,
                balanced=True,
                omitted=0.3,
                left_out=0.3,
                auxiliary=0.5,
                schedule=RateSchedule("one-cycle"),
            )
            begin = starting_point(OPTIONAL, data, {}, {}, NOISY)
        else:
            begin = starting_point(tiny_encoder.MIXED, data, {"items": folder})
        found = trainer.train(
            begin.network,
            EncodedRows(tiny_encoder.MIXED if folder else OPTIONAL, begin.states, data.columns),
            EncodedRows(tiny_encoder.MIXED if folder else OPTIONAL, begin.states, held.columns),
            recipe,
            steps=steps,
            batch=BATCH,
            seed=3,
            scratch=scratch,
            progress=progress or Silent(),
        )
        return begin.network.state_dict(), found.history


@pytest.mark.parametrize("scratch", [False, True])
def test_cut_off_anywhere_it_ends_with_the_same_bits(folder: Path, tmp_path: Path, scratch: bool) -> None:
    folder = None if scratch else folder  # type: ignore[assignment]
    seen, seen_again = Recording(Silent()), Recording(Silent())
    whole, history = _train(folder, tmp_path / "whole", _recipe(), seen)
    cut = tmp_path / "cut"
    for after in (1, 2, 5, 9):  # the first falls before any checkpoint; later ones resume and fall again
        with pytest.raises(CutError):
            _train(folder, cut, _recipe(), Cutting(after))
    resumed, again = _train(folder, cut, _recipe(), seen_again)
    assert history == again
    assert LearningCurves.of(seen_again.points) == LearningCurves.of(seen.points)
    assert {one.figure for one in LearningCurves.of(seen.points).learned[0].curves} == {
        *("loss", "learning-rate", "gradient-norm", "validation-loss", "validation-error")
    }
    assert all(torch.equal(resumed[name], values) for name, values in whole.items())
    assert digests.of_folder(cut) == digests.of_folder(tmp_path / "whole")


def test_a_checkpoint_that_a_full_disk_cuts_short_is_said_and_the_one_before_holds(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, history = _train(folder, tmp_path / "whole", _recipe())
    honest, written = Path.write_bytes, []

    def until_full(path: Path, content: bytes) -> int:
        if path.suffix == ".unfinished":
            written.append(path)
            if len(written) == 5:
                honest(path, content[: len(content) // 2])
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return honest(path, content)

    monkeypatch.setattr(Path, "write_bytes", until_full)
    with pytest.raises(MachineError) as refused, disk.guard(tmp_path):
        _train(folder, tmp_path / "full", _recipe())
    assert refused.value.problems[0].id == "machine.disk-full"
    monkeypatch.undo()
    note = checkpoint.read_note(tmp_path / "full" / "state.safetensors")
    assert note is not None
    assert 1 <= note["step"] < STEPS
    resumed, again = _train(folder, tmp_path / "full", _recipe())
    assert history == again
    assert all(torch.equal(resumed[name], values) for name, values in whole.items())
    assert digests.of_folder(tmp_path / "full") == digests.of_folder(tmp_path / "whole")


def test_a_finished_run_is_not_run_again(folder: Path, tmp_path: Path) -> None:
    whole, history = _train(folder, tmp_path, _recipe())
    # One report for what was done before; a step more would raise.
    again, same = _train(folder, tmp_path, _recipe(), Cutting(1))
    assert history == same
    assert all(torch.equal(again[name], values) for name, values in whole.items())


def test_learns_and_keeps_the_best(folder: Path, tmp_path: Path) -> None:
    _, history = _train(folder, tmp_path, _recipe(), steps=80)
    assert history[-1].step == 80
    assert min(history, key=lambda score: score.loss).loss < 0.8 * history[0].loss
    kept = checkpoint.read(tmp_path / "state.safetensors")
    assert kept is not None
    best = min(history, key=lambda score: (score.wrong, score.loss))
    assert kept[1]["best"]["step"] == best.step


def test_patience_stops_what_gains_nothing(folder: Path, tmp_path: Path) -> None:
    still = _recipe(rate=1e-12, patience=2)
    still = Recipe(**{**still.__dict__, "head_rate": 1e-12, "weight_decay": 0.0})
    _, history = _train(folder, tmp_path, still, steps=80)
    assert len(history) < len(trainer.evaluation_steps(80, trainer.epoch_steps(60, BATCH)))


def test_a_loss_that_is_no_number_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no longer a finite number"):
        _train(folder, tmp_path, _recipe(rate=1e30))


@given(st.integers(1, 5000), st.integers(1, 700))
def test_the_last_step_is_always_evaluated(steps: int, epoch: int) -> None:
    places = trainer.evaluation_steps(steps, epoch)
    assert places[-1] == steps
    assert places[0] >= 1
    assert len(places) <= trainer.MOST_EVALUATIONS


@given(st.integers(1, 2000), st.floats(0, 0.9), st.sampled_from(get_args(Schedule)))
def test_rates_rise_to_the_peak_and_fall(steps: int, warmup: float, name: Schedule) -> None:
    schedule = RateSchedule(name, warmup)
    rates = [schedule.share(step, steps) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_lower_layers_learn_more_slowly(folder: Path) -> None:
    begin = starting_point(tiny_encoder.ROUTE, tiny_encoder.routed(12), {"question": folder})
    weights = dict(begin.network.named_parameters())
    rates = Stepper(begin.network, weights, _recipe(rate=1.0)).peaks
    assert set(rates) == set(weights)
    layer = "encoders.0.transformer.encoder.layer.{}.output.dense.weight"
    assert rates[layer.format(1)] == 1.0
    assert rates[layer.format(0)] == pytest.approx(0.9)
    assert rates["encoders.0.transformer.embeddings.word_embeddings.weight"] == pytest.approx(0.81)
    assert rates["heads.0.linear.weight"] == 1e-2


def test_torch_is_left_as_it_was_found() -> None:
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.random.get_rng_state(),
    )
    with deterministic(1, seed=5):
        torch.rand(3)
        assert torch.are_deterministic_algorithms_enabled()
    after = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.random.get_rng_state(),
    )
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])


def test_of_scores_that_tell_no_more_than_one_answer_for_all_the_loss_decides() -> None:
    history = [
        Score(1, 0.20, 0.60, compared=0.2),
        Score(2, 0.22, 0.35, compared=0.2),
        Score(3, 0.21, 0.36, compared=0.2),
    ]
    assert trainer.kept_score(history).step == 2
    assert trainer.kept_score([*history, Score(4, 0.15, 0.40, compared=0.15)]).step == 4
    assert trainer.kept_score([Score(1, 0.2, 0.6), Score(2, 0.22, 0.3)]).step == 1, (
        "as earlier versions kept it"
    )


def test_patience_counts_on_over_a_kill(folder: Path, tmp_path: Path) -> None:
    still = Recipe(**{**_recipe(rate=1e-12, patience=3).__dict__, "head_rate": 1e-12, "weight_decay": 0.0})
    whole, history = _train(folder, tmp_path / "whole", still, steps=80)
    assert len(history) < len(trainer.evaluation_steps(80, trainer.epoch_steps(60, BATCH)))
    cut, interrupted = tmp_path / "cut", 0
    for _ in range(history[-1].step):  # cut off after every single step, so between any two evaluations
        try:
            resumed, again = _train(folder, cut, still, Cutting(2), steps=80)
            break
        except CutError:
            interrupted += 1
    assert interrupted > history[0].step
    assert again == history
    assert all(torch.equal(resumed[name], values) for name, values in whole.items())
