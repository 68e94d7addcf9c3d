"""The learner `linear`: figures of a straight line on real tables and texts, logarithms, fill values."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import real_tables
from sklearn import datasets
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression

from modelwright import kinds, learners
from modelwright.core.messages import DataError
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Form
from modelwright.learners import kind_states
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.linear import learn as linear_learn
from modelwright.learners.linear import lines
from modelwright.learners.linear.spec import LinearOptions, LinearSpec, LinearTraining
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import Machine

LINEAR = learners.learn("linear")


def setup(steps: int = 200, **given: Any) -> Setup:
    options = LinearOptions(
        **{key: given.pop(key) for key in list(given) if key in LinearOptions.model_fields}
    )
    return Setup("linear", steps, 1, 1, "float32", "avx2", 0, options, LinearTraining(**given), None)


def learn(
    folder: Path, signature: Signature, data: Examples, how: Setup | None = None
) -> tuple[Function, Examples, dict[str, Any]]:
    """Return the exported function, the rows that it was validated on, and the summary."""
    train, held = real_tables.parted(data)
    scratch, out = folder / "scratch", folder / "out"
    for made in (scratch, out):
        made.mkdir(parents=True)
    summary = LINEAR.learn(signature, Rows(train, held), how or setup(), out, scratch, Silent())
    json.dumps(summary, allow_nan=False)
    return Function(Package(learners.export("linear").export(out), "", threads=1)), held, summary


def values(function: Function, rows: Examples, output: str) -> list[Any]:
    inputs = {field.name: rows.columns[field.name] for field in function.signature.inputs}
    return [answers[output].value for answers in function.answer(inputs)]


def share_right(function: Function, rows: Examples, output: str) -> float:
    pairs = zip(values(function, rows, output), rows.columns[output], strict=True)
    return float(np.mean([one == other for one, other in pairs]))


def rmse(function: Function, rows: Examples, output: str) -> float:
    gaps = np.array(values(function, rows, output)) - np.array(rows.columns[output])
    return float(np.sqrt(np.mean(gaps**2)))


def table(bunch: Any, kind: str) -> tuple[Signature, Examples]:
    names = [f"x{place}" for place in range(bunch.data.shape[1])]
    columns: dict[str, Sequence[Any]] = {name: bunch.data[:, at].tolist() for at, name in enumerate(names)}
    columns["y"] = [str(one) for one in bunch.target] if kind == "category" else bunch.target.tolist()
    return real_tables.signature("f", dict.fromkeys(names, "number"), {"y": kind}), real_tables.examples(
        columns
    )


# -- figures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "least"),
    [(datasets.load_iris, 0.94), (datasets.load_wine, 0.97), (datasets.load_breast_cancer, 0.96)],
)
def test_small_tables_are_classified_as_well_as_a_line_can(tmp_path: Path, load: Any, least: float) -> None:
    function, held, _ = learn(tmp_path, *table(load(), "category"))
    assert share_right(function, held, "y") >= least


def test_diabetes_has_the_error_of_least_squares(tmp_path: Path) -> None:
    bunch = datasets.load_diabetes(scaled=False)
    function, held, _ = learn(tmp_path, *table(bunch, "number"))
    train = np.arange(len(bunch.target)) % 4 > 0
    line = LinearRegression().fit(bunch.data[train], bunch.target[train])
    wanted = np.sqrt(np.mean((line.predict(bunch.data[~train]) - bunch.target[~train]) ** 2))
    assert rmse(function, held, "y") < 1.01 * wanted


def test_outputs_of_all_forms_are_learned_at_once(tmp_path: Path) -> None:
    signature, data = real_tables.patients()
    tags = [frozenset({"old"} if age > 50 else ()) | {"all"} for age in data.columns["age"]]
    signature = Signature(signature.name, signature.inputs, (*signature.outputs, Field("groups", "tags")))
    data = Examples(data.ids, {**data.columns, "groups": tags})
    function, held, _ = learn(tmp_path, signature, data)
    assert rmse(function, held, "progression") < 67
    assert share_right(function, held, "worse") > 0.7
    assert share_right(function, held, "group") > 0.7
    assert share_right(function, held, "groups") > 0.95


def intents(split: str) -> list[dict[str, str]]:
    """Return the rows of a split of Banking77 (Casanueva et al. 2020)."""
    with real_tables.mirrored(f"banking77/{split}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_tenth_of_the_intents_of_a_bank_are_told_apart(tmp_path: Path) -> None:
    rows = intents("train")
    wanted = sorted({row["category"] for row in rows})[:8]
    chosen = [row for row in rows if row["category"] in wanted]
    columns = {"text": [row["text"] for row in chosen], "intent": [row["category"] for row in chosen]}
    made = real_tables.signature("route", {"text": "text"}, {"intent": "category"})
    function, held, _ = learn(tmp_path, made, real_tables.examples(columns))
    assert share_right(function, held, "intent") >= 0.95


@pytest.mark.proof
def test_banking77_reaches_what_tf_idf_does(tmp_path: Path) -> None:
    columns: dict[str, dict[str, list[str]]] = {}
    for split in ("train", "test"):
        rows = intents(split)
        columns[split] = {"text": [row["text"] for row in rows], "intent": [row["category"] for row in rows]}
    made = real_tables.signature("route", {"text": "text"}, {"intent": "category"})
    function, _, _ = learn(tmp_path, made, real_tables.examples(columns["train"]))
    assert share_right(function, real_tables.examples(columns["test"]), "intent") >= 0.88


CHINESE = {"天气": "今天{}的天气怎么样", "车票": "我想买去{}的火车票", "餐厅": "{}有什么好吃的饭店"}
PLACES = [
    "北京",
    "上海",
    "广州",
    "深圳",
    "成都",
    "西安",
    "武汉",
    "南京",
    "杭州",
    "重庆",
    "天津",
    "苏州",
    "长沙",
    "青岛",
]


def test_chinese_without_spaces_is_learned_by_its_characters(tmp_path: Path) -> None:
    pairs = [(text.format(place), label) for place in PLACES for label, text in CHINESE.items()]
    columns = {"问题": [text for text, _ in pairs], "类别": [label for _, label in pairs]}
    made = real_tables.signature("分类", {"问题": "text"}, {"类别": "category"})
    function, _, _ = learn(tmp_path, made, real_tables.examples(columns))
    unseen = ["明天哈尔滨的天气怎么样", "想买去拉萨的火车票", "昆明有哪些饭店好吃"]
    assert values(function, real_tables.examples({"问题": unseen}), "类别") == ["天气", "车票", "餐厅"]


# -- terms -------------------------------------------------------------------------------------------------


def test_terms_of_ascii_text_weigh_what_scikit_learn_gives_them() -> None:
    texts = ["Pay my card", "my card is lost", "lost, lost and not found", "a b"] * 3
    text = kinds.arrays("text")
    state = text.fit(texts, form=Form.TERMS)
    encoded = text.encode(texts, state)
    width = len(state) + 1
    found = np.zeros((len(texts), width))
    np.put_along_axis(found, encoded["terms"], encoded["weights"], axis=1)
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+", sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    for vectorizer, begin in ((words, 1), (characters, 1 + len(state.words))):
        wanted = vectorizer.fit_transform(texts).toarray()
        np.testing.assert_allclose(found[:, begin : begin + wanted.shape[1]], wanted, atol=1e-6)
        names = state.words if vectorizer is words else state.characters
        assert list(vectorizer.get_feature_names_out()) == list(names)


def test_the_commonest_terms_are_kept() -> None:
    text = kinds.arrays("text")
    state = text.fit(["aa", "aa bb", "cc"], form=Form.TERMS, most_terms=2)
    assert state.words == ("aa", "aa bb")
    assert len(state.characters) == 2


def test_texts_that_training_never_showed_get_the_bias_alone(tmp_path: Path) -> None:
    pairs = [(f"{word} {number}", word) for word in ("yes", "no") for number in range(20)]
    columns = {"text": [text for text, _ in pairs], "label": [label for _, label in pairs]}
    made = real_tables.signature("f", {"text": "text"}, {"label": "category"})
    function, _, _ = learn(tmp_path, made, real_tables.examples(columns))
    unseen = function.answer({"text": ["", "ㄅㄆㄇ", "ÿÿÿÿ", "yes 77"]})
    assert len({answers["label"].confidence for answers in unseen[:3]}) == 1
    assert unseen[3]["label"].value == "yes"


# -- numbers -----------------------------------------------------------------------------------------------


def _prices(rows: int = 400, noise: float = 0.2) -> tuple[Signature, Examples]:
    draw = np.random.default_rng(3)
    size = draw.normal(size=rows)
    price = np.exp(10 + 1.2 * size + noise * draw.normal(size=rows))
    columns = {"size": size.tolist(), "price": price.tolist()}
    return real_tables.signature("f", {"size": "number"}, {"price": "number"}), real_tables.examples(columns)


def test_skewed_targets_are_learned_as_logarithms(tmp_path: Path) -> None:
    signature, data = _prices()
    function, held, summary = learn(tmp_path / "one", signature, data)
    assert summary["logarithms"] == ["price"]
    plain, _, without = learn(tmp_path / "two", signature, data, setup(logarithm=False))
    assert without["logarithms"] == []
    assert rmse(function, held, "price") < 0.7 * rmse(plain, held, "price")
    assert min(values(function, held, "price")) > 0
    # the mean of the answers is that of the truths: without the smear it would be that of the medians
    ratio = np.mean(values(function, held, "price")) / np.mean(held.columns["price"])
    assert ratio == pytest.approx(1, abs=0.1)


def test_what_is_not_skewed_or_not_above_0_is_learned_as_it_is(tmp_path: Path) -> None:
    signature, data = _prices()
    price = np.array(data.columns["price"])
    for place, changed in enumerate((np.log(price), price - price.max() / 2, price.max() - price)):
        _, _, summary = learn(
            tmp_path / str(place),
            signature,
            Examples(data.ids, {**data.columns, "price": changed.tolist()}),
        )
        assert summary["logarithms"] == []


def test_the_forecast_says_that_a_logarithm_is_learned() -> None:
    signature, data = _prices(100)
    for given, ids in ((None, ["plan.logarithm"]), (True, []), (False, [])):
        options = LinearOptions(logarithm=given)
        estimate = LINEAR.forecast(
            signature, Rows(data), options, LinearTraining(), None, Machine(1, 10**9, "avx2"), 10.0
        )
        assert [one.id for one in estimate.warnings] == ids
        assert 1 <= estimate.steps <= 200


def test_the_forecast_of_a_request_holds_what_a_request_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1,000 columns a request was forecast to take three times too long: a sparse matrix was made of each."""

    def refused(*_: object) -> NoReturn:
        raise AssertionError("no request makes a design matrix")

    signature, data = _prices(100)
    states = kind_states.fit(signature, data, accepted=LinearSpec.inputs)
    monkeypatch.setattr(lines, "design", refused)
    assert 0 < linear_learn._latency_s(lines.blocks(signature, states), states, data) < 0.1


