"""Boosted trees: exact graphs, resuming to the same bits, and what early stopping keeps."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import pytest
import real_tables
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwright import kinds, learners
from modelwright.core import digests
from modelwright.core.messages import DataError
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import ArraySpec, Role
from modelwright.kinds.timeseries.window import TimeWindow
from modelwright.learners import kind_states, logarithms, time_folds
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.trees import ahead, boosting, columns
from modelwright.learners.trees.growth import Growth
from modelwright.learners.trees.onnx_graph import Answers, Feature, Forest, graph
from modelwright.learners.trees.spec import TreesOptions, TreesTraining
from modelwright.package.ort import onnxruntime
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Machine

TREES = learners.learn("trees")


def setup(steps: int, options: dict[str, Any] | None = None, **training: Any) -> Setup:
    return Setup(
        learner="trees",
        steps=steps,
        batch=100,
        threads=1,
        precision="float32",
        instruction_set="avx2",
        seed=0,
        options=TreesOptions(**(options or {})),
        training=TreesTraining(**training),
        pretrained={},
    )


def learn(
    folder: Path, signature: Signature, data: Examples, how: Setup, name: str = "out"
) -> tuple[Path, dict[str, Any]]:
    scratch = folder / f"{name}-scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    train, validation = real_tables.parted(data)
    summary = TREES.learn(signature, Rows(train, validation), how, folder / name, scratch, Silent())
    return folder / name, summary


def answered(learned: Path, inputs: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return Function(Package(learners.export("trees").export(learned), "", threads=1)).infer(inputs)


def gap(learned: Path, signature: Signature, data: Examples) -> float:
    inputs = {field.name: data.columns[field.name] for field in signature.inputs}
    wanted, found = TREES.predict(learned, inputs), answered(learned, inputs)
    return max(
        float(np.abs(found[output][array] - wanted[output][array]).max())
        for output, arrays in wanted.items()
        for array in arrays
    )


# -- exactness ---------------------------------------------------------------------------------------------


def test_german_credit_is_exact_and_better_than_its_mean(tmp_path: Path) -> None:
    signature, data = real_tables.german_credit()
    learned, summary = learn(tmp_path, signature, data, setup(400))
    assert gap(learned, signature, data) == 0.0
    # few rows have several boosters, each with a history of its own
    assert set(summary["history"]) == {f"bad ({number})" for number in range(1, 6)}
    assert summary["settled"] is all(len(one) < 400 for one in summary["history"].values())
    for name, of_one in summary["history"].items():
        assert of_one[summary["rounds"][name] - 1] <= 1.001 * min(of_one)
    history = summary["history"]["bad (1)"]
    bad = np.array(real_tables.parted(data)[1].columns["bad"], dtype=float)
    share = bad.mean()
    of_the_mean = -(share * np.log(share) + (1 - share) * np.log(1 - share))
    assert min(history) < 0.85 * of_the_mean


@pytest.mark.proof
def test_bank_marketing_is_exact(tmp_path: Path) -> None:
    signature, data = real_tables.bank_marketing()
    learned, _ = learn(tmp_path, signature, data, setup(300, learning_rate=0.1, patience=300))
    assert gap(learned, signature, data) == 0.0


def test_unseen_classes_and_missing_values_are_answered_exactly(tmp_path: Path) -> None:
    signature, data = real_tables.patients()
    learned, _ = learn(tmp_path, signature, data, setup(60))
    inputs = {
        "age": [None, 50.0, -1e30],
        "male": [None, True, False],
        "bmi": [None, 25.0, 1e30],
        "pressure": [None, 90.0, 0.0],
        "cholesterol_group": [None, "never seen", "low"],
    }
    wanted, found = TREES.predict(learned, inputs), answered(learned, inputs)
    for output, arrays in wanted.items():
        for name, values in arrays.items():
            assert np.isfinite(values).all()
            assert (found[output][name] == values).all()


@pytest.mark.parametrize("codes", [None, "sets", "order", "both"])
def test_classes_are_split_by_sets_and_in_their_order(tmp_path: Path, codes: str | None) -> None:
    draw = np.random.default_rng(0)
    hours = draw.integers(0, 24, 600)
    signature = Signature(
        "f", (Field("hour", "category"), Field("open", "boolean")), (Field("rentals", "number"),)
    )
    data = real_tables.examples(
        {
            "hour": [None if row % 50 == 0 else str(hour) for row, hour in enumerate(hours)],
            "open": (hours % 2 == 0).tolist(),
            "rentals": (hours * 10.0 + draw.normal(0, 1, 600)).tolist(),
        }
    )
    learned, _ = learn(tmp_path, signature, data, setup(40, {"codes": codes}))
    asked = {"hour": [None, "never seen", *map(str, range(24))], "open": [None, *[True] * 25]}
    (wanted,), (found,) = (
        one["rentals"].values() for one in (TREES.predict(learned, asked), answered(learned, asked))
    )
    assert (wanted == found).all()
    features = columns.read_features(learned, signature, kind_states.read(learned)[1])
    ways = [bool(one.ranks) for one in features if one.name.startswith("hour.")]
    assert ways == {"sets": [False], "order": [True]}.get(str(codes), [False, True])
    if codes in ("order", "both"):  # numbers by their size: 10 behind 9, and not behind 1
        (one,) = (one for one in features if one.ranks)
        assert one.ranks[0] == -1
        assert [one.ranks[sorted(map(str, range(24))).index(str(hour)) + 1] for hour in range(24)] == list(
            range(24)
        )


def test_where_classes_are_answered_those_that_are_read_are_split_by_sets_alone(tmp_path: Path) -> None:
    signature, data = real_tables.german_credit()
    learned, _ = learn(tmp_path, signature, data, setup(3))
    assert not any(
        one.ranks for one in columns.read_features(learned, signature, kind_states.read(learned)[1])
    )


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 300),
    numbers=st.integers(0, 4),
    classes=st.lists(st.integers(1, 90), max_size=3),
    outputs=st.integers(1, 5),
    coarse=st.booleans(),
)
def test_graph_is_exact_on_random_tables(
    seed: int, rows: int, numbers: int, classes: list[int], outputs: int, coarse: bool
) -> None:
    if not numbers and not classes:
        numbers = 1
    drawn = np.random.default_rng(seed)
    values = drawn.normal(size=(rows, numbers)).astype(np.float32)
    if coarse:  # many ties, and thresholds between neighbours
        values = np.round(values * 4) / np.float32(4)
    missing = (drawn.random((rows, numbers)) < 0.3).astype(np.float32)
    values *= 1 - missing
    indices = [drawn.integers(0, count + 1, rows) for count in classes]
    matrix = np.column_stack([values, missing, *indices]).astype(np.float32)
    several = outputs > 1
    truth = drawn.integers(0, outputs, rows) if several else drawn.normal(size=rows)
    objective = {"objective": "multiclass", "num_class": outputs} if several else {"objective": "regression"}
    booster = lightgbm.train(
        {**objective, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 1, "min_data_per_group": 1},
        lightgbm.Dataset(matrix, truth, categorical_feature=list(range(2 * numbers, matrix.shape[1]))),
        num_boost_round=8,
    )
    features = [Feature(f"x.{place}", "float32") for place in range(2 * numbers)]
    features += [Feature(f"c.{place}", "int64", is_code=True) for place in range(len(classes))]
    answers = Answers("y", [Forest(booster.dump_model(), range(outputs))], outputs if several else None)
    # Beside the rows themselves: values on both sides of every one, and classes that were never seen.
    nearby = matrix.copy()
    nearby[:, : 2 * numbers] = np.nextafter(nearby[:, : 2 * numbers], np.float32(np.inf))
    nearby[:, 2 * numbers :] += 1
    for table in (matrix, nearby):
        given_arrays = {
            feature.name: table[:, place].astype(feature.dtype) for place, feature in enumerate(features)
        }
        (found,) = session(graph(features, [answers])).run(None, given_arrays)
        right = booster.predict(table, raw_score=True).astype(np.float32)
        assert found.shape == ((rows, outputs) if several else (rows,))
        assert (found == right).all()


def test_a_tree_deeper_than_the_call_stack_is_converted() -> None:
    depth = sys.getrecursionlimit() * 2
    tree: dict[str, Any] = {"leaf_value": float(depth)}
    for level in reversed(range(depth)):
        tree = {
            "split_feature": 0,
            "decision_type": "<=",
            "threshold": float(level),
            "left_child": {"leaf_value": float(level)},
            "right_child": tree,
        }
    made = graph(
        [Feature("x", "float32")], [Answers("y", [Forest({"tree_info": [{"tree_structure": tree}]})])]
    )
    asked = np.array([-1.0, 0.0, 0.5, 41.5, depth - 1.0, depth + 5.0], np.float32)
    (found,) = session(made).run(None, {"x": asked})
    assert found.tolist() == [0.0, 0.0, 1.0, 42.0, depth - 1.0, float(depth)]


def session(made: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])


# -- learning ----------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from contextlib import contextmanager
from pathlib import Path
sys.path[:0] = [sys.argv[1], str(Path(sys.argv[1]).parent / "helpers")]
import real_tables, test_trees
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

boosting.CHECKPOINT_S = 0.0
folder = Path(sys.argv[2])
(folder / "scratch").mkdir(exist_ok=True)
signature, data = real_tables.patients()
train, validation = real_tables.parted(data)
how = test_trees.setup(40, {"bags": int(sys.argv[4])}, patience=40)
test_trees.TREES.learn(signature, Rows(train, validation), how, folder / "out", folder / "scratch", Killer())
"""


