"""A slice means what the kind of its column says: no literal of another type takes rows in silently."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from modelwright import kinds
from modelwright.core.messages import ProjectError, ValueProblem
from modelwright.core.signature import Signature
from modelwright.kinds.contract.value import Value
from modelwright.kinds.slicing import slice_problems, slice_rows, unshown_values

SIGNATURE = Signature.parse(
    "f(branch: category, age: number, member: boolean, day: date, words: text) -> topics: tags"
)
FIELDS = {
    "branch": ["1", "2", "3", None],
    "age": [1.0, 2.0, 30.0, None],
    "member": [True, False, True, None],
    "day": ["2024-03-01", "2024-03-02T10:00:00", "2025-01-01", None],
    "words": ["a", "2", "b c", None],
    "topics": [frozenset({"1", "x"}), frozenset(), frozenset({"2"}), None],
}
KEPT = {
    "number": [1, 2, 30, None],
    "float": [1.0, 2.0, 30.0, None],
    "flag": [True, False, True, None],
    "date": [date(2024, 3, 1), date(2024, 3, 2), date(2025, 1, 1), None],
    "moment": [datetime(2024, 3, 1, 10), datetime(2024, 3, 2), datetime(2025, 1, 1), None],
    "stray": ["1", "2", "30", "n/a"],
    "yes": ["yes", "no", "TRUE", "perhaps"],
    "city": ["Paris", " Lyon", "Par\u0069s", None],
    "post": ["02139", "2139", "90210", None],
    "clock": [time(1), time(2), time(3), None],
    "span": [timedelta(1), timedelta(2), timedelta(3), None],
    "bytes": [b"1", b"2", b"3", None],
}
COLUMNS = {**FIELDS, **KEPT}


@pytest.mark.parametrize(
    ("where", "inside"),
    [
        # a coded category, whichever way the code is written
        ("branch == 2", "2"),
        ("branch != 2", "1 3"),
        ("branch != 2.0", "1 3"),
        ("branch != '2'", "1 3"),
        ("branch in [1, '3']", "1 3"),
        ("age != '2'", "1 3"),
        ("age >= 2", "2 3"),
        ("member != true", "2"),
        ("member != 1", "2"),
        ("member == 'yes'", "1 3"),
        ("day >= '2024-03-02'", "2 3"),
        ("day != '2024-03-01'", "2 3"),
        ("words != '2'", "1 3"),
        ("words == ' b   c '", "3"),
        ("topics has 'x'", "1"),
        # kept columns, as their cells are
        ("number != 2", "1 3"),
        ("number != '2'", "1 3"),
        ("float in [1, 30]", "1 3"),
        ("flag != true", "2"),
        ("flag == 1", "1 3"),
        ("date != '2024-03-01'", "2 3"),
        ("moment >= '2024-03-02'", "2 3"),
        # kept columns of texts, as the literals are
        ("stray != 2", "1 3"),
        ("stray >= 2", "2 3"),
        ("stray in [2, 30]", "2 3"),
        ("stray != '2'", "1 3 4"),
        ("yes != true", "2"),
        ("yes != false", "1 3"),
        ("city != 'Lyon'", "1 3"),
        ("city == 'Paris'", "1 3"),
        ("post != 2139", "3"),  # 02139 is a code, and no number
        ("post == '02139'", "1"),
        ("branch != 2 and stray < 30", "1"),
    ],
)
def test_a_slice_holds_the_rows_that_its_column_means(where, inside):
    found = slice_rows(where, SIGNATURE, COLUMNS)
    assert [place + 1 for place, one in enumerate(found.inside) if one] == [
        int(one) for one in inside.split()
    ]
    assert not (found.inside & found.unjudged).any()


@pytest.mark.parametrize(
    ("where", "unjudged"),
    [
        ("stray != 2", "4"),
        ("stray != '2'", ""),
        ("yes != true", "4"),
        ("post != 2139", "1 4"),
        ("branch != 2", "4"),
        ("branch != 2 and age > 1", "4"),
        ("branch == 3 and stray < 5", ""),  # the row with the odd cell is of no known branch either: row 4
    ],
)
def test_rows_that_a_slice_cannot_judge_are_known(where, unjudged):
    found = slice_rows(where, SIGNATURE, COLUMNS)
    expected = [int(one) for one in unjudged.split()] or ([4] if "branch == 3" in where else [])
    assert [place + 1 for place, one in enumerate(found.unjudged) if one] == expected


@pytest.mark.parametrize(
    ("where", "id_", "next_"),
    [
        ("words != 2", "slice.literal", "write `'2'`"),
        ("words == true", "slice.literal", "write `'true'`"),
        ("age != true", "slice.literal", "name a value that `age` can have"),
        ("age != 'abc'", "slice.literal", "name a value that `age` can have"),
        ("member != 2", "slice.literal", "name a value that `member` can have"),
        ("member != 'maybe'", "slice.literal", "name a value that `member` can have"),
        ("member > false", "slice.operator", "write one of these"),
        ("day != 2024", "slice.literal", "name a value that `day` can have"),
        ("day > '01/03/2024'", "slice.literal", "name a value that `day` can have"),
        ("branch >= 2", "slice.literal", "name a value that `branch` can have"),
        ("branch >= '2'", "slice.literal", "name a value that `branch` can have"),
        ("branch has 2", "slice.operator", "write one of these"),
        ("branch == ''", "slice.literal", "name a value that `branch` can have"),
        ("topics != 'x'", "slice.operator", "write one of these"),
        ("topics has 1", "slice.literal", "write `'1'`"),
        ("words >= '10'", "slice.literal", "name a value that `words` can have"),
        ("flag != 2", "slice.literal", "name a value that `flag` can have"),
        ("number != 'x'", "slice.literal", "name a value that `number` can have"),
        ("date != 3", "slice.literal", "name a value that `date` can have"),
        ("city != 3", "slice.no-such-cell", "write `'3'`"),
        ("city != true", "slice.no-such-cell", "write `'true'`"),
        ("stray >= '2'", "slice.literal", "name a value that `stray` can have"),
        ("clock != '01:00'", "slice.column", "keep a column that says the same as one of these"),
        ("span != 1", "slice.column", "keep a column that says the same as one of these"),
        ("bytes != '1'", "slice.column", "keep a column that says the same as one of these"),
        ("brnch == 2", "slice.unknown-column", "did you mean `branch`?"),
    ],
)
def test_what_does_not_compare_is_refused(where, id_, next_):
    with pytest.raises(ProjectError) as caught:
        slice_rows(where, SIGNATURE, COLUMNS)
    (problem,) = caught.value.problems
    assert (problem.id, problem.next_step) == (id_, next_)
    assert str(problem)


def test_a_column_of_missing_values_judges_no_row():
    found = slice_rows("empty != 2", SIGNATURE, {"empty": [None, None]})
    assert found.unjudged.all()
    assert not found.inside.any()


@pytest.mark.parametrize(
    ("where", "near"),
    [
        ("branch != 4", "name one of `1`, `2`, `3`"),
        ("branch in [1, 22]", "did you mean `2`?"),
        ("city != 'Pariss'", "did you mean `Paris`?"),
        ("topics has 'xx'", "did you mean `x`?"),
    ],
)
def test_a_value_that_no_row_shows_is_named(where, near):
    (problem,) = unshown_values(where, SIGNATURE, COLUMNS)
    assert problem.id == "slice.unknown-value"
    assert problem.next_step == near


@pytest.mark.parametrize(
    "where",
    ["branch != 2", "age == 99", "day != '1999-01-01'", "words == 'z'", "member == true", "number != 7"],
)
def test_values_of_open_kinds_may_be_new(where):
    assert not list(unshown_values(where, SIGNATURE, COLUMNS))


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("contrct == 'a'", ["slice.unknown-column"]),
        ("kept == 'a'", []),
        ("member >= true and age == 'x'", ["slice.literal", "slice.operator"]),
    ],
)
def test_a_declared_signature_tells_before_there_is_data(where, ids):
    found = list(slice_problems(where, SIGNATURE, kept=["kept"]))
    assert sorted(problem.id for problem in found) == ids


def test_open_inputs_wait_for_the_data():
    assert not list(slice_problems("contrct == 'a'", SIGNATURE, kept=[], open_inputs=True))


def test_a_kind_that_compares_as_something_else_takes_that_too():
    class Stars(Value[str]):
        name, summary, roles = "stars", "stars", frozenset()

        def schema(self):
            return {}

        def parse(self, raw, *, lenient=False):
            if not isinstance(raw, str) or set(raw) != {"★"}:
                raise ValueProblem("value.not-a-text", shown="")
            return raw

        def comparable(self, value):
            return float(len(value))

    assert Stars().literal("★★★", ">=") == 3.0
    assert Stars().literal(4.0, ">=") == 4.0
    with pytest.raises(ValueProblem):
        Stars().literal("four", ">=")


@pytest.mark.parametrize("kind", kinds.names())
@pytest.mark.parametrize("operator", ["==", "!=", "<", ">=", "has", "in"])
def test_what_a_kind_does_not_compare_is_refused_with_what_to_do(kind, operator):
    """Also where nothing of a kind compares: a rule that lists nothing, and "one of these", would help nobody."""
    literal = "[1]" if operator == "in" else "1"
    where = f"a {operator} {literal}"
    problems = list(slice_problems(where, Signature.parse(f"f(a: {kind}) -> y: category"), kept=[]))
    if operator in kinds.value(kind).operators:
        assert all(one.id == "slice.literal" for one in problems)
        return
    (problem,) = problems
    assert problem.id == "slice.operator"
    if kinds.value(kind).operators:
        assert "`" in (problem.rule or "")
        assert problem.next_step == "write one of these"
    else:
        assert "keep a column" in (problem.next_step or "")
