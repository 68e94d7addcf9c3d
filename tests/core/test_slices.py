"""Slices read what they write, run no code, and leave rows with missing values out."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.core.messages import ProjectError
from modelwright.core.requirements.slices import Condition, Slice
from modelwright.core.signature import Signature
from modelwright.kinds.slicing import sliced

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
    expected = [
        value is not None
        and (compare(value, bound) if isinstance(value, int) and not isinstance(value, bool) else op == "!=")
        for value in values
    ]
    assert Slice.parse(f"x {op} {bound}").mask({"x": values}).tolist() == expected


def test_conditions_are_joined():
    rows = {"lang": ["zh", "zh", None, "en"], "age": [70.0, 50.0, 80.0, 90.0]}
    assert Slice.parse("lang == 'zh' and age >= 60").mask(rows).tolist() == [True, False, False, False]
    assert Slice.parse("lang in ['en', 'zh']").mask(rows).tolist() == [True, True, False, True]
    assert Slice.parse("lang != 'zh'").mask(rows).tolist() == [False, False, False, True]
    assert Slice.parse("lang == 'zh'").mask({"lang": []}).dtype == np.bool_


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
        Slice.parse("langg == 'zh'").mask({"lang": ["zh"]})
    assert caught.value.problems[0].next_step == "did you mean `lang`?"


def test_a_set_has_a_member():
    rows = {
        "tags": [frozenset({"urgent", "new"}), frozenset(), None, frozenset({"new"})],
        "n": [1.0, 2.0, 3.0, 4.0],
    }
    assert Slice.parse("tags has 'urgent'").mask(rows).tolist() == [True, False, False, False]
    both = Slice.parse("n > 0 and tags has 'new'")
    assert both.mask(rows).tolist() == [True, False, False, True]
    assert str(both) == "n > 0 and tags has 'new'"
    assert Slice.parse(str(both)) == both
    assert not Slice.parse("n has 'urgent'").mask(rows).any()  # a number has no members


def test_slices_compare_what_a_kind_makes_comparable():
    signature = Signature.parse("f(x: text) -> y: tags")
    rows = {"x": ["a", None], "y": [frozenset({"b"}), None], "kept": [1, 2]}
    found = sliced("y has 'b'", signature, rows)
    assert Slice.parse("y has 'b'").mask(found).tolist() == [True, False]
    assert found["kept"] is rows["kept"]
