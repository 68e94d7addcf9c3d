"""A budget holds what is learned in it: every part of learning is in the forecast, by a clock that the parts move."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from modelwright import learners
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.kinds.image.samples import picture
from modelwright.learners import budget, timing
from modelwright.learners.budget import TrainingCosts
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.descent import batch_loss
from modelwright.learners.networks.network import Network
from modelwright.learners.training import encoded_rows, sample
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Machine
from modelwright.testing.learners.tiny_encoder import save_of_pictures

SEE = Signature.parse("see(photo: image) -> bright: category")
VARIED = {"photo": {"rotate": 20.0, "brightness": 0.2}}
ALONE = Machine(cores=1, memory_bytes=8 * 10**9, instruction_set="avx2")
CLOSE = 0.1


# -- the arithmetic --------------------------------------------------------------------------------------------


@given(
    st.floats(0, 1e3),
    st.floats(1e-3, 10),
    st.floats(0, 0.1),
    st.integers(1, 2000),
    st.integers(0, 10_000),
    st.floats(1, 1e4),
    st.integers(1, 5000),
)
@example(0.0, 1.0, 0.0, 1, 0, 10.0, 5)
def test_the_most_steps_that_fit_are_taken(
    before: float, step: float, row: float, epoch: int, held: int, given_s: float, most: int
) -> None:
    costs = TrainingCosts(before, step, row, epoch, held)
    steps = costs.affordable(given_s, most)
    held_s = given_s * (1 - budget.SPARE)
    assert 1 <= steps <= most
    assert steps == 1 or costs.seconds(steps) <= held_s
    assert steps == most or costs.seconds(steps + 1) > held_s or costs.seconds(1) > held_s


def test_every_pass_over_validation_counts() -> None:
    """Two epochs are evaluated twice, and the weights that are kept once more; from ten epochs on it is ten."""
    costs = TrainingCosts(before_s=5.0, step_s=1.0, row_s=0.5, epoch=10, validation=4)
    assert costs.seconds(20) == 5 + 20 + (2 + 1) * 4 * 0.5
    assert costs.seconds(300) == 5 + 300 + (10 + 1) * 4 * 0.5


@pytest.mark.parametrize(("known", "expected"), [(None, 20), (0, 0), (700, 700)])
def test_validation_is_as_large_as_said_else_as_the_default_split_leaves_it(
    known: int | None, expected: int
) -> None:
    assert Rows(_rows(70), validation_rows=known).expected_validation == expected


def test_what_goes_with_learning_beside_its_steps_is_little_but_for_what_is_written() -> None:
    """A process that plans has loaded what learns, so a few seconds hold more than one step of a small network."""
    small, large = nn.Linear(10, 10), nn.Linear(3000, 3000, bias=False)
    assert 0 < sample.ending_s(small) < 0.5
    assert sample.ending_s(large) > sample.ending_s(small) + 3000 * 3000 * 4 / 1e9
    costs = TrainingCosts(sample.ending_s(small), step_s=0.01, row_s=0.0, epoch=10, validation=4)
    assert costs.affordable(3.0, 1000) > 200


def test_what_8_bits_make_smaller_is_what_the_export_makes_smaller() -> None:
    """A small table of words stays as it is, and a size was forecast that no form came to."""
    small, large = nn.Embedding(400, 96), nn.Embedding(4000, 96)
    matrix = nn.Linear(96, 96, bias=False)
    assert sample.compressible_bytes(nn.Sequential(small)) == 0
    assert sample.compressible_bytes(nn.Sequential(small, large, matrix)) == 4 * 96 * (4000 + 96)


# -- all of learning, by a clock that its parts move -------------------------------------------------------------


class _Clock:
    """Seconds that pass only where a part of learning says so, by the rows that it works on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.parts: dict[str, float] = {}

    def moved(self, part: str, work: Callable[..., Any], row_s: float, count: Callable[..., int]) -> Any:
        def timed(*given: Any, **named: Any) -> Any:
            self.now += row_s * count(*given)
            self.parts[part] = self.parts.get(part, 0.0) + row_s * count(*given)
            return work(*given, **named)

        return timed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    found = _Clock()
    monkeypatch.setattr(timing, "now_s", lambda: found.now)
    monkeypatch.setattr(timing, "here_s", lambda: found.now)
    monkeypatch.setattr(sample, "_ENDING_S", 0.0)
    monkeypatch.setattr(sample, "_WRITTEN_BYTES_S", float("inf"))

    def first_length(values: dict[str, Any], *_: object) -> int:
        return len(next(iter(values.values())))

    for owner, name, row_s, count in (
        (Network, "read", 0.03, lambda _, arrays: first_length(arrays)),
        (EncodedRows, "_encode", 0.02, lambda _, field, rows: len(rows)),
        (batch_loss, "varied", 0.05, first_length),
        (batch_loss.BatchLoss, "of", 0.06, lambda _, rows, batch, moment: len(batch)),
    ):
        monkeypatch.setattr(owner, name, found.moved(name, getattr(owner, name), row_s, count))
    return found


