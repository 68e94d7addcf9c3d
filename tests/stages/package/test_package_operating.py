"""Where outputs answer: chosen on validation rows, to meet the bars."""

from __future__ import annotations

import numpy as np
import pytest
from requirement_texts import parse
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from modelwright import kinds
from modelwright.core.evidence.margins import margin
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.requirements import error_costs
from modelwright.core.signature import Signature
from modelwright.kinds.boolean.arrays import BooleanState
from modelwright.kinds.category.arrays import CategoryState
from modelwright.kinds.tags.arrays import TagsState
from modelwright.package.body import Body
from modelwright.stages.package import operating


def search(kind, state, values, arrays, bars, optional=False, extra=None, costs=None):
    """Return the state that is chosen for one output `y`, and what is said of it."""
    signature = Signature.parse(f"f(x: number) -> y: {kind}{'?' if optional else ''}")
    body = Body(signature, "once", {}, {"x": None, "y": state})
    columns = {"x": [0.0] * len(values), "y": values, **(extra or {})}
    requirements = [parse(key, bar, signature) for key, bar in bars.items()]
    return operating._Search(body, signature.outputs[0], columns, arrays, requirements, costs).best()


def scored(seed=0, rows=1500, share=0.25, apart=1.2):
    """Return truths, and logits that tell them apart somewhat: a rare class is rarely the likeliest."""
    draw = np.random.default_rng(seed)
    truth = draw.random(rows) < share
    score = draw.normal(size=rows) + apart * truth
    # the log odds of two normal distributions one deviation wide
    logit = apart * score - apart**2 / 2 + np.log(share / (1 - share))
    return truth.tolist(), logit.astype(np.float32)


def figures(kind, state, values, arrays, name, of=None):
    found = kinds.arrays(kind).outcomes(values, arrays, state, {})
    if name == "recall":
        rows = found.truth == found.classes.index(of)
        return float((found.predicted[rows] == found.truth[rows]).mean())
    answered = found.predicted >= 0
    if name == "coverage":
        return float(answered.mean())
    return float((found.predicted[answered] == found.truth[answered]).mean())


def as_classes(truth, logit):
    """Return the same rows as a category of two classes."""
    logits = np.stack([np.zeros_like(logit), logit], axis=1)
    return ["bad" if one else "a good" for one in truth], {"logits": logits}


CASES = {
    "boolean": ("true", lambda t, z: (t, {"logit": z}), BooleanState()),
    "category": ("bad", as_classes, CategoryState(("a good", "bad"))),
}


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("seed", range(2))
def test_a_bar_on_the_recall_of_a_rare_class_is_met_on_rows_that_were_not_chosen_on(kind, seed):
    rare, shape, start = CASES[kind]
    values, arrays = shape(*scored(seed))
    state, told = search(kind, start, values, arrays, {f"recall[{rare}]": ">= 0.7"})
    assert figures(kind, start, values, arrays, "recall", rare) < 0.6
    others, unseen = shape(*scored(seed + 100))
    assert figures(kind, state, others, unseen, "recall", rare) >= 0.7
    assert told.met
    assert [notice.id for notice in told.notices()] == ["package.operating-point"]
    assert rare in str(told.notices()[0])


@pytest.mark.parametrize("kind", CASES)
def test_a_bar_that_is_kept_anyway_moves_nothing(kind):
    rare, shape, start = CASES[kind]
    values, arrays = shape(*scored())
    for bars in ({f"recall[{rare}]": ">= 0.1"}, {"accuracy": ">= 0.5"}, {"auc": ">= 0.99"}):
        state, told = search(kind, start, values, arrays, bars)
        assert state == start
        assert told.notices() == []


@pytest.mark.parametrize("kind", CASES)
def test_where_no_point_keeps_all_bars_the_best_f1_is_taken_and_said(kind):
    rare, shape, start = CASES[kind]
    values, arrays = shape(*scored())
    bars = {f"recall[{rare}]": ">= 0.95", f"precision[{rare}]": ">= 0.95"}
    state, told = search(kind, start, values, arrays, bars)
    assert not told.met
    assert [notice.id for notice in told.notices()] == ["package.bars-apart"]
    name, before, after = told.main
    assert (name, after > before) == ("f1", True)
    assert state != start


