"""The signature reads what it writes, and says all that is wrong, with columns."""

from __future__ import annotations

import keyword
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.core.messages import ProjectError
from modelwright.core.signature import RESERVED_FIELDS, RESERVED_FUNCTIONS, RESERVED_OUTPUTS, Field, Signature

_TAKEN = RESERVED_FIELDS | RESERVED_FUNCTIONS | RESERVED_OUTPUTS
_START = string.ascii_letters + "问题部门äéñД"
names = st.builds(
    lambda first, rest: first + rest,
    st.sampled_from(_START),
    st.text(_START + string.digits + "_", max_size=8),
).filter(lambda name: not keyword.iskeyword(name) and name not in _TAKEN)


@st.composite
def signatures(draw):
    taken = draw(st.lists(names, min_size=3, max_size=8, unique=True))
    fields = [Field(name, draw(names), draw(st.booleans())) for name in taken[1:]]
    cut = draw(st.integers(1, len(fields) - 1))
    return Signature(taken[0], tuple(fields[:cut]), tuple(fields[cut:]))


@given(signatures())
def test_reads_what_it_writes(signature):
    assert Signature.parse(str(signature)) == signature


@given(signatures())
def test_the_mapping_form_is_the_same(signature):
    inputs = {f.name: f.kind + "?" * f.optional for f in signature.inputs}
    outputs = {f.name: f.kind + "?" * f.optional for f in signature.outputs}
    assert Signature.build(signature.name, inputs, outputs) == signature


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        signature = Signature.parse(text)
    except ProjectError:
        return
    assert Signature.parse(str(signature)) == signature


def test_spaces_and_parentheses_are_free():
    plain = Signature.parse("f(a: text, b: number?) -> c: category?, d: boolean")
    assert Signature.parse(" f ( a:text ,b : number ? )->( c: category?,d:boolean ) ") == plain
    assert plain.inputs[1] == Field("b", "number", optional=True)


def test_names_are_composed():
    assert Signature.parse("f(cafe\u0301: text) -> y: category").inputs[0].name == "caf\u00e9"


def _ids(text: str) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        Signature.parse(text)
    return [problem.id for problem in caught.value.problems]


def test_all_problems_are_reported_together_with_columns():
    with pytest.raises(ProjectError) as caught:
        Signature.parse("v2(q text, id: x) -> q: 3, confidence: category")
    found = {problem.id: problem.found for problem in caught.value.problems}
    assert found.keys() >= {
        "signature.reserved-function", "signature.name", "signature.kind", "signature.reserved-field",
    }  # fmt: skip
    assert found["signature.name"] == "`q text` cannot be the name of an input (column 4)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["signature.syntax"]),
        ("route", ["signature.syntax"]),
        ("route(a: b)", ["signature.syntax"]),
        ("f(a: b)(c: d) -> e: f", ["signature.syntax"]),
        ("f() -> y: number", ["signature.no-fields"]),
        ("f(x: text) -> ", ["signature.no-fields"]),
        ("f(x: text) -> x: number", ["signature.duplicate-field"]),
        ("f(x: text) -> class: number", ["signature.name"]),
        ("f(_x: text) -> y: number", ["signature.name"]),
        ("f(x: text, x: text) -> y: number", ["signature.duplicate-field"]),
        ("f(x: text) -> version: number", ["signature.reserved-field"]),
        ("f(x: text,) -> y: number", ["signature.name", "signature.kind"]),
        ("openapi.json(x: text) -> y: number", ["signature.name", "signature.reserved-function"]),
    ],
)
def test_each_mistake_has_its_message(text, expected):
    assert _ids(text) == expected


@pytest.mark.parametrize("name", sorted(RESERVED_FUNCTIONS))
def test_paths_of_the_gateway_are_no_functions(name):
    assert _ids(f"{name}(x: text) -> y: number") == ["signature.reserved-function"]


def test_an_input_may_be_called_confidence():
    assert Signature.parse("f(confidence: number) -> y: number").inputs[0].name == "confidence"


@pytest.mark.parametrize(
    ("text", "within", "optional"),
    [
        ("number[0..500]", (0.0, 500.0), False),
        ("number [ -1.5 .. 2e3 ] ?", (-1.5, 2000.0), True),
        ("number[.5..+1]?", (0.5, 1.0), True),
        ("number?", None, True),
    ],
)
def test_an_output_declares_its_range(text, within, optional):
    found = Signature.parse(f"f(a: number) -> y: {text}, z: category")
    assert found.outputs[0] == Field("y", "number", optional, within)
    assert Signature.parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("f(a: number) -> y: number[5..1]", "signature.range"),
        ("f(a: number) -> y: number[1..1]", "signature.range"),
        ("f(a: number) -> y: number[0..1e400]", "signature.range"),
        ("f(a: number[0..1]) -> y: number", "signature.range"),
        ("f(a: number) -> y: number[0, 1]", "signature.name"),
        ("f(a: number) -> y: number[0..]", "signature.kind"),
        ("f(a: number) -> y: number[a..b]", "signature.kind"),
    ],
)
def test_what_is_no_range_is_refused(text, id_):
    with pytest.raises(ProjectError) as caught:
        Signature.parse(text)
    assert id_ in [problem.id for problem in caught.value.problems]
    assert all(str(problem) for problem in caught.value.problems)
