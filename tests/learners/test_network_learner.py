"""The learner `network` beyond the contract: what its options do, missing inputs, several outputs, bad names."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_encoder
import torch

from modelwright import kinds, learners
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import ProjectError
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.contract.steps import AveragingKeys
from modelwright.learners.descent import trainer
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.descent.training_run import TrainingRun
from modelwright.learners.network import learn as network_learn
from modelwright.learners.networks.network import Network
from modelwright.learners.networks.network_plan import NetworkPlan
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.starting_point import Scratch, starting_point
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples

RECIPE = Recipe(1e-2, 1e-2, 1.0, 0.0, 0.0, 0.0, {}, averaging=AveragingKeys(decay=0.9))


def _rows(signature: Signature, **columns: list[object]) -> Examples:
    return Examples([str(row) for row in range(len(next(iter(columns.values()))))], columns)


def _learn(
    signature: Signature, train: Examples, held: Examples, place: Path, steps: int, **options: object
) -> Path:
    spec = learners.spec("network")
    for name in ("out", "scratch"):
        (place / name).mkdir(parents=True)
    setup = Setup("network", steps, 16, 1, "float32", "avx2", 0, spec.Options(**options), spec.Training(), {})
    learners.learn("network").learn(
        signature, Rows(train, held), setup, place / "out", place / "scratch", Silent()
    )
    return place / "out"


CHINESE = Signature.parse("f(a: text) -> c: category")
PARTS = ("银行卡丢了", "转账很慢", "手续费多少")


def _chinese(rows: int, shift: int) -> Examples:
    filler = ("请问", "你好，", "我想知道", "麻烦看一下")
    texts = [
        filler[(row + shift) % 4] + PARTS[row % 3] + filler[(row // 3 + shift) % 4] for row in range(rows)
    ]
    return _rows(CHINESE, a=texts, c=[("卡", "转账", "费用")[row % 3] for row in range(rows)])


@pytest.mark.parametrize(
    "encoder",
    [
        {"type": "words"},
        pytest.param({"type": "words", "tokenizer": "bytes"}, marks=pytest.mark.proof),
        pytest.param({"type": "attention"}, marks=pytest.mark.proof),
    ],
)
def test_chinese_is_learned_without_a_download(encoder: dict[str, object], tmp_path: Path) -> None:
    learned = _learn(CHINESE, _chinese(90, 0), _chinese(30, 1), tmp_path, 60, encoders={"a": encoder})
    held = _chinese(30, 2).columns
    if "tokenizer" in encoder:  # its graph is that of the other tokenizer
        logits = learners.learn("network").predict(learned, {"a": held["a"]})["c"]["logits"]
        answers = [sorted(set(held["c"]))[place] for place in logits.argmax(axis=1)]
    else:
        function = Function(Package(learners.export("network").export(learned), "", threads=1))
        answers = [row["c"].value for row in function.answer({"a": held["a"]})]
    right = sum(answer == truth for answer, truth in zip(answers, held["c"], strict=True))
    assert right >= 27


@pytest.mark.parametrize("aim", ["mean", "median"])
def test_skewed_amounts_are_learned_by_their_logarithm_and_answered_as_amounts(
    tmp_path: Path, aim: str
) -> None:
    draw = np.random.default_rng(0)
    size = draw.uniform(0, 3, 1200)
    # of a log-normal amount the mean is exp(0.8² / 2) = 1.38 times the median
    prices = np.exp(size + draw.normal(0, 0.8, 1200))
    signature = Signature.parse("f(size: number) -> price: number")
    data = _rows(signature, size=size.tolist(), price=prices.tolist())
    some = _rows(signature, size=size[:200].tolist(), price=prices[:200].tolist())
    learned = _learn(signature, data, some, tmp_path, 400, aim=aim)
    (how,) = NetworkPlan.from_json(
        json.loads((learned / "learned.json").read_text("utf-8"))["network"]
    ).logarithms.values()
    assert how.most > how.centre
    function = Function(Package(learners.export("network").export(learned), "", threads=1))
    asked = [0.5, 1.5, 2.5]
    found = np.array([one.price for one in function.predict([{"size": one} for one in asked])])
    ratio = float((found / np.exp(asked)).mean())
    assert abs(ratio - (1.0 if aim == "median" else 1.38)) < 0.17
    wanted = learners.learn("network").predict(learned, {"size": asked})["price"]["value"]
    np.testing.assert_allclose(function.infer({"size": asked})["price"]["value"], wanted, rtol=1e-5)


def test_what_is_normalised_by_the_layer_answers_in_its_package_as_it_learned(tmp_path: Path) -> None:
    signature = Signature.parse("f(a: number, b: number) -> y: number, z: number")
    draw = np.random.default_rng(0)
    rows = _rows(signature, **{one: draw.normal(size=40).tolist() for one in "abyz"})
    learned = _learn(signature, rows, rows, tmp_path, 6, normalisation="layer", columns_width=16)
    wanted = learners.learn("network").predict(learned, rows.columns)
    found = Function(Package(learners.export("network").export(learned), "", threads=1)).infer(rows.columns)
    for name, arrays in wanted.items():
        np.testing.assert_allclose(found[name]["value"], arrays["value"], atol=1e-4)


def test_a_module_and_stacked_networks_learn_no_logarithm(tmp_path: Path) -> None:
    signature = Signature.parse("f(a: number, b: text) -> price: number")
    data = _rows(
        signature,
        a=[float(row) for row in range(60)],
        b=[("x", "y")[row % 2] for row in range(60)],
        price=[float(np.exp(row / 10)) for row in range(60)],
    )
    for combiner, learns in (("concatenate", True), ("stacking", False)):
        options = learners.spec("network").Options(combiner=combiner, logarithm=True)
        begin = network_learn._begin(signature, data, options, {})
        assert bool(begin.network.plan.logarithms) == learns


@pytest.mark.proof  # the contract test exports both forms as well, each with its default encoder
def test_series_and_recurrent_networks_are_exported(tmp_path: Path) -> None:
    """A rising window is told from a falling one, by each type of encoder at once, in the graph as in torch."""
    signature = Signature.parse("f(a: timeseries, b: timeseries, c: timeseries) -> up: boolean")
    draw = np.random.default_rng(0)

    def windows(rows: int) -> Examples:
        up = [bool(row % 2) for row in range(rows)]
        lines = [np.arange(12) * (1 if one else -1) + draw.normal(size=12) for one in up]
        values = [kinds.value("timeseries").parse(line.tolist()) for line in lines]
        return _rows(signature, a=values, b=values, c=values, up=up)

    encoders = {
        "a": {"type": "gru", "width": 8},
        "b": {"type": "lstm", "width": 8},
        "c": {"type": "temporal", "width": 8, "layers": 1},
    }
    learned = _learn(
        signature, windows(60), windows(20), tmp_path, 150, encoders=encoders, combiner="gating", width=8
    )
    inputs = {name: windows(8).columns[name] for name in "abc"}
    wanted = learners.learn("network").predict(learned, inputs)["up"]["logit"]
    function = Function(Package(learners.export("network").export(learned), "", threads=1))
    np.testing.assert_allclose(function.infer(inputs)["up"]["logit"], wanted, atol=1e-4)
    assert ((wanted > 0) == [False, True] * 4).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoders": {"b": {"type": "words"}}}, "which is no input"),
        ({"encoders": {"a": {"type": "gru"}}}, "does not read the form tokens"),
        ({"weights": {"d": 2.0}}, "names `d`"),
    ],
)
def test_names_and_types_that_do_not_fit_are_said(
    options: dict[str, object], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ProjectError, match=words):
        _learn(CHINESE, _chinese(12, 0), _chinese(6, 0), tmp_path, 1, **options)


def test_it_is_weighed_unasked_for_what_others_cannot_read() -> None:
    spec = learners.spec("network")
    assert not spec.is_offered(Signature.parse("f(a: number, b: text) -> c: category"))
    assert spec.is_offered(Signature.parse("f(a: number, b: image) -> c: category"))
    assert "network" not in learners.accepting(CHINESE)
    assert "network" in learners.accepting(CHINESE, ["network"])


# -- what is missing ---------------------------------------------------------------------------------------

OPTIONAL = Signature.parse("f(a: number?, b: number, c: text?) -> up: boolean")


def _optional(rows: int) -> tuple[EncodedRows, TrainingRun]:
    up = [bool(row % 2) for row in range(rows)]
    columns: dict[str, list[object]] = {
        "a": [float(one) for one in up],
        "b": [float(row) for row in range(rows)],
        "c": ["yes it is" if one else "no" for one in up],
        "up": list(up),
    }
    begin = starting_point(OPTIONAL, _rows(OPTIONAL, **columns), {}, {}, Scratch())
    encoded = EncodedRows(OPTIONAL, begin.states, columns)
    return encoded, TrainingRun(begin.network, replace(RECIPE, omitted=0.4), 10, rows, 0)


def test_optional_inputs_are_left_out_at_random_as_if_they_were_missing() -> None:
    rows, run = _optional(400)
    every = np.arange(400)
    exact, varied = rows.arrays(every), run.batch_loss._arrays(rows, every, run.moment())
    out = varied["a.missing"] == 1
    assert 0.3 < float(out.float().mean()) < 0.5
    assert torch.equal(varied["a.value"][~out], exact["a.value"][~out])
    missing = {f"a.{name}": torch.from_numpy(value) for name, value in rows.blank["a"].items()}
    assert (varied["a.value"][out] == missing["a.value"]).all()
    assert torch.equal(varied["b.value"], exact["b.value"]), "it is not optional"
    shorter = varied["c.mask"].sum(1) < exact["c.mask"].sum(1)
    assert 0.1 < float(shorter.float().mean()) < 0.6
    assert not torch.equal(shorter, out), "inputs are left out apart from each other"
    again = run.batch_loss._arrays(rows, every, run.moment())
    assert all(torch.equal(varied[name], again[name]) for name in varied), "a step draws the same again"
    run.step += 1
    assert not torch.equal(
        run.batch_loss._arrays(rows, every, run.moment())["a.missing"], varied["a.missing"]
    )


def test_a_missing_picture_has_a_vector_of_its_own() -> None:
    signature = Signature.parse("f(a: timeseries?, b: number) -> up: boolean")
    parse = kinds.value("timeseries").parse
    values = [parse([float(place + row) for place in range(8)]) for row in range(20)]
    columns: dict[str, list[object]] = {
        "a": [None, *values[1:]], "b": [1.0] * 20, "up": [bool(row % 2) for row in range(20)],
    }  # fmt: skip
    begin = starting_point(signature, _rows(signature, **columns), {}, {}, Scratch())
    rows, _ = EncodedRows(signature, begin.states, columns), begin.network.eval()
    with torch.no_grad():
        before = begin.network.features(rows.arrays(np.arange(3)))
        begin.network.absent["0"].fill_(7.0)
        after = begin.network.features(rows.arrays(np.arange(3)))
    width = begin.network.encoder(0).width
    assert (after[0, :width] == 7.0).all()
    assert torch.equal(before[1:], after[1:])


# -- several outputs and classes ---------------------------------------------------------------------------

TWO = Signature.parse("f(a: number, b: number) -> near: number, noise: number")


def test_uncertain_outputs_weigh_less(tmp_path: Path) -> None:
    """The learned log variance follows the error that is left (Kendall et al. 2018)."""
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(2, 300))
    columns: dict[str, list[object]] = {
        "a": a.tolist(), "b": b.tolist(), "near": (2 * a + b).tolist(), "noise": draw.normal(size=300).tolist(),
    }  # fmt: skip
    examples = _rows(TWO, **columns)
    begin = starting_point(TWO, examples, {}, {}, Scratch(weighing=True))
    rows = EncodedRows(TWO, begin.states, columns)
    recipe = replace(RECIPE, head_rate=0.05)
    trainer.train(
        begin.network, rows, rows, recipe, steps=200, batch=50, seed=0, scratch=tmp_path, progress=Silent()
    )
    assert begin.network.uncertainty is not None
    near, noise = begin.network.uncertainty.tolist()
    assert near < noise - 0.5
    fixed = starting_point(TWO, examples, {}, {}, Scratch())
    assert fixed.network.uncertainty is None


def test_rare_classes_are_drawn_as_often() -> None:
    columns: dict[str, list[object]] = {
        "a": [f"text {row}" for row in range(200)], "c": ["rare" if row < 10 else "usual" for row in range(200)],
    }  # fmt: skip
    begin = starting_point(CHINESE, _rows(CHINESE, **columns), {}, {}, Scratch())
    rows = EncodedRows(CHINESE, begin.states, columns)
    share = {
        balanced: np.mean(np.concatenate(rows.shuffled(20, 0, 0, balanced=balanced)) < 10)
        for balanced in (False, True)
    }
    assert share[False] == 0.05
    assert 0.35 < share[True] < 0.65


def test_network_reads_tables_of_optional_columns() -> None:
    assert learners.spec("network").refuses(tiny_encoder.MIXED) is None


def test_each_of_several_outputs_has_a_layer_of_its_own() -> None:
    """What one output's layer learns changes no other's answers, and a network is built again as it was."""
    columns: dict[str, list[object]] = {name: [0.0, 1.0, 2.0, 4.0] for name in ("a", "b", "near", "noise")}
    examples = _rows(TWO, **columns)
    own: JsonObject = {"width": 8, "dropout": 0.0}
    begin = starting_point(TWO, examples, {}, {}, Scratch(own_layers=own))
    plan = NetworkPlan.from_json(json.loads(json.dumps(begin.network.plan.to_json())))
    again = Network(TWO, begin.states, plan)
    again.load_state_dict(begin.network.state_dict())
    arrays = EncodedRows(TWO, begin.states, columns).arrays(np.arange(4))
    before = again.eval()(arrays)
    for name, values in begin.network.eval()(arrays).items():
        assert torch.equal(values, before[name])
    layer = again.tasks()["near"].own
    assert layer is not None
    with torch.no_grad():
        for weight in layer.parameters():
            weight.add_(0.5)
    after = again(arrays)
    assert not torch.allclose(after["near"], before["near"])
    assert torch.equal(after["noise"], before["noise"])