@pytest.mark.parametrize(
    ("bags", "kills"),
    [
        # 40 rounds of each of three outputs; those that a checkpoint already holds count again
        (1, (17, 119)),
        (3, (130, 359)),
    ],
)
def test_a_killed_run_ends_with_the_bytes_of_an_unbroken_one(
    tmp_path: Path, bags: int, kills: tuple[int, ...]
) -> None:
    signature, data = real_tables.patients()
    train, validation = real_tables.parted(data)
    how = setup(40, {"bags": bags}, patience=40)
    whole, summary = learn(tmp_path / "whole", signature, data, how)
    broken = tmp_path / "broken"
    broken.mkdir()
    for advances in kills:
        command = [KILLED, str(Path(__file__).parent), str(broken), str(advances), str(bags)]
        ended = subprocess.run([sys.executable, "-c", *command], check=False)
        assert ended.returncode == -signal.SIGKILL
    # of several boosters, the one that a kill met is begun again
    assert len(list((broken / "scratch").glob("*.json"))) == (3 if bags == 1 else 8)
    again = TREES.learn(signature, Rows(train, validation), how, broken / "out", broken / "scratch", Silent())
    assert digests.of_folder(broken / "out") == digests.of_folder(whole)
    assert again == summary


@pytest.mark.parametrize("bags", [1, 5])
def test_what_had_ended_before_a_kill_is_kept_to_the_byte(tmp_path: Path, bags: int) -> None:
    # of three classes, one tree of a round may have one leaf
    signature, data = real_tables.iris()
    rows, how = Rows(*real_tables.parted(data)), setup(40, {"bags": bags}, learning_rate=0.2)
    (tmp_path / "scratch").mkdir()
    summaries = [
        TREES.learn(signature, rows, how, tmp_path / name, tmp_path / "scratch", Silent()) for name in "ab"
    ]
    assert summaries[0] == summaries[1]
    assert digests.of_folder(tmp_path / "a") == digests.of_folder(tmp_path / "b")


