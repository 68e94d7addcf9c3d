"""The values of each refusal: what is named, where it stands, and what could be written instead."""

from __future__ import annotations

import pytest
from requirement_texts import parse

from modelwright import outcomes
from modelwright.core.messages import Phrase, ProjectError
from modelwright.core.requirements.slices import Condition, Slice
from modelwright.core.signature import RESERVED_FUNCTIONS, Signature

ROUTE = Signature.parse("route(question: text) -> domain: category")
THREE = Signature.parse("f(x: text) -> price: number, urgent: boolean, tone: category")
EXAMPLE = "route(question: text) -> domain: category"


def found(read, *given) -> list[tuple[str, dict[str, object]]]:
    with pytest.raises(ProjectError) as caught:
        read(*given)
    return [(problem.id, dict(problem.values)) for problem in caught.value.problems]


# -- signatures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "form", "column"),
    [
        ("", "empty", None),
        ("  ", "empty", None),
        (" route ", "arrow", None),
        ("route(a: b)", "arrow", None),
        ("f -> y: number", "bracket", 3),
        ("f -> y: number(", "bracket", 3),
        ("f -> (a -> b", "bracket", 3),
        ("f(a: b)(c: d) -> e: f", "fields", 15),
        ("f(a: b)(c: d) -> e -> f", "fields", 15),  # the first arrow
    ],
)
def test_what_has_no_shape(text, form, column):
    values = {"form": form, "text": text.strip(), "column": column, "example": EXAMPLE}
    assert found(Signature.parse, text) == [("signature.syntax", values)]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("f() -> y: number", [("no-fields", {"side": "input", "example": EXAMPLE})]),
        ("f(x: text) -> ", [("no-fields", {"side": "output", "example": EXAMPLE})]),
        ("  v1(x: text) -> y: number",
         [("reserved-function", {"name": "v1", "column": 3, "reserved": sorted(RESERVED_FUNCTIONS)})]),
        ("f(_x: text) -> (  class: number)",
         [("name", {"what": "input", "name": "_x", "column": 3}),
          ("name", {"what": "output", "name": "class", "column": 19})]),
        ("f(x: text, y) -> x: number",
         [("kind", {"name": "y", "kind": None, "column": 12}), ("duplicate-field", {"name": "x", "column": 18})]),
        ("f(x: text) -> (z: 3, version: number, id: text)",
         [("kind", {"name": "z", "kind": "3", "column": 19}),
          ("reserved-field", {"side": "output", "name": "version", "column": 22}),
          ("reserved-field", {"side": "output", "name": "id", "column": 39})]),
        ("f(a: number[0..1]) -> y: number[5..1]",
         [("range", {"name": "a", "input": True, "low": None, "high": None}),
          ("range", {"name": "y", "input": False, "low": "5", "high": "1"})]),
        ("f(a: t) -> y: number[-1e400..0]",
         [("range", {"name": "y", "input": False, "low": "-1e400", "high": "0"})]),
        ("f(a: t) -> y: number[0..1e400]",
         [("range", {"name": "y", "input": False, "low": "0", "high": "1e400"})]),
        ("f(x: text,) -> y: number",
         [("name", {"what": "input", "name": "", "column": 11}), ("kind", {"name": "", "kind": None, "column": 11})]),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_signature(text, problems):
    assert found(Signature.parse, text) == [(f"signature.{id_}", values) for id_, values in problems]


def test_a_mapping_knows_no_columns():
    assert found(Signature.build, " v1 ", {"x": "text"}, {"x": "3"}) == [
        ("signature.reserved-function", {"name": "v1", "column": None, "reserved": sorted(RESERVED_FUNCTIONS)}),
        ("signature.kind", {"name": "x", "kind": "3", "column": None}),
        ("signature.duplicate-field", {"name": "x", "column": None}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("f(a: text)\n->\n y: number", "f(a: text) -> y: number"),
        ("f(a: text) -> y: number[0..999999999999999]", "f(a: text) -> y: number[0..999999999999999]"),
        ("f(a: text) -> y: number[0..1e15]", "f(a: text) -> y: number[0..1000000000000000.0]"),
        ("f(a: text) -> y: number[-3..2.5]?", "f(a: text) -> y: number[-3..2.5]?"),
        (" f ( a:text? , b : t ) -> ( y: k, z: k )", "f(a: text?, b: t) -> y: k, z: k"),
    ],
)
def test_how_a_signature_is_written(text, shown):
    assert str(Signature.parse(text)) == shown


