"""Blends: how members are weighed, what a bar forbids, parity, and resuming after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import real_tables
import test_trees
import tiny_encoder
import yaml
from pydantic import ValidationError
from sklearn.datasets import load_diabetes

from modelwright import learners
from modelwright.core import digests
from modelwright.core.messages import ProjectError
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners.blend import blended, weighing
from modelwright.learners.blend.spec import BlendOptions, BlendTraining
from modelwright.learners.blend.weighing import ValidationAnswers, weigh
from modelwright.learners.contract.export import ServingLimits
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.package.packages import Package, read, write
from modelwright.runtime.drivers.ensemble import mean_answers
from modelwright.runtime.drivers.ensemble.mean_answers import Share
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Machine

BLEND = learners.learn("blend")
MACHINE = Machine(cores=1, memory_bytes=8 * 10**9, instruction_set="avx2")
FEW = {"of": ["linear", {"learner": "trees", "bags": 2}]}


def anything(_: frozenset[str]) -> bool:
    return True


def forecast(
    signature: Signature, train: Examples, options: dict[str, Any] = FEW, **training: Any
) -> Estimate:
    keys = BlendTraining(**{"epochs": 20, **training})
    return BLEND.forecast(signature, Rows(train), BlendOptions(**options), keys, {}, MACHINE, 60.0)


def setup(estimate: Estimate, options: dict[str, Any] = FEW) -> Setup:
    return Setup(
        learner="blend",
        steps=estimate.steps,
        batch=estimate.batch,
        threads=1,
        precision="float32",
        instruction_set="avx2",
        seed=0,
        options=BlendOptions(**options),
        training=BlendTraining(),
        members=estimate.members,
    )


def learn(
    folder: Path, signature: Signature, data: Examples, options: dict[str, Any] = FEW
) -> tuple[Path, dict[str, Any]]:
    train, held = real_tables.parted(data)
    (folder / "scratch").mkdir(parents=True)
    how = setup(forecast(signature, train, options), options)
    summary = BLEND.learn(signature, Rows(train, held), how, folder / "out", folder / "scratch", Silent())
    return folder / "out", summary


# -- weighing ----------------------------------------------------------------------------------------------


def numbers(truth: list[float], **answers: list[float]) -> ValidationAnswers:
    return ValidationAnswers(
        Form.SCALAR, np.array(truth), {name: np.array(one, np.float32) for name, one in answers.items()}
    )


def test_members_whose_errors_cancel_share_the_answer() -> None:
    truth = [0.0, 1.0, 2.0, 3.0]
    found = weigh(
        numbers(truth, high=[0.5, 1.5, 2.5, 3.5], low=[-0.5, 0.5, 1.5, 2.5], bad=[9.0, 9.0, 9.0, 9.0]),
        "mean",
        anything,
    )
    assert {name: one.weight for name, one in found.shares.items()} == pytest.approx(
        {"high": 0.5, "low": 0.5}
    )
    assert found.loss == pytest.approx(0.0)
    assert found.alone == {"high": 0.25, "low": 0.25, "bad": pytest.approx(57.5)}


def test_one_member_that_is_best_answers_alone() -> None:
    truth = np.arange(50.0)
    found = weigh(numbers(truth.tolist(), good=truth.tolist(), bad=(-truth).tolist()), "mean", anything)
    assert found.shares == {"good": Share(1.0)}


def test_many_rows_find_the_weights_of_least_error() -> None:
    draw = np.random.default_rng(4)
    truth = draw.normal(size=3000)
    members = {
        name: (truth + draw.normal(0, spread, 3000)).tolist()
        for name, spread in (("good", 0.4), ("wide", 0.5))
    }
    shares = weigh(numbers(truth.tolist(), **members), "mean", anything).shares
    # by their variances: 0.25 / (0.16 + 0.25) = 0.61
    assert shares["good"].weight == pytest.approx(0.61, abs=0.05)


def test_few_rows_leave_weights_near_even_ones() -> None:
    """One greedy selection on as few rows takes one member alone, as often as not."""
    found = []
    for seed in range(10):
        draw = np.random.default_rng(seed)
        truth = draw.normal(size=30)
        members = {name: (truth + draw.normal(0, 0.4, 30)).tolist() for name in ("one", "other")}
        shares = weigh(numbers(truth.tolist(), **members), "mean", anything).shares
        found.append(shares["one"].weight if "one" in shares else 0.0)
    assert abs(float(np.mean(found)) - 0.5) < 0.1
    assert float(np.std(found)) < 0.25


@pytest.mark.parametrize(("aim", "best"), [("mean", "even"), ("median", "exact")])
def test_numbers_are_weighed_by_what_they_aim_at(aim: Any, best: str) -> None:
    truth = [0.0] * 9 + [10.0]
    answered = numbers(truth, even=[1.0] * 10, exact=[0.0] * 10)
    alone = weigh(answered, aim, anything).alone
    assert min(alone, key=lambda name: alone[name] or 0.0) == best


def test_probabilities_are_weighed_by_log_loss_each_at_its_own_temperature() -> None:
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 2, 400)
    signal_of = np.where(truth == 1, 1.0, -1.0)
    hot, cold = signal_of + draw.normal(0, 1, 400), 10 * (signal_of + draw.normal(0, 1, 400))
    logits = {
        name: np.stack([np.zeros(400), one], axis=1).astype(np.float32)
        for name, one in (("hot", hot), ("cold", cold))
    }
    found = weigh(ValidationAnswers(Form.CODE, truth, logits), "mean", anything)
    assert set(found.shares) == {"hot", "cold"}
    assert found.shares["cold"].temperature / found.shares["hot"].temperature == pytest.approx(10, rel=0.3)
    assert found.loss is not None
    assert found.loss < min(one for one in found.alone.values() if one is not None)


@pytest.mark.parametrize("form", [Form.CODE, Form.FLAG, Form.SET, Form.SCALAR, Form.VECTOR, Form.SERIES])
def test_without_a_truth_all_members_share_alike(form: Form) -> None:
    truths = {
        Form.CODE: np.full(3, -1),
        Form.FLAG: np.full(3, -1),
        Form.SET: np.full((3, 2), np.nan),
        Form.SCALAR: np.full(3, np.nan),
        Form.VECTOR: np.full((3, 2), np.nan),
        Form.SERIES: np.full((3, 2), np.nan),
    }
    shapes = {Form.SERIES: (3, 2, 3), Form.FLAG: (3,), Form.SCALAR: (3,)}
    answers = {name: np.zeros(shapes.get(form, (3, 2)), np.float32) for name in "ab"}
    found = weigh(ValidationAnswers(form, truths[form], answers), "mean", anything)
    assert {name: one.weight for name, one in found.shares.items()} == {"a": 0.5, "b": 0.5}
    assert found.loss is None


def test_members_that_may_not_serve_together_do_not() -> None:
    answered = numbers([0.0, 1.0], high=[0.5, 1.5], low=[-0.5, 0.5])
    found = weigh(answered, "mean", lambda names: len(names) < 2)
    assert len(found.shares) == 1
    beside = weigh(answered, "mean", lambda names: names <= {"low"}, frozenset({"low"}))
    assert set(beside.shares) == {"low"}


@pytest.mark.parametrize("form", [Form.CODE, Form.FLAG, Form.SET])
def test_mixed_probabilities_are_the_mean_of_the_members(form: Form) -> None:
    draw = np.random.default_rng(1)
    shape = (5,) if form is Form.FLAG else (5, 3)
    one, other = (draw.normal(0, 5, shape).astype(np.float32) for _ in range(2))
    shares = [Share(0.25, 2.0), Share(0.75)]
    logits = mean_answers.mixed(form, [one, other], shares)
    wanted = 0.25 * mean_answers.chances_of(form, one, 2.0) + 0.75 * mean_answers.chances_of(form, other, 1.0)
    np.testing.assert_allclose(mean_answers.chances_of(form, logits, 1.0), wanted, atol=1e-6)


# -- options -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (["trees"], "a blend has at least 2 members"),
        (["trees", "tres"], "`tres` is no learner that can be blended"),
        (["trees", "blend"], "`blend` is no learner that can be blended"),
        (["trees", "given"], "`given` is no learner that can be blended"),
        (["trees", {"learner": "linear", "leaves": 3}], "the learner linear refuses model.leaves"),
        (
            ["trees", {"learner": "linear", "learn": {"patience": 3}}],
            "the learner linear refuses learn.patience",
        ),
    ],
)
def test_members_are_checked_before_anything_runs(of: list[Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        BlendOptions(of=of)


def test_a_member_that_refuses_the_function_is_named() -> None:
    signature, data = real_tables.iris()
    text = Signature.parse("f(a: text) -> b: category")
    with pytest.raises(ProjectError) as caught:
        forecast(text, data, {"of": ["linear", "trees"]})
    assert [problem.id for problem in caught.value.problems] == ["blend.member-refuses"]
    assert {one.learner for one in forecast(signature, data, {}).members} == {"linear", "trees"}


def test_a_text_that_is_cut_names_the_key_of_the_member_that_reads_it(tmp_path: Path) -> None:
    signature = Signature.parse("f(a: text, n: number) -> b: category")
    columns: dict[str, list[object]] = {
        "a": ["some words"] * 38 + ["many words " * 10, "words " * 12],
        "n": [float(row) for row in range(40)],
        "b": ["x", "y"] * 20,
    }
    pretrained = {"a": tiny_encoder.save(tmp_path / "tiny")}
    members: list[Any] = ["linear", {"learner": "probe", "max_length": 8, "learn": {"epochs": 2}}]
    found = BLEND.forecast(
        signature, Rows(Examples([*map(str, range(40))], columns)), BlendOptions(of=members),
        BlendTraining(), pretrained, MACHINE, 5.0,
    )  # fmt: skip
    (notice,) = (one for one in found.warnings if one.id == "plan.cut-texts")
    line = str(notice.values["line"])
    assert line in notice.next_step
    assert yaml.safe_load(line) == {"model": {"of": ["linear", {**members[1], "max_length": 22}]}}


def test_members_share_the_budget_and_keep_their_own_keys() -> None:
    signature, data = real_tables.iris()
    options = {"of": ["trees", {"learner": "trees", "leaves": 3, "learn": {"learning_rate": 0.2}}, "linear"]}
    found = {one.name: one for one in forecast(signature, data, options, patience=7).members}
    assert set(found) == {"trees-1", "trees-2", "linear"}
    assert found["trees-2"].options["leaves"] == 3
    assert found["trees-2"].training["learning_rate"] == 0.2
    assert found["trees-1"].training == {
        "epochs": 20, "learning_rate": 0.05, "weight_decay": 0.0, "patience": 7
    }  # fmt: skip


# -- learning ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["patients", "iris", "german_credit"])
def test_a_packaged_blend_answers_as_its_members_do_together(tmp_path: Path, table: str) -> None:
    signature, data = getattr(real_tables, table)()
    learned, summary = learn(tmp_path, signature, data)
    inputs = {field.name: data.columns[field.name] for field in signature.inputs}
    body = learners.export("blend").export(learned)
    write(body, tmp_path / "package", lineage={}, versions={}, threads=1)
    function = Function(read(tmp_path / "package"))
    wanted, found = BLEND.predict(learned, inputs), function.infer(inputs)
    for output, arrays in wanted.items():
        for array, values in arrays.items():
            np.testing.assert_allclose(found[output][array], values, atol=1e-4)
    for shares in summary["shares"].values():
        assert sum(shares.values()) == pytest.approx(1.0)
    for losses in summary["losses"].values():
        assert losses["blend"] < 1.15 * min(losses["alone"].values())
    # a row alone, and among others
    rows = [{name: column[at] for name, column in inputs.items()} for at in range(7)]
    alone = [function.predict([row])[0].outputs for row in rows]
    assert alone == [one.outputs for one in function.predict(rows)]


def test_states_that_are_alike_are_packaged_once(tmp_path: Path) -> None:
    signature, data = real_tables.german_credit()
    learned, _ = learn(tmp_path, signature, data)
    body = learners.export("blend").export(learned)
    assert body.driver == "ensemble"
    parts = body.settings["parts"]
    assert isinstance(parts, list)
    first, second = parts
    assert first["states"] == {}
    # amounts and standardised numbers differ, codes do not
    kinds_of = {field.name: field.kind for field in signature.inputs}
    assert {kinds_of[name] for name in second["states"]} == {"number"}


def test_what_the_bars_forbid_is_left_out_and_named(tmp_path: Path) -> None:
    signature, data = real_tables.german_credit()
    train, held = real_tables.parted(data)
    learned, _ = learn(tmp_path, signature, data)
    exporter = learners.export("blend")
    before = {one.name: one for one in blended.read(learned).used}
    assert set(before) == {"linear", "trees"}
    assert exporter.kept_within(learned, ServingLimits(), lambda: Rows(train, held), tmp_path / "a") == (
        learned,
        (),
    )
    # which one a machine answers with sooner is not ours to say
    quick, slow = sorted(before, key=lambda name: before[name].latency_s)
    sizes = {name: blended.body_bytes(blended.exported(learned, one)) for name, one in before.items()}
    for number, limits in enumerate(
        (
            ServingLimits(package_bytes=sizes["linear"] + 1),
            ServingLimits(latency_s=before[quick].latency_s * 1.0001),
            ServingLimits(latency_s=1e-9),
        )
    ):
        stays, leaves = ("linear", "trees") if limits.latency_s is None else (quick, slow)
        kept, notices = exporter.kept_within(
            learned, limits, lambda: Rows(train, held), tmp_path / str(number)
        )
        assert [one.name for one in blended.read(kept).used] == [stays]
        assert [(one.id, one.values["name"]) for one in notices] == [("blend.left-out", leaves)]
        body = exporter.export(kept)
        assert body.driver == "once"
        inputs = {field.name: data.columns[field.name] for field in signature.inputs}
        found = Function(Package(body, "", 1)).infer(inputs)
        alone = learners.learn(stays).predict(blended.member_folder(learned, stays), inputs)
        for output, arrays in alone.items():
            for array, values in arrays.items():
                np.testing.assert_allclose(found[output][array], values, atol=1e-5)


def test_a_member_that_cannot_be_learned_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from modelwright.core.messages import DataError, Problem
    from modelwright.learners.linear.learn import LinearLearn

    signature, data = real_tables.iris()
    how = setup(forecast(signature, data))

    def fails(*_: object, **__: object) -> None:
        raise DataError(Problem("data.no-rows", file="a"))

    monkeypatch.setattr(LinearLearn, "learn", fails)
    train, held = real_tables.parted(data)
    (tmp_path / "scratch").mkdir()
    summary = BLEND.learn(signature, Rows(train, held), how, tmp_path / "out", tmp_path / "scratch", Silent())
    assert [one["id"] for one in summary["warnings"]] == ["blend.member-failed"]
    assert [one.name for one in blended.read(tmp_path / "out").used] == ["trees"]


KILLED = """
import os, signal, sys
from contextlib import contextmanager
from pathlib import Path
sys.path[:0] = [sys.argv[1], str(Path(sys.argv[1]).parent / "helpers")]
import real_tables, test_blend
from modelwright.learners.contract.source import Rows
from modelwright.learners.trees import boosting