def test_early_stopping_keeps_the_fewest_rounds_of_about_the_least_loss(tmp_path: Path) -> None:
    signature, data = real_tables.patients()
    _, summary = learn(tmp_path, signature, data, setup(500, learning_rate=0.3, patience=7))
    assert summary["settled"]
    for name, losses in summary["history"].items():
        kept = summary["rounds"][name]
        assert len(losses) == losses.index(min(losses)) + 1 + 7
        assert losses[kept - 1] <= 1.001 * min(losses) < min(losses[: kept - 1])


def test_of_rounds_of_about_the_same_loss_the_first_are_kept() -> None:
    assert boosting.fewest_of_about_least([2.0, 1.0008, 1.0, 1.5]) == 2
    assert boosting.fewest_of_about_least([2.0, 1.0012, 1.0, 1.5]) == 3
    assert boosting.fewest_of_about_least([0.5, 0.0, 0.0]) == 2


def test_learning_stops_when_no_split_is_left(tmp_path: Path) -> None:
    signature, data = real_tables.iris()
    few = real_tables.taken(data, range(0, 150, 8))  # fewer rows than two leaves hold
    learned, summary = learn(tmp_path, signature, few, setup(50, {"bags": 1}, patience=60))
    assert summary["rounds"]["species"] == 1
    assert gap(learned, signature, data) == 0.0