# -- slices --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rest", "column", "expected"),
    [
        ("", None, 1, "column"),
        ("  a", None, 4, "operator"),
        ("a ==", None, 5, "value"),
        ("a == zh more than twenty characters", "zh more than twenty ", 6, "value"),
        ("a in []", "]", 7, "value"),
        ("a in ['x' 'y']", "'y']", 11, "comma"),
        ("a in ['x'", None, 10, "comma"),
        ("a in 'x'", "'x'", 6, "bracket"),
        ("`and` == 3 x", "x", 12, "end"),
        ("a == 'x' , ", ", ", 10, "end"),
        ("a = 1", "= 1", 3, "operator"),
        ("a , 1", "1", 5, "operator"),
        ("a has [", "[", 7, "value"),
        ("a == 1 and", None, 11, "column"),
        ("3 == a", "3 == a", 1, "column"),
    ],
)
def test_what_is_expected_where(text, rest, column, expected):
    values = {"slice": text, "rest": rest, "column": column, "expected": Phrase(f"slice.expected-{expected}")}
    assert found(Slice.parse, text) == [("slice.syntax", values)]


@pytest.mark.parametrize("word", ["and", "in", "true", "false"])
def test_a_word_of_the_grammar_is_a_column_only_in_backquotes(word):
    assert found(Slice.parse, f"{word} == 1")[0][0] == "slice.syntax"
    assert str(Slice.parse(f"`{word}` == 1")) == f"`{word}` == 1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x == 1e15", "x == 1000000000000000.0"),
        ("x == 1e14", "x == 100000000000000"),
        ("x == -2.50", "x == -2.5"),
        ("x == +.5", "x == 0.5"),
        ("x == false", "x == false"),
        ('x == "a\\\\b\'c"', "x == 'a\\\\b\\'c'"),
        ("`X b` == 'a'", "`X b` == 'a'"),
        ("`a b` has 'x\ny'", "`a b` has 'x\ny'"),
        ("cafe\u0301 != 'e\u0301'", "caf\u00e9 != '\u00e9'"),
        ("b > 1 and a < 2 and b > 1.0", "a < 2 and b > 1"),
    ],
)
def test_how_a_slice_is_written(text, shown):
    assert str(Slice.parse(text)) == shown


def test_one_and_true_are_two_values():
    """Python takes 1 and true for equal, so that a set of literals would lose one of them."""
    assert Slice.parse("a in [1, true, 0, false, 'x', 'x', 1.0]").conditions == (
        Condition("a", "in", ("x", 0.0, 1.0, False, True)),
    )
    assert str(Slice.parse("a in [true, 1]")) == "a in [1, true]"
    both = Slice.parse("a == 1 and a == true")
    assert str(both) == "a == 1 and a == true"
    assert both.rows({"a": [1, True]}).inside.tolist() == [False, False]


@pytest.mark.parametrize(
    ("condition", "value", "held"),
    [
        ("a == 1", None, None),
        ("a == 1", True, None),
        ("a == 1", "1", None),
        ("a == 1", 1, True),
        ("a == true", 1, None),
        ("a == true", True, True),
        ("a != 'x'", "y", True),
        ("a != 'x'", 3, None),
        ("a in ['x', 'y']", "y", True),
        ("a in ['x', 'y']", "z", False),
        ("a in ['x', 1]", "x", None),
        ("a has 'x'", frozenset({"x"}), True),
        ("a has 'x'", frozenset(), False),
        ("a has 'x'", "x", None),
    ],
)
def test_what_a_condition_says_of_a_value(condition, value, held):
    assert Slice.parse(condition).conditions[0].holds(value) is held


def test_a_condition_takes_literals_as_its_kind_reads_them():
    read = Slice.parse("a in ['x', 'y']").conditions[0].comparing([frozenset({"b", "a"})])
    assert read == Condition("a", "in", (frozenset({"a", "b"}),))
    assert str(read) == "a in [[a, b]]"