def test_two_bars_share_what_there_is_of_margin():
    truth, logit = scored(rows=4000)
    _, told = search("boolean", BooleanState(), truth, {"logit": logit}, {"recall[true]": ">= 0.6"})
    recall_alone = told.bars["recall[true] >= 0.6"][1]
    bars = {"recall[true]": ">= 0.6", "precision[true]": ">= 0.4"}
    _, told = search("boolean", BooleanState(), truth, {"logit": logit}, bars)
    assert told.met
    assert 0.6 <= told.bars["recall[true] >= 0.6"][1] <= recall_alone


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("metric", ["selective_accuracy", "precision"])
def test_an_optional_output_abstains_where_a_bar_asks_for_surer_answers(kind, metric):
    _, shape, start = CASES[kind]
    values, arrays = shape(*scored(share=0.5))
    if kind == "category" and metric == "precision":
        metric = "precision[bad]"
    state, told = search(kind, start, values, arrays, {metric: ">= 0.85"}, optional=True)
    assert told.met
    others, unseen = shape(*scored(7, share=0.5))
    if metric == "selective_accuracy":
        assert state.threshold is not None
        assert figures(kind, start, others, unseen, "selective_accuracy") < 0.8
        assert figures(kind, state, others, unseen, "selective_accuracy") >= 0.85
        assert 0.1 < figures(kind, state, others, unseen, "coverage") < 0.9


def test_coverage_and_selective_accuracy_are_both_kept():
    values, arrays = as_classes(*scored(share=0.5, apart=2.0))
    bars = {"selective_accuracy": ">= 0.9", "coverage": ">= 0.7"}
    _, told = search("category", CategoryState(("a good", "bad")), values, arrays, bars, optional=True)
    assert told.met
    assert {text.split()[0]: after >= float(text.split()[2]) for text, (_, after) in told.bars.items()} == {
        "selective_accuracy": True,
        "coverage": True,
    }


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("bars", [{}, {"accuracy": ">= 0.99"}, {"coverage": ">= 0.5"}])
def test_an_optional_output_that_no_bar_asks_to_abstain_never_does_and_says_so(kind, bars):
    _, shape, start = CASES[kind]
    values, arrays = shape(*scored())
    if bars:
        state, told = search(kind, start, values, arrays, bars, optional=True)
        assert state.threshold is None
    else:
        signature = Signature.parse(f"f(x: number) -> y: {kind}?")
        body = Body(signature, "once", {}, {"x": None, "y": start})
        _, (told,) = operating.choose(body, {"x": [0.0], "y": [None]}, [], [], 1)
    never = [notice for notice in told.notices() if notice.id == "package.never-abstains"]
    assert len(never) == 1
    assert "selective_accuracy" in never[0].next_step


def test_an_output_that_abstains_as_it_was_learned_is_not_said_never_to():
    values, arrays = as_classes(*scored())
    start = CategoryState(("a good", "bad"), threshold=0.6)
    state, told = search("category", start, values, arrays, {"accuracy": ">= 0.2"}, optional=True)
    assert state.threshold is not None
    assert not any(notice.id == "package.never-abstains" for notice in told.notices())


def test_of_several_classes_those_that_bars_name_are_moved():
    draw = np.random.default_rng(3)
    names = ("a", "b", "c", "d")
    place = draw.choice(4, p=[0.7, 0.2, 0.06, 0.04], size=3000)
    logits = draw.normal(size=(3000, 4)) + np.log([0.7, 0.2, 0.06, 0.04])
    logits[np.arange(3000), place] += 1.0
    arrays = {"logits": logits.astype(np.float32)}
    values = [names[one] for one in place]
    start = CategoryState(names)
    bars = {"recall[c]": ">= 0.5", "recall[d]": ">= 0.4", "accuracy": ">= 0.4"}
    state, told = search("category", start, values, arrays, bars)
    assert told.met
    assert state.weights is not None
    assert state.weights[2] > 1
    assert state.weights[3] > 1
    state, told = search("category", start, values, arrays, {"balanced_accuracy": ">= 0.4"})
    assert told.met
    assert told.bars["balanced_accuracy >= 0.4"][1] > told.bars["balanced_accuracy >= 0.4"][0]