def test_options_reach_the_trees(tmp_path: Path) -> None:
    signature, data = real_tables.iris()
    made = {
        name: digests.of_folder(learn(tmp_path, signature, data, how, name)[0])
        for name, how in {
            "plain": setup(5),
            "rate": setup(5, learning_rate=0.2),
            "decay": setup(5, weight_decay=3.0),
            "leaves": setup(5, {"leaves": 2}),
            "rows": setup(5, {"min_rows": 2}),
            "bags": setup(5, {"bags": 2}),
            "splits": setup(5, {"random_splits": False}),
            "steps": setup(6),
        }.items()
    }
    assert len(set(made.values())) == len(made)


@pytest.mark.parametrize(
    "options", [{}, {"bags": 3, "random_splits": False}, {"bags": 1, "random_splits": True}]
)
@pytest.mark.parametrize("table", ["patients", "iris"])
def test_several_boosters_are_one_graph_that_answers_their_mean(
    tmp_path: Path, table: str, options: dict[str, Any]
) -> None:
    signature, data = getattr(real_tables, table)()
    learned, summary = learn(tmp_path, signature, data, setup(30, options))
    assert gap(learned, signature, data) <= 1e-5
    bags = options.get("bags", 5)
    assert len(list(learned.glob("booster-0*.txt"))) == bags
    name = signature.outputs[0].name
    assert [one for one in summary["rounds"] if one.startswith(name)] == (
        [name] if bags == 1 else [f"{name} ({bag})" for bag in range(1, bags + 1)]
    )


def test_a_graph_states_no_set_of_one_code_and_no_way_for_what_is_never_missing() -> None:
    def split(codes: str, held: object, other: object) -> dict[str, object]:
        test = {"split_feature": 0, "decision_type": "==", "threshold": codes}
        return {**test, "left_child": held, "right_child": other}

    def answered(root: dict[str, object]) -> tuple[set[str], list[float]]:
        forest = Forest({"tree_info": [{"tree_structure": root}]})
        code = Feature("c", "int64", is_code=True)
        content = graph([code], [Answers("y", [forest])])
        (trees,) = (one for one in onnx.load_from_string(content).graph.node if one.op_type == "TreeEnsemble")
        (found,) = session(content).run(None, {"c": np.arange(5)})
        return {one.name for one in trees.attribute}, found.tolist()

    leaves = [{"leaf_value": value} for value in (1.0, 2.0, 3.0)]
    stated, found = answered(split("3", leaves[0], split("1", leaves[1], leaves[2])))
    assert found == [3, 2, 3, 1, 3]
    assert not stated & {"membership_values", "nodes_missing_value_tracks_true"}
    stated, found = answered(split("3||4", leaves[0], split("1", leaves[1], leaves[2])))
    assert found == [3, 2, 3, 1, 1]
    assert "membership_values" in stated


def test_what_the_options_leave_open_follows_from_the_number_of_rows_and_columns() -> None:
    few, some, many, most = (
        Growth.of(TreesOptions(), rows, 8, numbers=True) for rows in (5_000, 20_000, 50_000, 50_001)
    )
    assert [one.bags for one in (few, some, many, most)] == [5, 5, 5, 1]
    assert [one.random_splits for one in (few, some, many, most)] == [True, True, False, False]
    assert [(one.leaves, one.min_rows) for one in (few, some, many)] == [(8, 5), (31, 5), (31, 20)]
    assert [one.share for one in (few, many, most)] == [0.7, 0.7, 1.0]
    # what tries one random threshold learns from all rows; a mean of logarithms needs answers to rows left out
    assert [one.leaves_out for one in (few, some, many, most)] == [False, False, True, False]
    assert Growth.of(TreesOptions(), 5_000, 8, numbers=True, smeared=True).leaves_out
    assert Growth.of(TreesOptions(), 5_000, 7, numbers=True).share == 1.0
    assert most == Growth(1, leaves_out=False, random_splits=False, share=1.0, leaves=31, min_rows=20)
    given = TreesOptions(bags=2, random_splits=False, leaves=7, min_rows=3)
    assert Growth.of(given, 10, 8, numbers=True) == Growth(
        2, leaves_out=True, random_splits=False, share=0.7, leaves=7, min_rows=3
    )
    assert Growth.of(TreesOptions(), 9, 8, numbers=True).bags == 1  # a bag would leave out less than two rows


