"""A learner that budget or memory leave out is named after a plan, with the budget that would hold it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelwright.core.messages import Phrase
from modelwright.project.results.leaderboard import left_out_notes
from modelwright.storage.formats.plan import Forecast, Machine, Ranked

TAKEN = Ranked(
    "probe", 100, 64, 100.0, 39.0, 10**9, 7_000_000, 0.02, None, Phrase("plan.earlier-text", text="why")
)


def _notes(one: Ranked, budget_s: float = 240.0) -> list[str]:
    machine = Machine(2, 10**10, "avx2")
    forecast = Forecast(TAKEN, {"train": 4698}, budget_s, machine, (TAKEN, one), {}, ())
    return [str(note) for note in left_out_notes(forecast)]


FEW = Phrase("plan.lacks-epochs", epochs=1.5, budget="4 min", fewest=2)
LONG = Phrase("plan.lacks-time", needed="600 s", budget="4 min")
LARGE = Phrase("plan.lacks-memory", needed="16 GB", there="8 GB")


@pytest.mark.parametrize(
    ("epochs", "seconds", "lack", "line"),
    [
        (1.5, 200.0, FEW, "learn: {budget: 6 min}"),
        (3.0, 600.0, LONG, "learn: {budget: 13 min}"),
        (None, 600.0, LONG, "learn: {budget: 13 min}"),
        (3.0, 200.0, LARGE, None),
        (1.0, 600.0, LARGE, None),
    ],
)
def test_it_is_said_with_the_budget_that_would_hold_it(
    epochs: float | None, seconds: float, lack: Phrase, line: str | None
) -> None:
    (note,) = _notes(replace(TAKEN, learner="finetune", epochs=epochs, seconds=seconds, lack=lack))
    assert note.startswith(f"finetune was left out: {lack}")
    assert note.endswith(line) if line else "learn:" not in note


def test_what_is_done_once_is_not_done_again_for_each_pass() -> None:
    """8 s hold a 131st of two passes, of which 9 s go before the first step."""
    few = Phrase("plan.lacks-epochs", epochs=0.0076, budget="8 s", fewest=2)
    why = Phrase(
        "network.why", batch=16, step_ms=48.0, before_s=9.0, steps=1, epochs=0.0076, rows=2082, weights=9
    )
    one = replace(TAKEN, learner="network", epochs=0.0076, seconds=9.05, lack=few, why=why)
    (note,) = _notes(one, 8.0)
    assert note.endswith("learn: {budget: 1 min}")


def test_nothing_is_said_of_those_that_fit_and_of_the_one_that_is_taken() -> None:
    assert not _notes(replace(TAKEN, learner="finetune", epochs=3.0))
    short = replace(TAKEN, lack=LONG)
    machine = Machine(2, 10**10, "avx2")
    assert not list(left_out_notes(Forecast(short, {}, 240.0, machine, (short,), {}, ())))


def test_a_learner_of_a_distribution_that_is_gone_is_named_all_the_same() -> None:
    (note,) = _notes(replace(TAKEN, learner="gone", epochs=1.0, lack=FEW))
    assert note.startswith("gone was left out")