@pytest.mark.parametrize("bar", ["recall[rare]", "f1[rare]", "f1", "f1_micro"])
def test_a_set_answers_its_tags_earlier_or_later(bar):
    draw = np.random.default_rng(5)
    inside = draw.random((1200, 3)) < [0.5, 0.3, 0.08]
    logits = draw.normal(size=inside.shape) + np.where(inside, 1.0, -1.0) + [0.0, -0.7, -2.0]
    tags = ("common", "middle", "rare")
    values = [frozenset(tags[k] for k in np.flatnonzero(row)) for row in inside]
    start = TagsState(tags)
    arrays = {"logits": logits.astype(np.float32)}
    state, told = search("tags", start, values, arrays, {bar: ">= 0.8"})
    (before, after) = told.bars[f"{bar} >= 0.8"]
    assert after > before + 0.02
    assert kinds.arrays("tags").operating_point(state)


def test_bars_of_a_slice_are_judged_on_its_rows():
    truth, logit = scored()
    place = ["north" if row % 3 else "south" for row in range(len(truth))]
    bars = {"recall[true] where place == 'south'": ">= 0.8"}
    extra = {"place": place}
    state, told = search("boolean", BooleanState(), truth, {"logit": logit}, bars, extra=extra)
    assert told.met
    south = [row for row, name in enumerate(place) if name == "south"]
    found = kinds.arrays("boolean").outcomes(truth, {"logit": logit}, state, {}).take(np.array(south))
    assert (found.predicted[found.truth == 1] == 1).mean() >= 0.8


def test_tumours_are_found_as_often_as_asked():
    bunch = datasets.load_breast_cancer()
    x, malignant = bunch.data[:, :3], bunch.target == 0
    order = np.random.default_rng(0).permutation(len(x))
    parts = order[:250], order[250:420], order[420:]
    scale = StandardScaler().fit(x[parts[0]])
    model = LogisticRegression().fit(scale.transform(x[parts[0]]), malignant[parts[0]])
    held, unseen = ({"logit": model.decision_function(scale.transform(x[p])).astype("f4")} for p in parts[1:])
    truths = [malignant[part].tolist() for part in parts]
    state, told = search("boolean", BooleanState(), truths[1], held, {"recall[true]": ">= 0.9"})
    assert told.met
    assert state.cut < 0.5
    assert figures("boolean", state, truths[2], unseen, "recall", "true") >= 0.9


@pytest.mark.parametrize(
    ("value", "low", "high", "op", "expected"),
    [
        (0.8, 0.7, 0.9, ">= 0.7", 1.0),
        (0.6, 0.5, 0.8, ">= 0.7", -0.5),
        (0.7, 0.6, 0.8, ">= 0.7", 0.0),
        (0.7, 0.6, 0.8, "> 0.7", -1.0),
        (0.8, None, None, ">= 0.7", 0.0),
        (0.6, None, None, ">= 0.7", -1.0),
        (None, None, None, ">= 0.7", -np.inf),
    ],
)
def test_a_margin_counts_half_widths_towards_the_bar(value, low, high, op, expected):
    requirement = parse("accuracy", op, Signature.parse("f(x: number) -> y: boolean"))
    found = Measurement(Subject("accuracy", "y"), Phase.TEST, value, low, high, 10, "mid-p")
    assert margin(requirement, found) == pytest.approx(expected)


# -- costs of errors -----------------------------------------------------------------------------------------