def test_classes_of_more_than_a_few_rows_are_told_apart_by_exact_thresholds() -> None:
    few, more = (Growth.of(TreesOptions(), rows, 8, numbers=False) for rows in (5_000, 5_001))
    assert few == replace(Growth.of(TreesOptions(), 5_000, 8, numbers=True), leaves_out=True)
    assert more == Growth(5, leaves_out=True, random_splits=False, share=0.7, leaves=31, min_rows=20)
    insisted = TreesOptions(random_splits=True)
    assert Growth.of(insisted, 5_001, 8, numbers=False).random_splits


@pytest.mark.parametrize("aim", ["mean", "median"])
@pytest.mark.parametrize("bags", [1, 5])
def test_skewed_amounts_are_learned_as_logarithms_and_answered_as_amounts(
    tmp_path: Path, bags: int, aim: str
) -> None:
    draw = np.random.default_rng(3)
    size = draw.uniform(0, 3, 1500)
    prices = np.exp(size + draw.normal(0, 0.8, 1500))
    signature = Signature("f", (Field("size", "number"),), (Field("price", "number"),))
    data = real_tables.examples({"size": size.tolist(), "price": prices.tolist()})
    learned, summary = learn(tmp_path, signature, data, setup(60, {"bags": bags, "aim": aim}))
    assert summary["logarithms"] == ["price"]
    assert gap(learned, signature, data) <= 1e-5
    function = Function(Package(learners.export("trees").export(learned), "", threads=1))
    found = np.array([one.price for one in function.predict([{"size": one} for one in (0.5, 1.5, 2.5)])])
    median = np.exp(np.array([0.5, 1.5, 2.5]))
    # of a log-normal amount the mean is exp(0.8² / 2) = 1.38 times the median
    ratio = float((found / median).mean())
    assert abs(ratio - (1.0 if aim == "median" else 1.38)) < 0.15
    plain, _ = learn(tmp_path, signature, data, setup(60, {"bags": bags, "logarithm": False}), "plain")
    assert "logarithms" not in json.loads((plain / "learned.json").read_text("utf-8"))


def test_a_median_is_learned_on_logarithms_that_are_the_less_skewed_and_a_mean_on_such_as_are_far_less() -> (
    None
):
    counts = np.random.default_rng(0).exponential(100, 2000)  # skewness 2; of the logarithms -1.1
    number = Field("rentals", "number")
    kind = kinds.arrays("number")
    state = kind.fit(counts.tolist(), role=Role.OUTPUT)
    truth = kind.encode_truth(counts.tolist(), {}, state)["value"]
    found = {
        median: logarithms.decided(number, state, truth, insists=None, median=median)
        for median in (True, False)
    }
    assert found[True] is not None
    assert found[False] is None


def test_rows_without_truth_teach_nothing(tmp_path: Path) -> None:
    signature, data = real_tables.patients()
    gaps = {
        field.name: [None if row % 4 == 1 else value for row, value in enumerate(data.columns[field.name])]
        for field in signature.outputs
    }
    kept = [row for row in range(len(data)) if row % 4 != 1]
    one, _ = learn(
        tmp_path, signature, Examples(data.ids, {**data.columns, **gaps}), setup(10, {"bags": 1}), "gaps"
    )
    # The same targets without the rows; the states of the inputs differ, as they saw fewer rows.
    train, validation = real_tables.parted(data)
    held = real_tables.taken(data, [row for row in kept if row % 4])
    (tmp_path / "scratch").mkdir()
    TREES.learn(
        signature,
        Rows(held, validation),
        setup(10, {"bags": 1}),
        tmp_path / "fewer",
        tmp_path / "scratch",
        Silent(),
    )
    roots = [
        [tree["tree_structure"]["internal_count"] for tree in dumped(folder)["tree_info"]]
        for folder in (one, tmp_path / "fewer")
    ]
    assert roots[0] == roots[1] == [len(held)] * 10
    assert len(train) > len(held)


def dumped(learned: Path) -> dict[str, Any]:
    return lightgbm.Booster(model_file=learned / "booster-0.txt").dump_model()