@pytest.mark.parametrize("given", [0.01, 1.0, 100.0])
def test_a_given_l2_is_taken(tmp_path: Path, given: float) -> None:
    _, _, summary = learn(tmp_path, *_prices(80), setup(weight_decay=given))
    assert summary["chosen"] == {"price": given}


def test_l2_follows_validation(tmp_path: Path) -> None:
    _, _, summary = learn(tmp_path, *table(datasets.load_breast_cancer(), "category"))
    tried = summary["history"]["y"]
    assert summary["chosen"]["y"] == min(tried, key=lambda one: one["loss"])["l2"]
    assert len(tried) >= 2


def test_a_flag_of_one_value_leaves_nothing_to_learn(tmp_path: Path) -> None:
    made = real_tables.signature("f", {"x": "number"}, {"y": "boolean"})
    data = real_tables.examples({"x": [1.0, 2.0, 3.0, 4.0], "y": [True] * 4})
    with pytest.raises(DataError):
        learn(tmp_path, made, data)


def test_a_far_value_does_not_bend_the_line_of_the_others(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    x = draw.normal(size=2000)
    y = 3 * x + 0.1 * draw.normal(size=2000)
    filled = x.copy()
    filled[::200] = 1e37
    made = real_tables.signature("f", {"x": "number"}, {"y": "number"})
    function, held, _ = learn(
        tmp_path, made, real_tables.examples({"x": filled.tolist(), "y": y.tolist()}), setup(logarithm=False)
    )
    usual = [row for row, value in enumerate(held.columns["x"]) if value < 1e30]
    found, truth = np.array(values(function, held, "y"))[usual], np.array(held.columns["y"])[usual]
    assert math.sqrt(np.mean((found - truth) ** 2)) < 0.2