def test_unknown_columns_are_named_with_their_slice():
    sliced = Slice.parse("lang == 'zh' and `customer age` > 3 and zz == 1")
    assert sliced.columns == ("customer age", "lang", "zz")
    problems = sliced.unknown_columns(["langs", "customer age"])
    assert [(problem.id, dict(problem.values)) for problem in problems] == [
        ("slice.unknown-column", {"name": "lang", "slice": str(sliced), "near": "langs"}),
        ("slice.unknown-column", {"name": "zz", "slice": str(sliced), "near": None}),
    ]
    assert sliced.unknown_columns(["lang", "customer age", "zz"]) == []


def test_columns_of_unlike_length_are_our_own_fault():
    with pytest.raises(ValueError, match="shorter"):
        Slice.parse("a == 1 and b == 1").rows({"a": [1, 2], "b": [1]})


def test_nothing_that_is_judged_is_a_mask_of_truths():
    found = Slice.parse("a == 1").rows({"a": []})
    assert (found.inside.dtype, found.unjudged.dtype) == (bool, bool)


# -- requirements --------------------------------------------------------------------------------------------

METRICS = outcomes.metrics()
TAKING = list(dict.fromkeys(one.name for one in METRICS if one.per_class or one.per_input))
OF_CLASSES, OF_NUMBERS = (
    [one.name for one in METRICS.in_family(family)] for family in ("classes", "numbers")
)
NO_CLASS = {"taking": TAKING, "of": None, "kind": None, "labels": None, "example": None}
NO_OUTPUT = {"name": None, "near": None, "outputs": None, "example": None}


@pytest.mark.parametrize(
    ("key", "bar", "signature", "id_", "values"),
    [
        ("", ">= 0.9", ROUTE, "key", {}),
        ("accuracy[fraud]", ">= 0.9", ROUTE, "class", {"metric": "accuracy", **NO_CLASS}),
        ("size[a]", "<= 1 MB", ROUTE, "class", {"metric": "size", **NO_CLASS}),
        ("urgent.recall[maybe]", ">= 0.9", THREE, "class",
         {"metric": "recall", "taking": [], "of": "maybe", "kind": "boolean", "labels": ["false", "true"],
          "example": "recall[true]"}),
        ("accuracy", "<= 0.9", ROUTE, "direction",
         {"op": "<=", "metric": "accuracy", "higher": True, "strict": ">", "right": ">="}),
        ("size", "≥ 60 MB", ROUTE, "direction",
         {"op": ">=", "metric": "size", "higher": False, "strict": "<", "right": "<="}),
        ("accuracy", 0.9, ROUTE, "bar", {"bar": "0.9", "op": ">=", "number": "0.9"}),
        ("size", "about 3", ROUTE, "bar", {"bar": "about 3", "op": "<=", "number": None}),
        ("accuracy", ">= 97", ROUTE, "range", {"metric": "accuracy", "text": "97", "percent": "97", "fraction": True}),
        ("accuracy", ">= 1.5", ROUTE, "range",
         {"metric": "accuracy", "text": "1.5", "percent": "1.5", "fraction": True}),
        ("accuracy", "≤ 0.9", ROUTE, "direction",
         {"op": "<=", "metric": "accuracy", "higher": True, "strict": ">", "right": ">="}),
        ("accuracy", ">= 100", ROUTE, "range",
         {"metric": "accuracy", "text": "100", "percent": "100", "fraction": True}),
        ("accuracy", ">= 101", ROUTE, "range",
         {"metric": "accuracy", "text": "101", "percent": None, "fraction": True}),
        ("accuracy", ">= 120 %", ROUTE, "range",
         {"metric": "accuracy", "text": "120 %", "percent": None, "fraction": True}),
        ("accuracy", ">= -0.1", ROUTE, "range",
         {"metric": "accuracy", "text": "-0.1", "percent": None, "fraction": True}),
        ("latency_p95", "<= -15 ms", ROUTE, "range",
         {"metric": "latency_p95", "text": "-15 ms", "percent": None, "fraction": False}),
        ("rmse", "<= 3", ROUTE, "kind", {"metric": "rmse", "kinds": ["category"], "fitting": OF_CLASSES}),
        ("price.accuracy", ">= 0.3", THREE, "kind",
         {"metric": "accuracy", "kinds": ["number"], "fitting": OF_NUMBERS}),
        ("domain.size", "<= 3 MB", ROUTE, "output", {"metric": "size", **NO_OUTPUT}),
        ("prise.rmse", "<= 0.9", THREE, "output",
         {"metric": "rmse", **NO_OUTPUT, "name": "prise", "near": "price", "outputs": ["price", "urgent", "tone"]}),
        ("accuracy", ">= 0.9", THREE, "output",
         {"metric": "accuracy", **NO_OUTPUT, "outputs": ["urgent", "tone"], "example": "urgent.accuracy"}),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_requirement(key, bar, signature, id_, values):
    assert found(parse, key, bar, signature) == [(f"requirement.{id_}", {"key": key, **values})]


def test_an_unknown_metric_is_shown_all_names_and_the_nearest():
    ((id_, values),) = found(parse, "acuracy", ">= 0.9")
    assert id_ == "requirement.unknown-metric"
    assert (values["key"], values["name"], values["near"]) == ("acuracy", "acuracy", "accuracy")
    assert values["known"] == list(METRICS.names())
    assert len(set(values["known"])) == len(values["known"])


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("recall['a\\'b']", "recall[a'b]"),
        ('recall["a\\\\b"]', "recall[a\\b]"),
        ("recall['']", 'recall[""]'),
        ("recall[' a']", 'recall[" a"]'),
        ("recall['a ']", 'recall["a "]'),
        ("recall['a]b']", 'recall["a]b"]'),
        ("recall['\"a']", 'recall["\\"a"]'),
        ('recall["\'a\\\\"]', 'recall["\'a\\\\"]'),
        ("recall[a'b]", "recall[a'b]"),
        ("recall[Xray]", "recall[Xray]"),
        ("recall['a\\\nb']", "recall[a\nb]"),
        ("recall[ a ]where x == 1", "recall[a] where x == 1"),
        (" domain . recall [ a ] where  x==1 ", "recall[a] where x == 1"),
    ],
)
def test_how_a_class_is_written(key, shown):
    read = parse(key, ">= 0.5", ROUTE)
    assert read.key == shown
    assert parse(shown, ">= 0.5", ROUTE) == read


