"""What is refused is refused in full: the whole message of each way to be wrong, not only its id."""

from __future__ import annotations

import pytest
from requirement_texts import parse

from modelwright.core.messages import ProjectError
from modelwright.core.requirements.slices import Slice
from modelwright.core.signature import Signature
from modelwright.core.units import Unit, parse_bytes, parse_quantity

ONE = Signature.parse("route(question: text) -> domain: category")
TWO = Signature.parse("f(x: text) -> domain: category, urgent: boolean, price: number")

REQUIREMENTS = [
    ("", ">= 0.9", ONE),
    ("recall[a", ">= 0.9", ONE),
    ("acuracy", ">= 0.9", ONE),
    ("zzz", ">= 0.9", ONE),
    ("accuracy[fraud]", ">= 0.9", ONE),
    ("accuracy", "<= 0.9", ONE),
    ("accuracy", "< 0.9", ONE),
    ("size", ">= 60 MB", ONE),
    ("accuracy", "0.9", ONE),
    ("accuracy", "high", ONE),
    ("size", "60 MB", ONE),
    ("accuracy", 0.9, ONE),
    ("accuracy", "== 0.9", ONE),
    ("accuracy", ">= 97", ONE),
    ("accuracy", ">= 101", ONE),
    ("accuracy", ">= -0.1", ONE),
    ("accuracy", ">= champion - 3", ONE),
    ("accuracy", ">= 5 ms", ONE),
    ("latency_p95", "<= 15", ONE),
    ("latency_p95", "<= champion + 15", ONE),
    ("latency_p95", "<= -15 ms", ONE),
    ("rmse", "<= 3", ONE),
    ("domain.rmse", "<= 3", TWO),
    ("domain.size", "<= 3 MB", ONE),
    ("domein.accuracy", ">= 0.9", ONE),
    ("nothing.accuracy", ">= 0.9", TWO),
    ("accuracy", ">= 0.9", TWO),
    ("urgent.recall[maybe]", ">= 0.9", TWO),
    ("accuracy where", ">= 0.9", ONE),
    ("rmse[a] where lang = 3", ">= 5 ms", ONE),
]
SLICES = [
    "", "a", "a ==", "a == zh", "a == 'x' or b == 'y'", "a in []", "a in 'x'", "a in ['x' 'y']", "and == 3",
    "a == 1 and", "a = 1", "a == 'x", "len(a) > 3", "a == 1 b == 2", "a ! 3", "a has", "in in [1]",
    "a == " + "z" * 40,
]  # fmt: skip
SIGNATURES = [
    "", "route", "route(a: b)", "f(a: b)(c: d) -> e: f", "f() -> y: number", "f(x: text) -> ",
    "f(x: text) -> x: number", "f(x: text) -> class: number", "f(_x: text) -> y: number", "2f(x: text) -> y: number",
    "f(x: text, x: text) -> y: number", "f(x: text) -> version: number", "f(x: text,) -> y: number",
    "openapi.json(x: text) -> y: number", "metrics(x: text) -> y: number", "f(x) -> y: number",
    "f(x: text) -> y: 3", "v2(q text, id: x) -> q: 3, confidence: category", "f(x: a b) -> y: number",
]  # fmt: skip
QUANTITIES = [
    ("15", Unit.SECONDS), (15, Unit.SECONDS), ("60", Unit.BYTES), (" 60 XB ", Unit.BYTES), ("97 ms", Unit.FRACTION),
    ("50", Unit.PER_SECOND), ("2 kg", Unit.OUTPUT), ("fast", Unit.SECONDS), ("", Unit.NUMBER), ("nan", Unit.OUTPUT),
    ("1e999", Unit.NUMBER), (True, Unit.FRACTION), ("x", Unit.BYTES), ("x", Unit.PER_SECOND),
]  # fmt: skip


def _refused(read, *given) -> str:
    with pytest.raises(ProjectError) as caught:
        read(*given)
    return "".join(f"  {problem}\n" for problem in caught.value.problems)


def test_requirements(gold):
    lines = [f"{key!r}: {bar!r} of {of}\n{_refused(parse, key, bar, of)}" for key, bar, of in REQUIREMENTS]
    gold("core/refused_requirements.txt", "\n".join(lines))


def test_slices(gold):
    gold("core/refused_slices.txt", "\n".join(f"{text!r}\n{_refused(Slice.parse, text)}" for text in SLICES))


def test_a_slice_of_an_unknown_column(gold):
    lines = []
    for text in ("langg == 'zh' and lang == 'x'", "a == 1 and b == 2", "`a b` == 1"):
        lines.append(f"{text!r}\n{_refused(Slice.parse(text).rows, {'lang': ['zh'], 'n': [1.0]})}")
    gold("core/refused_columns.txt", "\n".join(lines))


def test_signatures(gold):
    lines = [f"{text!r}\n{_refused(Signature.parse, text)}" for text in SIGNATURES]
    gold("core/refused_signatures.txt", "\n".join(lines))


def test_the_mapping_form_of_a_signature(gold):
    given = [
        ("", {}, {}),
        ("f", {}, {"y": "number"}),
        ("f", {"x": "text"}, {"x": "number"}),
        ("f", {"x y": "te xt"}, {"version": "?"}),
        ("metrics", {"x": "text"}, {"y": "number"}),
    ]
    lines = [f"{name!r} {inputs} {outputs}\n{_refused(Signature.build, name, inputs, outputs)}"
             for name, inputs, outputs in given]  # fmt: skip
    gold("core/refused_mappings.txt", "\n".join(lines))


def test_quantities(gold):
    lines = [f"{text!r} as {unit}\n{_refused(parse_quantity, text, unit)}" for text, unit in QUANTITIES]
    lines += [
        f"{text!r} as a number of bytes\n{_refused(parse_bytes, text)}" for text in ("2", "2 XiB", "two MB")
    ]
    gold("core/refused_quantities.txt", "\n".join(lines))