# -- what it refuses, and what it forecasts ----------------------------------------------------------------


def test_refuses_text_with_the_field_that_is_text() -> None:
    signature, _ = real_tables.questions()
    reason = learners.spec("trees").refuses(signature)
    assert reason is not None
    assert "`question: text`" in str(reason)


def test_all_outputs_without_anything_to_learn_are_told_at_once(tmp_path: Path) -> None:
    signature, data = real_tables.patients()
    same = {"worse": [True] * len(data), "progression": [None] * len(data)}
    with pytest.raises(DataError) as caught:
        learn(tmp_path, signature, Examples(data.ids, {**data.columns, **same}), setup(5))
    assert [problem.id for problem in caught.value.problems] == ["learn.nothing-to-tell-apart"] * 2
    assert "`worse: boolean`" in str(caught.value)
    assert "`progression: number`" in str(caught.value)


def test_a_category_of_one_class_is_refused(tmp_path: Path) -> None:
    signature, data = real_tables.iris()
    with pytest.raises(DataError, match="`species: category` cannot be learned"):
        learn(tmp_path, signature, Examples(data.ids, {**data.columns, "species": ["a"] * 150}), setup(5))


def test_budget_becomes_rounds() -> None:
    signature, data = real_tables.german_credit()
    machine = Machine(cores=1, memory_bytes=10**9, instruction_set="avx2")

    def forecast(budget_s: float, **training: Any) -> Any:
        return TREES.forecast(
            signature, Rows(data), TreesOptions(), TreesTraining(**training), None, machine, budget_s
        )

    least, most = forecast(1e-9), forecast(3600.0)
    assert least.steps == 1
    assert most.steps == 1000
    assert most.package_bytes > 100 * least.package_bytes
    assert least.batch == most.batch == len(data)
    assert forecast(1e-9, epochs=30).steps == 30


def test_the_forecast_size_is_that_of_the_graph(tmp_path: Path) -> None:
    signature, data = real_tables.german_credit()
    machine = Machine(cores=1, memory_bytes=10**9, instruction_set="avx2")
    train, _ = real_tables.parted(data)
    forecast = TREES.forecast(
        signature, Rows(train), TreesOptions(), TreesTraining(epochs=120), None, machine, budget_s=60.0
    )
    learned, summary = learn(tmp_path, signature, data, setup(120, patience=120, learning_rate=0.001))
    assert all(100 < kept <= 120 for kept in summary["rounds"].values())  # the fewest of about the least loss
    real = len(learners.export("trees").export(learned).graphs["model"])
    assert 0.7 < forecast.package_bytes / real < 1.4


# -- vectors and sets --------------------------------------------------------------------------------------


def test_codes_after_a_vector_are_still_split_by_sets() -> None:
    # A code has one column of the table, a vector as many as it is long: the column of a code moves with it.
    drawn = np.random.default_rng(0)
    features = [Feature("v.values", "float32", (3,)), Feature("c.index", "int64", is_code=True)]
    vector = drawn.normal(size=(300, 3)).astype(np.float32)
    codes = drawn.integers(0, 9, 300)
    encoded = {"v.values": vector, "c.index": codes}
    matrix = columns.matrix(encoded, features)
    assert matrix.shape == (300, 4)
    assert columns.code_columns(features) == [3]
    truth = np.isin(codes, (1, 4, 7)) + vector[:, 1]
    params = {"objective": "regression", "verbosity": -1, "num_threads": 1, "min_data_per_group": 1}
    table = lightgbm.Dataset(matrix, truth, categorical_feature=columns.code_columns(features))
    booster = lightgbm.train(params, table, num_boost_round=12)
    assert '"=="' in str(booster.dump_model()).replace("'", '"')
    (found,) = session(graph(features, [Answers("y", [Forest(booster.dump_model())])])).run(None, encoded)
    assert (found == booster.predict(matrix, raw_score=True).astype(np.float32)).all()


