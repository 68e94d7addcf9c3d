"""Combiners: each learns what needs it. Stacking: answers out of fold, the same bits after a kill, missing inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_networks import Columns, examples, learn, right

from modelwright import kinds, learners
from modelwright.core.messages import ProjectError
from modelwright.core.signature import Signature
from modelwright.learners.contract.source import Rows
from modelwright.learners.descent import out_of_fold, trainer
from modelwright.learners.descent.training_run import TrainingRun
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.starting_point import Scratch, starting_point
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.plan import Machine

# -- each combiner has what it is for ----------------------------------------------------------------------

PAIR = Signature.parse("f(a: number, b: number, c: number) -> up: boolean")
PACKAGED = {
    "gating",
    "sum",
}  # an export takes longer than this learning; of the others it is compared elsewhere
APART = {name: {"type": "mlp", "width": 16} for name in "abc"}


def _pair(rule: Callable[..., np.ndarray], rows: int, seed: int) -> Columns:
    a, b, c = np.random.default_rng(seed).normal(size=(3, rows))
    return {"a": a.tolist(), "b": b.tolist(), "c": c.tolist(), "up": rule(a, b, c).tolist()}


def _either(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    return (a > 0) != (b > 0)  # neither says anything alone


def _which(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    return np.where(c > 0, a, b) > 0  # one says which of the others to believe


def _added(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    return np.abs(a) + np.abs(b) + np.abs(c) > 2.3  # each answers something of its own, and that is added up


@pytest.mark.parametrize(
    ("combiner", "rule", "least", "most"),
    [
        ("concatenate", _either, 0.93, 1.0),
        ("attention", _either, 0.93, 1.0),
        ("gating", _which, 0.9, 1.0),
        ("sum", _added, 0.93, 1.0),
        # that stacking learns is shown below, by what every part says
        pytest.param("stacking", _added, 0.85, 1.0, marks=pytest.mark.proof),
        # what keeps inputs apart cannot know what two of them say together
        ("sum", _either, 0.3, 0.7),
        pytest.param("stacking", _either, 0.3, 0.7, marks=pytest.mark.proof),
    ],
)
def test_a_combiner_learns_what_needs_it(
    combiner: str, rule: Callable[..., np.ndarray], least: float, most: float, tmp_path: Path
) -> None:
    data = _pair(rule, 800, 0), _pair(rule, 200, 1)
    learned = learn(PAIR, data, tmp_path, 150, combiner=combiner, encoders=APART, width=32, dropout=0.0)
    asked = _pair(rule, 500, 2)
    answers = learners.learn("network").predict(learned, asked)["up"]["logit"] >= 0
    share = float(np.mean(answers == np.array(asked["up"])))
    assert least <= share <= most
    if combiner in PACKAGED and most == 1.0:  # the graph that serves has the same answers
        assert right(learned, asked) == pytest.approx(share, abs=0.002)


# -- stacking ----------------------------------------------------------------------------------------------

SENSES = Signature.parse("f(a: timeseries?, b: timeseries?) -> c: category, y: number")
ENCODERS = {name: {"type": "temporal", "width": 8, "layers": 1, "dropout": 0.0} for name in "ab"}


def _senses(rows: int, seed: int) -> Columns:
    """Return rising and falling windows: `a` says it well, `b` half as well; y is 10 times as sure."""
    draw = np.random.default_rng(seed)
    parse = kinds.value("timeseries").parse
    up = [bool(row % 2) for row in range(rows)]

    def windows(noise: float) -> list[object]:
        return [
            parse(((1 if one else -1) * np.linspace(-1, 1, 8) + draw.normal(0, noise, 8)).tolist())
            for one in up
        ]

    return {
        "a": windows(0.6),
        "b": windows(1.2),
        "c": ["up" if one else "down" for one in up],
        "y": [10.0 * one for one in up],
    }


@pytest.fixture(scope="module")
def stacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = _senses(160, 0), _senses(60, 1)
    return learn(SENSES, data, tmp_path_factory.mktemp("stacked"), 60, combiner="stacking", encoders=ENCODERS)


def test_stacked_networks_are_one_graph_that_answers_without_an_input(stacked: Path) -> None:
    function = Function(Package(learners.export("network").export(stacked), "", threads=1))
    asked = _senses(200, 2)
    learner = learners.learn("network")
    shares, errors = {}, {}
    for state, inputs in {
        "both": {name: asked[name] for name in "ab"},
        "a": {"a": asked["a"], "b": [None] * 200},
        "b": {"a": [None] * 200, "b": asked["b"]},
        "none": {name: [None] * 200 for name in "ab"},
    }.items():
        wanted = learner.predict(stacked, inputs)
        np.testing.assert_allclose(function.infer(inputs)["c"]["logits"], wanted["c"]["logits"], atol=1e-4)
        answers = function.answer(inputs)
        shares[state] = np.mean(
            [row["c"].value == truth for row, truth in zip(answers, asked["c"], strict=True)]
        )
        errors[state] = np.mean(
            [abs(row["y"].value - truth) for row, truth in zip(answers, asked["y"], strict=True)]
        )  # type: ignore[operator]
    assert shares["both"] >= shares["a"] - 0.02
    assert shares["a"] > shares["b"] > 0.65 > shares["none"]
    # a number is not drawn to the mean for want of the other input's share
    assert errors["both"] < errors["a"] + 0.2
    assert errors["a"] < errors["b"] < errors["none"]


@pytest.mark.proof
def test_a_part_that_remembers_its_rows_counts_for_little(tmp_path: Path) -> None:
    """`a` is noise that tells rows apart and can be learned by heart; `b` is right four times of five."""
    signature = Signature.parse("f(a: vector, b: number) -> up: boolean")

    def noise(rows: int, seed: int) -> Columns:
        draw = np.random.default_rng(seed)
        up = draw.random(rows) < 0.5
        return {
            "a": [tuple(row) for row in draw.normal(size=(rows, 64)).tolist()],
            "b": np.where(draw.random(rows) < 0.8, up, ~up).astype(float).tolist(),
            "up": up.tolist(),
        }

    learned = learn(
        signature,
        (noise(160, 0), noise(60, 1)),
        tmp_path,
        200,
        combiner="stacking",
        encoders={"a": {"type": "mlp", "width": 64, "dropout": 0.0}},
    )
    asked = noise(400, 2)
    alone = np.mean([bool(b) == truth for b, truth in zip(asked["b"], asked["up"], strict=True)])
    assert right(learned, asked) > alone - 0.03


@pytest.mark.proof
def test_a_killed_stack_goes_on_to_the_same_bytes(
    stacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the third of the ten trainings, in the middle of it."""
    data = _senses(160, 0), _senses(60, 1)
    trained, steps = trainer.train, 0
    honest = TrainingRun.learn

    def die(run: TrainingRun, *given: object) -> float:
        nonlocal steps
        steps += 1
        if steps == 2 * 45 + 20:
            raise KeyboardInterrupt
        return honest(run, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(TrainingRun, "learn", die)
    monkeypatch.setattr(trainer, "SAVE_EVERY_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        learn(SENSES, data, tmp_path, 60, combiner="stacking", encoders=ENCODERS)
    assert trained is trainer.train
    monkeypatch.undo()
    again = learn(SENSES, data, tmp_path, 60, combiner="stacking", encoders=ENCODERS)
    for file in sorted(path for path in stacked.rglob("*") if path.is_file()):
        assert (again / file.relative_to(stacked)).read_bytes() == file.read_bytes(), file.name


def test_rows_of_one_text_are_in_one_fold() -> None:
    signature = Signature.parse("f(a: text, b: number) -> up: boolean")
    texts = [f"text {row // 2}" for row in range(400)]
    texts[-100:] = ["none"] * 100  # too many to be of one thing
    columns: Columns = {"a": list(texts), "b": [1.0] * 400, "up": [bool(row % 2) for row in range(400)]}
    begin = starting_point(signature, examples(columns), {}, {}, Scratch())
    rows = EncodedRows(signature, begin.states, columns)
    folds = list(out_of_fold._folds(rows, 0))
    assert sorted(np.concatenate([out for out, _ in folds]).tolist()) == list(range(400))
    for out, rest in folds:
        assert not set(out.tolist()) & set(rest.tolist())
        assert 98 <= len(out) <= 102
        assert not {texts[row] for row in out} & {texts[row] for row in rest} - {"none"}
    again = list(out_of_fold._folds(rows, 0))
    assert all(np.array_equal(one, other) for one, other in zip(folds[0], again[0], strict=True))


def test_rows_that_cannot_be_parted_are_said() -> None:
    signature = Signature.parse("f(a: text, b: number) -> up: boolean")
    columns: Columns = {"a": ["same"] * 2, "b": [1.0, 2.0], "up": [True, False]}
    begin = starting_point(signature, examples(columns), {}, {}, Scratch())
    with pytest.raises(ProjectError, match="cannot be parted"):
        list(out_of_fold._folds(EncodedRows(signature, begin.states, columns), 0))


def test_a_forecast_counts_every_training() -> None:
    data, spec = examples(_senses(160, 0)), learners.spec("network")

    def steps(combiner: str) -> int:
        options = spec.Options(combiner=combiner, encoders=ENCODERS, most_epochs=10_000)
        found = learners.learn("network").forecast(
            SENSES, Rows(data), options, spec.Training(), {}, Machine(1, 2**34, "avx2"), 60.0
        )
        return found.steps

    # four folds and all rows: 5 trainings of like cost; steps are timed, so a busy machine moves the ratio
    assert 1.5 < steps("sum") / steps("stacking") < 15