def _rows(count: int, first: int = 0) -> Examples:
    seeds = range(first, first + count)
    photos = [picture("PNG", "L", size=(12, 12), seed=seed) for seed in seeds]
    return Examples(
        [str(seed) for seed in seeds], {"photo": photos, "bright": ["ab"[seed % 2] for seed in seeds]}
    )


def _tried(
    learner: str, data: Rows, budget_s: float, weights: Path, place: Path, **options: object
) -> tuple[Estimate, Callable[[], None]]:
    """Return what a learner forecasts, and how it learns what was then sealed."""
    spec = learners.spec(learner)
    given, training = spec.Options.model_validate(options), spec.Training.model_validate({"batch": 8})
    folders = {"photo": weights} if spec.needs_pretrained else {}
    facet = learners.learn(learner)
    assert data.validation is not None
    blind = Rows(data.train, validation_rows=len(data.validation), augment=data.augment)
    found = facet.forecast(SEE, blind, given, training, folders, ALONE, budget_s)
    setup = Setup(
        learner, found.steps, found.batch, 1, "float32", "avx2", 0, given, training, folders, data.augment
    )
    for name in ("out", "scratch"):
        (place / name).mkdir()

    def learn() -> None:
        facet.learn(SEE, Rows(data.train, data.validation), setup, place / "out", place / "scratch", Silent())

    return found, learn


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_of_pictures(tmp_path_factory.mktemp("weights"))


@pytest.mark.parametrize(
    ("learner", "options", "held", "augment", "kept"),
    [
        ("network", {}, 4, {}, True),
        ("network", {}, 60, VARIED, True),
        ("network", {}, 60, VARIED, False),
        ("finetune", {"start": "random"}, 4, VARIED, True),
        ("finetune", {"start": "random"}, 60, {}, False),
    ],
)
def test_the_steps_fill_the_budget_and_no_more(
    learner: str,
    options: dict[str, object],
    held: int,
    augment: dict[str, Any],
    kept: bool,
    clock: _Clock,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not kept:
        for module in (encoded_rows, sample):
            monkeypatch.setattr(module, "MOST_KEPT_BYTES", 1)
    data, asked = Rows(_rows(60), _rows(held, 1000), augment=augment), 50.0
    found, learn = _tried(learner, data, asked, weights, tmp_path, **options)
    clock.now, clock.parts = 0.0, {}
    learn()
    assert ("varied" in clock.parts) == bool(augment)
    assert clock.now == pytest.approx(found.seconds, rel=CLOSE), clock.parts
    # a pass over validation is a large part of so small a budget, and is made or is not
    assert 0.8 * asked <= clock.now <= asked, (found.steps, clock.parts)