@pytest.mark.parametrize(
    ("bar", "text", "value"),
    [
        (">= champion", "champion", 0.0),
        (">= champion - 0.01", "champion - 0.01", -0.01),
        (">= champion + 1 %", "champion + 0.01", 0.01),
        (" ≥  97 % ", "0.97", 0.97),
        (">= 1", "1", 1.0),
        (">= 0", "0", 0.0),
    ],
)
def test_how_a_bar_is_written(bar, text, value):
    read = parse("accuracy", bar, ROUTE)
    assert (read.bar_text, read.bar.value, read.bar.champion) == (text, value, "champion" in bar)
    assert str(read) == f"accuracy >= {text}"
    assert read.text == f"accuracy ≥ {text}"


def test_an_output_is_named_where_its_metric_fits_several():
    assert parse("price.rmse", "<= 1", THREE).key == "rmse"
    assert parse("tone.accuracy", ">= 0.9", THREE).key == "tone.accuracy"
    assert parse("urgent.recall", ">= 0.9", THREE).subject.of == "true"
    assert parse("tone.recall", ">= 0.9", THREE).subject.of is None
    assert parse("any.recall[x]", ">= 0.9").key == "any.recall[x]"
    assert parse("latency_p95", "≤ 15 ms", ROUTE).op == "<="
    assert parse("failure_rate", "<= 0", ROUTE).bar.value == 0
    assert parse("any.recall[x]", ">= 0.9").subject.output == "any"  # no signature to check it against
    assert parse("price.r2", ">= -3", THREE).bar.value == -3
    assert parse("tone.f1", ">= 0.5", THREE).metric.family == "classes"
    assert parse("latency_p95", "<= champion - 15 ms", ROUTE).bar.value == -0.015