def test_the_members_of_a_set_have_boosters_of_their_own() -> None:
    drawn = np.random.default_rng(1)
    matrix = drawn.normal(size=(200, 2)).astype(np.float32)
    members = np.stack([matrix[:, 0] > 0, matrix[:, 1] > 0.5, matrix.sum(axis=1) > 0], axis=1)
    boosters = [
        lightgbm.train(
            {"objective": "binary", "verbosity": -1, "num_threads": 1},
            lightgbm.Dataset(matrix, members[:, one].astype(float)),
            num_boost_round=5 + one,  # each stops where it stops
        )
        for one in range(3)
    ]
    forests = [Forest(booster.dump_model(), (one,)) for one, booster in enumerate(boosters)]
    made = graph([Feature("a", "float32"), Feature("b", "float32")], [Answers("y", forests, 3)])
    (found,) = session(made).run(None, {"a": matrix[:, 0], "b": matrix[:, 1]})
    right = np.stack([one.predict(matrix, raw_score=True) for one in boosters], axis=1).astype(np.float32)
    assert (found == right).all()
    assert ((found > 0) == members).mean() > 0.95


# -- numbers as they are -----------------------------------------------------------------------------------

_DRAW = np.random.default_rng(11)
_PLACE = _DRAW.uniform(size=2000)  # what the target depends on
FINE = {
    "ten fill values of 1e37": np.where(np.arange(2000) % 200 == 7, 1e37, _PLACE),
    "ids above 2^24": 2.0**33 + np.round(_PLACE * 2000),
    "timestamps in ms": 1.7e12 + np.round(_PLACE * 60_000),
    "prices of nine digits": 123_456_789 + np.round(_PLACE * 100) / 100,
    "tiny numbers": 1e-30 * (1 + _PLACE),
    "some are missing": np.where(np.arange(2000) % 9 == 4, np.nan, 1e9 + np.round(_PLACE * 500)),
    "fill values of both signs": np.select(
        [np.arange(2000) % 50 == 1, np.arange(2000) % 50 == 2], [-1e30, 1e30], _PLACE
    ),
}


@pytest.mark.parametrize("name", FINE)
def test_trees_get_what_lightgbm_alone_gets(tmp_path: Path, name: str) -> None:
    """The same predictions as LightGBM on the float64 column, to 1e-6, by the learner and by its graph."""
    column = FINE[name]
    target = np.round(_PLACE * 20) + _DRAW.normal(size=2000) / 10
    values = [None if np.isnan(value) else value for value in column.tolist()]
    made = Signature("f", (Field("x", "number", optional=True),), (Field("y", "number"),))
    data = real_tables.examples({"x": values, "y": target.tolist()})
    learned, _ = learn(tmp_path, made, data, setup(40, {"bags": 1}))
    assert gap(learned, made, data) <= 1e-6
    rows = np.arange(2000) % 4 > 0
    mean, deviation = target[rows].mean(), target[rows].std()
    params = {
        "objective": "regression", "learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 20,
        "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1,
    }  # fmt: skip
    standard = ((target - mean) / deviation).astype(np.float32)
    kept = json.loads((learned / "learned.json").read_text("utf-8"))["rounds"]["y"]
    alone = lightgbm.train(params, lightgbm.Dataset(column[rows, None], standard[rows]), kept)
    found = answered(learned, {"x": values})["y"]["value"]
    np.testing.assert_allclose(found, alone.predict(column[:, None]), atol=1e-6)
    assert float(np.corrcoef(found, target)[0, 1]) > 0.9


def test_a_missing_number_that_training_never_had_is_answered_as_the_median(tmp_path: Path) -> None:
    made = Signature("f", (Field("x", "number", optional=True),), (Field("y", "number"),))
    data = real_tables.examples({"x": (100 + _PLACE).tolist(), "y": (10 * _PLACE).tolist()})
    learned, _ = learn(tmp_path, made, data, setup(60))
    median = float(np.quantile(100 + _PLACE[np.arange(2000) % 4 > 0], 0.5, method="lower"))
    missing, middle = answered(learned, {"x": [None, median]})["y"]["value"]
    assert missing == middle


def test_the_columns_of_classes_stand_in_the_order_of_the_classes(tmp_path: Path) -> None:
    """A row is answered with its own class; with columns turned round the first would be taken for the last."""
    made = Signature("f", (Field("x", "number"),), (Field("y", "category"),))
    places = np.arange(400) // 100
    names = ["a", "b", "c", "d"]
    data = real_tables.examples(
        {"x": (places + 0.2 * _PLACE[:400]).tolist(), "y": [names[one] for one in places]}
    )
    learned, _ = learn(tmp_path, made, data, setup(30))
    for logits in (
        TREES.predict(learned, {"x": [0.1, 1.1, 2.1, 3.1]})["y"]["logits"],
        answered(learned, {"x": [0.1, 1.1, 2.1, 3.1]})["y"]["logits"],
    ):
        assert logits.argmax(axis=1).tolist() == [0, 1, 2, 3]
    shares = TREES.predict(learned, {"x": [0.1]})["y"]["logits"][0]
    assert shares[0] > max(shares[1:])