def priced(kind, missed=5.0, alarm=1.0, **more):
    rare, shape, start = CASES[kind]
    common = "false" if kind == "boolean" else "a good"
    return rare, shape, start, error_costs.read("y", {rare: missed, common: alarm, **more})[0]


def paid(kind, state, values, arrays):
    return float(kinds.arrays(kind).outcomes(values, arrays, state, {}).row_costs().mean())


@pytest.mark.parametrize("kind", CASES)
def test_errors_with_costs_are_answered_from_the_probability_that_the_costs_say(kind):
    rare, shape, start, costs = priced(kind)
    values, arrays = shape(*scored())
    state, told = search(kind, start, values, arrays, {}, costs=costs)
    (says,) = kinds.arrays(kind).operating_point(state)
    assert says.values["label"] == rare
    assert says.values["cut"] == pytest.approx(1 / 6, abs=0.02)
    others, unseen = shape(*scored(9, rows=20_000))
    likeliest = kinds.arrays(kind).priced(start, costs)
    assert paid(kind, state, others, unseen) < 0.75 * paid(kind, likeliest, others, unseen)
    (notice,) = told.notices()
    assert "what errors cost" in str(notice)


@pytest.mark.parametrize("kind", CASES)
def test_probabilities_that_are_far_off_are_answered_from_where_validation_shows_less_cost(kind):
    _, shape, start, costs = priced(kind)
    truth, logit = scored()
    values, arrays = shape(truth, logit - np.float32(3.0))  # every probability is far too low
    state, _ = search(kind, start, values, arrays, {}, costs=costs)
    by_costs = kinds.arrays(kind).by_costs(kinds.arrays(kind).priced(start, costs))
    assert paid(kind, state, values, arrays) < 0.8 * paid(kind, by_costs, values, arrays)


@pytest.mark.parametrize("kind", CASES)
def test_a_bar_comes_before_the_costs(kind):
    rare, shape, start, costs = priced(kind, missed=1.0, alarm=5.0)
    values, arrays = shape(*scored())
    state, told = search(kind, start, values, arrays, {f"recall[{rare}]": ">= 0.6"}, costs=costs)
    assert told.met
    assert figures(kind, state, values, arrays, "recall", rare) >= 0.6
    assert "at little cost" in str(told.notices()[0])


@pytest.mark.parametrize("kind", CASES)
def test_an_output_that_may_abstain_does_where_no_answer_is_cheaper(kind):
    rare, shape, start, _ = priced(kind)
    common = "false" if kind == "boolean" else "a good"
    declared = {rare: {common: 5.0, "null": 0.3}, common: {rare: 5.0, "null": 0.3}}
    costs = error_costs.read("y", declared)[0]
    values, arrays = shape(*scored())
    state, told = search(kind, start, values, arrays, {}, optional=True, costs=costs)
    assert state.threshold is not None
    assert not any(notice.id == "package.never-abstains" for notice in told.notices())


def test_costs_that_differ_by_answer_decide_among_several_classes():
    costs = error_costs.read("y", {"a": {"b": 1, "c": 9}, "b": {"*": 1}, "c": {"a": 4, "b": 1}})[0]
    arrays = kinds.arrays("category")
    state = arrays.by_costs(arrays.priced(CategoryState(("a", "b", "c")), costs))
    logits = np.log(np.array([[0.5, 0.1, 0.4], [0.1, 0.1, 0.8], [0.9, 0.05, 0.05]], dtype=np.float32))
    # expected costs of a, b, c: (0.1 + 1.6, 0.9, 4.6); (3.3, 0.9, 1.0); (0.25, 0.95, 8.15)
    found = arrays.outcomes(["a", "c", "b"], {"logits": logits}, state, {})
    assert [found.classes[one] for one in found.predicted] == ["b", "b", "a"]
    assert found.row_costs().tolist() == [1.0, 1.0, 1.0]
    again = arrays.load(arrays.dump(state))
    assert again == state
    assert [answer.value for answer in arrays.decode({"logits": logits}, again, {})] == ["b", "b", "a"]
