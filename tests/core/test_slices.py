"""Slices read what they write, run no code, and leave rows with missing values out."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.core.messages import ProjectError
from modelwright.core.requirements.slices import Condition, Slice

COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
columns = st.sampled_from(["lang", "age", "语言", "customer age", "in", "true"])
texts = st.text(max_size=6)
literals = texts | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()


def _condition(column, op, values):
    return Condition(column, op, tuple(values) if op == "in" else (values[0],))


conditions = st.builds(
    _condition,
    columns,
    st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in"]),
    st.lists(literals, min_size=1, max_size=3),
)


@given(st.lists(conditions, min_size=1, max_size=3))
def test_reads_what_it_writes(parts):
    text = " and ".join(map(str, parts))
    once = Slice.parse(text)
    assert Slice.parse(str(once)) == once
    assert str(Slice.parse(str(once))) == str(once)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        found = Slice.parse(text)
    except ProjectError:
        return
    assert Slice.parse(str(found)) == found


@given(
    st.lists(st.none() | st.integers(-3, 3) | st.sampled_from(["a", "b"]) | st.booleans(), max_size=20),
    st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
    st.integers(-3, 3),
)
def test_numbers_match_as_python_compares_them(values, op, bound):
    compare = COMPARE[op]
    numbers = [isinstance(value, int) and not isinstance(value, bool) for value in values]
    found = Slice.parse(f"x {op} {bound}").rows({"x": values})
    assert found.inside.tolist() == [
        number and compare(value, bound) for number, value in zip(numbers, values, strict=True)
    ]
    assert found.unjudged.tolist() == [not number for number in numbers]  # `!=` takes in none of them


def test_conditions_are_joined():
    rows = {"lang": ["zh", "zh", None, "en"], "age": [70.0, 50.0, 80.0, 90.0]}
    assert Slice.parse("lang == 'zh' and age >= 60").rows(rows).inside.tolist() == [True, False, False, False]
    assert Slice.parse("lang in ['en', 'zh']").rows(rows).inside.tolist() == [True, True, False, True]
    assert Slice.parse("lang != 'zh'").rows(rows).inside.tolist() == [False, False, False, True]
    assert Slice.parse("lang == 'zh'").rows({"lang": []}).inside.dtype == np.bool_


def test_equal_slices_are_equal_text():
    assert str(Slice.parse('b>=60.0   and a == "x"')) == str(Slice.parse("a=='x' and b >= 60 and b >= 60"))
    assert str(Slice.parse("a in ['y', 'x']")) == "a in ['x', 'y']"


def test_columns_are_named():
    assert Slice.parse("`customer age` > 3 and lang == 'zh'").columns == ("customer age", "lang")


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "a ==", "a == zh", "a == 'x' or b == 'y'", "a in []", "a in 'x'", "and == 3", "a == 1 and",
        "a = 1", "__import__('os').system('true')", "a == 'x", "len(a) > 3", "a == 1 b == 2",
    ],
)  # fmt: skip
def test_what_is_no_slice_is_refused(text):
    with pytest.raises(ProjectError) as caught:
        Slice.parse(text)
    assert caught.value.problems[0].id == "slice.syntax"


def test_an_unknown_column_is_told():
    with pytest.raises(ProjectError) as caught:
        Slice.parse("langg == 'zh'").rows({"lang": ["zh"]})
    assert caught.value.problems[0].next_step == "did you mean `lang`?"


def test_a_set_has_a_member():
    rows = {
        "tags": [frozenset({"urgent", "new"}), frozenset(), None, frozenset({"new"})],
        "n": [1.0, 2.0, 3.0, 4.0],
    }
    assert Slice.parse("tags has 'urgent'").rows(rows).inside.tolist() == [True, False, False, False]
    both = Slice.parse("n > 0 and tags has 'new'")
    assert both.rows(rows).inside.tolist() == [True, False, False, True]
    assert str(both) == "n > 0 and tags has 'new'"
    assert Slice.parse(str(both)) == both
    assert not Slice.parse("n has 'urgent'").rows(rows).inside.any()  # a number has no members


def test_a_row_that_one_condition_leaves_out_needs_no_judging():
    rows = {"lang": ["zh", None, "en", None], "age": [None, 80.0, None, 3.0]}
    found = Slice.parse("lang == 'zh' and age > 60").rows(rows)
    assert found.inside.tolist() == [False] * 4
    assert found.unjudged.tolist() == [True, True, False, False]