# -- series ------------------------------------------------------------------------------------------------


def waves(rows: int, *, gaps: bool = False) -> Examples:
    """Return windows of two seasons of 6 steps on different levels, what follows, and an input that moves it."""
    drawn = np.random.default_rng(1)
    levels, phases = drawn.uniform(1, 100, rows), drawn.integers(0, 6, rows)
    past, following, plan = [], [], []
    for level, phase in zip(levels, phases, strict=True):
        plans = drawn.integers(0, 2, 4).astype(float)
        season = level * (2 + np.sin((phase + np.arange(16)) * np.pi / 3)) * drawn.normal(1, 0.02, 16)
        season[12:] *= 1 + 0.5 * plans
        if gaps:
            season[drawn.integers(0, 12)] = np.nan
        past.append(TimeWindow.of(season[:12].tolist()))
        following.append(TimeWindow.of(season[12:].tolist()))
        plan.append(TimeWindow.of(plans.tolist()))
    codes = [None if row % 7 == 0 else "ab"[row % 2] for row in range(rows)]
    columns = {
        "past": past,
        "plan": plan,
        "code": codes,
        "next": following,
        "kind": ["ab"[int(p > 2)] for p in phases],
    }
    return Examples([str(row) for row in range(rows)], columns)


SERIES = Signature.parse(
    "f(past: timeseries, plan: timeseries, code: category?) -> next: timeseries, kind: category"
)


@pytest.mark.parametrize("gaps", [False, True])
def test_a_forecast_is_exact_and_knows_season_and_plan(tmp_path: Path, *, gaps: bool) -> None:
    data = waves(400, gaps=gaps)
    learned, _ = learn(tmp_path, SERIES, data, setup(80))
    assert gap(learned, SERIES, data) <= 1e-6
    inputs = {field.name: data.columns[field.name] for field in SERIES.inputs}
    function = Function(Package(learners.export("trees").export(learned), "", threads=1))
    answers = function.answer(inputs)
    off, within = [], []
    for answer, truth in zip(answers, data.columns["next"], strict=True):
        found, interval = answer["next"].value, answer["next"].interval
        off += [abs(one - other) / other for one, other in zip(found.flat, truth.flat, strict=True)]
        within += [
            low <= one <= high
            for low, one, high in zip(interval["low"], truth.flat, interval["high"], strict=True)
        ]
    assert np.mean(off) < 0.05
    assert 0.7 < np.mean(within) < 0.97
    kept = json.loads((learned / "learned.json").read_text())["ahead"]["next"]
    assert kept["steps"] == 4
    assert [one["own"] for one in kept["series"]] == [False, True]
    assert [one["gaps"] for one in kept["series"]] == [gaps, False]


def test_the_lags_are_those_of_the_season() -> None:
    drawn = np.random.default_rng(0)
    phase = drawn.integers(0, 24, 300)[:, None]
    wave = np.sin((phase + np.arange(60)) * np.pi / 12) + 0.1 * drawn.normal(size=(300, 60))
    spec = ArraySpec("float32", ("batch", 48, 1))
    encoded = {"x.series": wave[:, :48, None], "x.present": np.ones((300, 48, 1))}
    found = ahead.choose({"x.series": spec, "x.present": spec}, encoded, wave[:, 48:])
    assert {24, 48} <= set(found.series[0].lags)
    assert 12 not in found.series[0].lags  # half a season
    places = found.series[0].places(12)
    # whatever the lag, nothing that is still to come is taken
    assert places.min() >= 0
    assert places.max() < 48


def test_folds_leave_out_their_own_rows_and_those_beside() -> None:
    parts = list(time_folds.parts(400))
    assert np.concatenate([held for held, _ in parts]).tolist() == list(range(400))
    for held, rest in parts:
        assert np.abs(held[:, None] - rest[None, :]).min() > 8
    assert list(time_folds.parts(10)) == []