class Killer:
    left = int(sys.argv[3])
    @contextmanager
    def task(self, title, total=None):
        yield self
    def advance(self, steps=1, note=None):
        Killer.left -= 1
        if Killer.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    def say(self, line):
        pass

folder = Path(sys.argv[2])
(folder / "scratch").mkdir(exist_ok=True)
signature, data = real_tables.patients()
train, held = real_tables.parted(data)
how = test_blend.setup(test_blend.forecast(signature, train))
test_blend.BLEND.learn(signature, Rows(train, held), how, folder / "out", folder / "scratch", Killer())
"""


@pytest.mark.proof
def test_a_killed_run_ends_with_the_bytes_of_an_unbroken_one(tmp_path: Path) -> None:
    signature, data = real_tables.patients()
    train, held = real_tables.parted(data)
    # of a forecast, what is timed differs between runs; what decides the bits does not
    estimate = forecast(signature, train)
    whole, summary = learn(tmp_path / "whole", signature, data)
    broken = tmp_path / "broken"
    broken.mkdir()
    for advances in (3, 40):
        command = [KILLED, str(Path(__file__).parent), str(broken), str(advances)]
        ended = subprocess.run([sys.executable, "-c", *command], check=False)
        assert ended.returncode == -signal.SIGKILL
        assert not (broken / "out" / "blend.json").exists()
    again = BLEND.learn(
        signature, Rows(train, held), setup(estimate), broken / "again", broken / "scratch", Silent()
    )
    assert again["shares"] == summary["shares"]
    assert again["members"] == summary["members"]
    one, other = (digests.of_folder(folder / "members") for folder in (broken / "again", whole))
    assert one == other


def test_weights_are_few_and_add_up() -> None:
    draw = np.random.default_rng(2)
    truth = draw.normal(size=300)
    members = {f"m{place}": (truth + draw.normal(0, 1, 300)).astype(np.float32) for place in range(6)}
    found = weigh(ValidationAnswers(Form.SCALAR, truth, members), "mean", anything)
    assert sum(one.weight for one in found.shares.values()) == pytest.approx(1.0)
    assert all(one.weight >= weighing.LEAST_WEIGHT for one in found.shares.values())
    assert found.loss is not None
    assert found.loss < 0.4 * min(one for one in found.alone.values() if one is not None)


# -- a quick form of benchmarks/automl.py --------------------------------------------------------------------


def test_on_a_small_table_bags_and_blends_are_no_worse_than_one_booster(tmp_path: Path) -> None:
    """Mean absolute error on 442 patients, three splits: one booster, five of random splits, and the blend."""
    found = load_diabetes(scaled=False)
    names = list(found.feature_names)
    signature = Signature.parse(f"f({', '.join(f'{name}: number' for name in names)}) -> y: number")
    columns = {name: found.data[:, place].tolist() for place, name in enumerate(names)}
    data = real_tables.examples({**columns, "y": found.target.tolist()})
    options: dict[str, Any] = {"of": [{"learner": "trees", "bags": 1}, "trees", "linear"], "aim": "median"}
    errors: dict[str, list[float]] = {}
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(data))
        test, held, train = (real_tables.taken(data, part.tolist()) for part in np.split(order, [90, 160]))
        how = setup(forecast(signature, train, options, epochs=200), options)
        place = tmp_path / str(seed)
        (place / "scratch").mkdir(parents=True)
        BLEND.learn(signature, Rows(train, held), how, place / "out", place / "scratch", Silent())
        inputs = {name: test.columns[name] for name in names}
        answers = {
            one.name: learners.learn(one.learner).predict(
                blended.member_folder(place / "out", one.name), inputs
            )
            for one in blended.read(place / "out").members
        }
        truth = (np.array(test.columns["y"]) - np.mean(train.columns["y"])) / np.std(train.columns["y"])
        for name, arrays in {**answers, "blend": BLEND.predict(place / "out", inputs)}.items():
            errors.setdefault(name, []).append(float(np.abs(arrays["y"]["value"] - truth).mean()))
    mean = {name: float(np.mean(each)) for name, each in errors.items()}
    # three splits of 90 rows: differences of some percent are chance
    assert mean["trees-2"] < 1.03 * mean["trees-1"]
    assert mean["blend"] < 1.03 * mean["trees-1"]
    assert mean["blend"] < 1.05 * min(mean.values())


def test_forecasts_are_blended_and_keep_their_intervals(tmp_path: Path) -> None:
    data = test_trees.waves(400)
    learned, summary = learn(tmp_path, test_trees.SERIES, data)
    assert set(summary["shares"]) == {"next", "kind"}
    inputs = {field.name: data.columns[field.name] for field in test_trees.SERIES.inputs}
    function = Function(Package(learners.export("blend").export(learned), "", 1))
    wanted, found = BLEND.predict(learned, inputs), function.infer(inputs)
    for output, arrays in wanted.items():
        for array, values in arrays.items():
            np.testing.assert_allclose(found[output][array], values, atol=1e-4)
    within = []
    for answer, truth in zip(function.answer(inputs), data.columns["next"], strict=True):
        interval = answer["next"].interval
        ends = zip(interval["low"], truth.flat, interval["high"], strict=True)
        within += [low <= one <= high for low, one, high in ends]
    assert 0.7 < np.mean(within) < 0.97
