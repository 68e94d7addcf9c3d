"""A requirement reads what it writes, fills in what is clear, and says what is wrong."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requirement_texts import parse

from modelwright import outcomes
from modelwright.core.evidence.measurement import Subject
from modelwright.core.messages import ProjectError
from modelwright.core.requirements.requirement import OPERATORS, Bar, Requirement
from modelwright.core.signature import Signature
from modelwright.core.units import Unit

ROUTE = Signature.parse("route(question: text) -> domain: category")
TWO = Signature.parse("f(x: text) -> domain: category, urgent: boolean, price: number")
classes = st.text(min_size=0, max_size=10) | st.sampled_from(
    ["medicare-insurance", "lost card", "部门", 'a"]b', "it's"]
)


@st.composite
def requirements(draw):
    metric = draw(st.sampled_from(list(outcomes.metrics())))
    of = draw(st.none() | classes) if metric.per_class else None
    champion = draw(st.booleans())
    value = draw(st.floats(0, 1 if metric.unit is Unit.FRACTION else 1e12))
    sign = draw(st.sampled_from([1, -1])) if champion else 1
    where = draw(st.none() | st.sampled_from(["age >= 60 and lang == 'zh'", "lang in ['a', 'where']"]))
    return Requirement(
        Subject(metric.name, "domain" if metric.family else None, of, where),
        draw(st.sampled_from(OPERATORS[metric.better])),
        Bar(sign * value, champion),
        metric,
    )


@given(requirements())
def test_reads_what_it_writes(requirement):
    key, op, bar = requirement.key, requirement.op, requirement.bar_text
    assert str(requirement) == f"{key} {op} {bar}"
    of = requirement.subject.of
    if of is None or of == unicodedata.normalize("NFC", of):
        assert parse(key, f"{op} {bar}") == requirement


@given(st.text(max_size=25), st.text(max_size=15))
def test_any_text_is_read_or_refused(key, bar):
    for tried in (key, "accuracy", f"recall{key}"):
        try:
            found = parse(tried, bar, ROUTE)
        except ProjectError:
            continue
        assert parse(found.key, f"{found.op} {found.bar_text}", ROUTE) == found


@pytest.mark.parametrize(
    ("key", "bar", "text"),
    [
        ("accuracy", ">= 0.97", "accuracy >= 0.97"),
        ("recall[medicare-insurance]", ">= 0.90", "recall[medicare-insurance] >= 0.9"),
        ("recall[ lost card ]", ">=90%", "recall[lost card] >= 0.9"),
        ("recall['lost card']", "≥ 0.9", "recall[lost card] >= 0.9"),
        ('f1["a]b"]', "> 0.5", 'f1["a]b"] > 0.5'),
        ("latency_p95", "<= 15 ms", "latency_p95 <= 15 ms"),
        ("size", "<= 60 MB", "size <= 60 MB"),
        ("failure_rate", "<= 0.1 %", "failure_rate <= 0.001"),
        ("accuracy where lang=='zh'", ">= champion - 0.01", "accuracy where lang == 'zh' >= champion - 0.01"),
        ("recall[a]where lang=='zh'", ">= champion", "recall[a] where lang == 'zh' >= champion"),
        ("latency_p99", "<= champion + 1 ms", "latency_p99 <= champion + 1 ms"),
        ("domain.accuracy", ">= 0.97", "accuracy >= 0.97"),
    ],
)
def test_canonical_text(key, bar, text):
    assert str(parse(key, bar, ROUTE)) == text


def test_text_for_people():
    assert parse("latency_p95", "<= 0.015 s", ROUTE).text == "latency_p95 ≤ 15 ms"


def test_the_only_output_is_filled_in():
    found = parse("accuracy", ">= 0.9", ROUTE)
    assert found.subject == Subject("accuracy", "domain")
    assert found == parse("domain.accuracy", ">= 0.9", ROUTE)
    assert parse("rmse", "<= 2.5", TWO).subject == Subject("rmse", "price")
    assert parse("size", "<= 1 MB", TWO).subject == Subject("size")


def test_several_outputs_must_be_told_apart():
    assert _ids("accuracy", ">= 0.9", TWO) == ["requirement.output"]
    assert str(parse("urgent.accuracy", ">= 0.9", TWO)) == "urgent.accuracy >= 0.9"


def test_a_boolean_means_true():
    assert parse("urgent.recall", ">= 0.9", TWO) == parse("urgent.recall[true]", ">= 0.9", TWO)
    assert _ids("urgent.recall[maybe]", ">= 0.9", TWO) == ["requirement.class"]


def test_the_champion_bar_is_an_offset():
    assert parse("accuracy", ">= champion - 0.01").bar == Bar(-0.01, champion=True)
    assert parse("accuracy", ">= champion").bar == Bar(0.0, champion=True)
    assert parse("latency_p95", "<= champion + 2 ms").bar == Bar(0.002, champion=True)


def _ids(key, bar, signature=ROUTE) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        parse(key, bar, signature)
    return [problem.id for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("key", "bar", "expected"),
    [
        ("", ">= 0.9", ["requirement.key"]),
        ("recall[a", ">= 0.9", ["requirement.key"]),
        ("acuracy", ">= 0.9", ["requirement.unknown-metric"]),
        ("accuracy[fraud]", ">= 0.9", ["requirement.class"]),
        ("accuracy", "<= 0.9", ["requirement.direction"]),
        ("size", ">= 60 MB", ["requirement.direction"]),
        ("accuracy", "0.9", ["requirement.bar"]),
        ("accuracy", 0.9, ["requirement.bar"]),
        ("accuracy", "== 0.9", ["requirement.bar"]),
        ("accuracy", ">= 97", ["requirement.range"]),
        ("accuracy", ">= 5 ms", ["unit.symbol"]),
        ("latency_p95", "<= 15", ["unit.symbol"]),
        ("latency_p95", "<= champion + 15", ["unit.symbol"]),
        ("latency_p95", "<= -15 ms", ["requirement.range"]),
        ("rmse", "<= 3", ["requirement.kind"]),
        ("domain.size", "<= 3 MB", ["requirement.output"]),
        ("domein.accuracy", ">= 0.9", ["requirement.output"]),
        ("accuracy where", ">= 0.9", ["requirement.key"]),
        ("accuracy where lang = 3", ">= 0.9", ["slice.syntax"]),
        ("rmse[a] where lang = 3", ">= 5 ms",
         ["slice.syntax", "requirement.kind", "requirement.class", "requirement.direction", "unit.symbol"]),
    ],
)  # fmt: skip
def test_each_mistake_has_its_message(key, bar, expected):
    assert _ids(key, bar) == expected


def test_the_next_step_can_be_taken():
    with pytest.raises(ProjectError, match="did you mean `accuracy`"):
        parse("acuracy", ">= 0.9")
    with pytest.raises(ProjectError, match="write 97 %"):
        parse("accuracy", ">= 97")
    with pytest.raises(ProjectError, match=r'write ">= 0\.9"'):
        parse("accuracy", 0.9)
