"""Baselines, and what is worth a look in the outcomes."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import numpy as np
import pytest
import yaml
from tiny_serving import sealed, table_body

from modelwright import kinds, outcomes
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.messages import Phrase
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Form
from modelwright.kinds.outputs import family
from modelwright.kinds.text.samples import tokenizer
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.contract.baseline import BaselineModels
from modelwright.outcomes.numbers.outcomes import NumberOutcomes
from modelwright.package import packages
from modelwright.stages.evaluate import answers, baselines, features, findings
from modelwright.storage.formats.evidence import Baseline

CLASSES = ("car", "health")


def constant(output, values, reference):
    models = outcomes.facet(family(output), BaselineModels)
    return models.constant(baselines.truths(output, values), reference)


def outcomes_of(truth, predicted, sure):
    probabilities = np.array(
        [[s, 1 - s] if p == 0 else [1 - s, s] for p, s in zip(predicted, sure, strict=True)]
    )
    return ClassOutcomes(CLASSES, np.array(truth), np.array(predicted), probabilities)


def accuracy(found):
    return float((found.predicted == found.truth).mean())


def questions(count, seed, *, chinese=False):
    draw = random.Random(seed)
    words = {
        "car": ["汽车保险", "车祸", "司机"] if chinese else ["my car", "an accident", "the driver"],
        "health": ["牙医", "医院看病", "药品"] if chinese else ["a dentist", "the hospital", "some drugs"],
    }
    team = [draw.choice(CLASSES) for _ in range(count)]
    text = [
        ("请问{}怎么办" if chinese else "What about {} then?").format(draw.choice(words[t])) for t in team
    ]
    return {"question": text, "team": team}


@pytest.mark.parametrize("chinese", [False, True])
def test_the_linear_baseline_reads_texts_of_any_script(chinese):
    signature = Signature.parse("route(question: text) -> team: category")
    train, test = questions(80, 0, chinese=chinese), questions(40, 1, chinese=chinese)
    truth = [CLASSES.index(team) for team in test["team"]]
    reference = outcomes_of(truth, [0] * 40, [0.9] * 40)
    found = baselines.linear(signature, signature.outputs[0], train, test, reference, 1000)
    assert accuracy(found) == 1.0
    assert found.probabilities.sum(axis=1) == pytest.approx(1)
    assert "TF-IDF" in str(features.describe(signature))


def test_the_linear_baseline_reads_tables_with_holes():
    signature = Signature.parse("price(size: number?, colour: category?, new: boolean) -> cost: number")
    draw = random.Random(0)

    def table(count):
        size = [None if draw.random() < 0.1 else draw.uniform(0, 9) for _ in range(count)]
        colour = [draw.choice(["red", "blue", None]) for _ in range(count)]
        new = [draw.random() < 0.5 for _ in range(count)]
        cost = [(s or 0) * 2 + (c == "red") * 3 + n for s, c, n in zip(size, colour, new, strict=True)]
        return {"size": size, "colour": colour, "new": new, "cost": cost}

    train, test = table(300), table(100)
    test["colour"][0] = "green"  # training never showed it
    truth = np.array(test["cost"])
    reference = NumberOutcomes(truth, truth)
    found = baselines.linear(signature, signature.outputs[0], train, test, reference, 1000)
    mean, says = constant(signature.outputs[0], train["cost"], reference)
    assert "the mean" in str(says)
    assert np.sqrt(((found.predicted - truth) ** 2).mean()) < 0.1 * mean.predicted.mean()
    assert mean.predicted == pytest.approx(np.mean(train["cost"]))


def test_the_constant_baseline_answers_the_commonest_class():
    reference = outcomes_of([0, 1, 1, 1], [0, 0, 1, 1], [0.9] * 4)
    output = Signature.parse("f(x: text) -> team: category").outputs[0]
    found, says = constant(output, ["car", "car", "health", None, "car"], reference)
    assert "“car”, the commonest class" in str(says)
    assert found.predicted.tolist() == [0, 0, 0, 0]
    assert found.probabilities[0].tolist() == [0.75, 0.25]


def test_there_is_no_linear_baseline_for_what_has_no_plain_features():
    signature = Signature.parse("route(question: text) -> team: category")
    train = {"question": ["a", "b"], "team": ["car", "car"]}
    reference = outcomes_of([0, 1], [0, 1], [0.9, 0.9])
    assert baselines.linear(signature, signature.outputs[0], train, train, reference, 10) is None


def test_rows_are_shown_by_their_kinds():
    signature = Signature.parse("f(question: text, size: number) -> team: category")
    test = {"question": ["t" * 400, None], "size": [1.5, None], "team": ["car", None]}
    rows = findings.rows_of_output(signature, signature.outputs[0], test, ["a", "b"], ["car", None, "car"])
    assert rows.inputs(0)["question"].endswith("t…")
    assert len(rows.inputs(0)["question"]) <= 301
    assert rows.inputs(0)["size"] == "1.5"
    assert rows.inputs(1) == {"question": "", "size": ""}
    assert [rows.truth(0), rows.truth(1)] == ["car", None]
    assert dict(rows.train_labels) == {"car": 2}


@pytest.mark.parametrize(
    ("metric", "ours", "theirs", "says"),
    [
        ("accuracy", (0.468, 0.44, 0.50), (0.991, 0.98, 0.995), "does better than this package"),
        ("accuracy", (0.90, 0.88, 0.92), (0.91, 0.89, 0.93), "does as well as this package"),
        ("rmse", (0.40, 0.35, 0.45), (0.02, 0.01, 0.03), "does better than this package"),
        ("rmse", (0.40, 0.35, 0.45), (0.39, 0.34, 0.44), "does as well as this package"),
        ("accuracy", (0.95, 0.94, 0.96), (0.90, 0.88, 0.92), None),
        ("rmse", (0.10, 0.09, 0.11), (0.20, 0.19, 0.21), None),
    ],
)
def test_a_baseline_that_is_not_beaten_is_told_from_one_that_is_better(metric, ours, theirs, says):
    def seen(value, low, high):
        return Measurement(Subject(metric, "y"), Phase.TEST, value, low, high, 500, "exact")

    baseline = Baseline("linear", Phrase("evidence.sentence", text="a line"), "y", (seen(*theirs),))
    found = [notice.found for notice in findings.against_baselines([seen(*ours)], [baseline])]
    assert found == [] if says is None else says in found[0]


def test_what_training_never_showed_is_measured_and_said(tmp_path):
    signature = table_body().signature
    package = packages.read(sealed(table_body(), tmp_path / "package"))
    rows = {
        "colour": ["1", "1.0", "red", "green", "blue", "green"],
        "height": [9.0] * 6,
        "marks": [None, frozenset({"7.0"}), frozenset({"new"}), None, None, None],
        **{name: [None] * 6 for name in ("fragile", "sent", "note")},
        "size": ["small", "small", "large", "small", "large", "large"],
    }
    answered = answers.answer(package, signature, rows, 0)
    wanted = [*answers.of_inputs(answered), Subject("unseen_rate", where="size == 'large'")]
    shares = {str(m.subject): (m.value, m.n) for m in answers.on_rows(wanted, answered, 0.95)}
    assert shares == {
        "unseen_rate": (4 / 6, 6),
        "unseen_rate[colour]": (3 / 6, 6),
        "unseen_rate[marks]": (1 / 6, 6),
        "unseen_rate where size == 'large'": (1.0, 3),
    }
    first, second = findings.about_unseen(answered)
    assert (first.values["column"], first.values["count"], first.values["values"]) == (
        "colour",
        3,
        ["green", "blue"],
    )
    assert (second.values["column"], second.values["count"]) == ("marks", 1)
    fix = re.search(r"`requirements: (.*)`", first.next_step)
    assert yaml.safe_load(fix[1]) == {"unseen_rate[colour]": "<= 1 %"}


def test_numbers_far_outside_of_training_are_said_with_its_span(tmp_path):
    body = table_body()
    height = kinds.arrays("number").fit([20.0, 80.0])
    package = packages.read(
        sealed(replace(body, states={**body.states, "height": height}), tmp_path / "package")
    )
    rows = {
        "colour": ["red"] * 4,
        "height": [9.0, 200.0, -300.5, 50.0],
        "size": ["small"] * 4,
        **{name: [None] * 4 for name in ("fragile", "sent", "note", "marks")},
    }
    answered = answers.answer(package, body.signature, rows, 0)
    (far,) = answers.on_rows([Subject("unseen_rate", None, "height")], answered, 0.95)
    assert (far.value, far.n) == (2 / 4, 4)
    (notice,) = findings.about_unseen(answered)
    assert (notice.values["column"], notice.values["values"]) == ("height", ["200", "-300.5"])
    assert notice.values["span"] == ["20", "80"]
    assert "far outside of what training showed (20, 80)" in notice.found


def test_texts_that_were_answered_in_part_are_said() -> None:
    signature = Signature.parse("f(a: text, n: number) -> y: category")
    text = kinds.arrays("text")
    state = text.fit(["abc"], tokenizer=tokenizer(), max_length=6, limit=64)
    number = kinds.arrays("number").fit([1.0, 2.0])
    columns = {"a": ["ab", "a" * 40], "n": [1.0, 2.0]}
    (found,) = findings.about_cut({"a": state, "n": number}, signature, columns)
    assert (found.id, found.as_json()["column"], found.as_json()["count"]) == ("evaluate.cut-texts", "a", 1)
    whole = text.fit(["abc"], form=Form.TERMS)
    assert list(findings.about_cut({"a": whole, "n": number}, signature, columns)) == []
