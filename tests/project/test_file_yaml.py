"""YAML with places: the core schema, lines, bounds, and what a broken document says."""

import contextlib
import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwright.core.messages import ProjectError
from modelwright.core.messages.key_problems import dotted
from modelwright.project.declaration.yaml_lines import MAX_DEPTH, plain, read_document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("true", True),
        ("FALSE", False),
        ("", None),
        ("~", None),
        ("007", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("9" * 41, "9" * 41),
        ("1_000", "1_000"),
        (">= 0.97", ">= 0.97"),
    ],
)
def test_plain_scalars_follow_the_core_schema(text, value):
    found = plain(text)
    assert found == value
    assert type(found) is type(value)


def test_every_key_knows_its_line_and_its_text():
    document = read_document("a: 1.10\nb:\n  - x\n  - {c: no}\n", "f.yaml")
    assert document.value == {"a": 1.1, "b": ["x", {"c": "no"}]}
    assert document.lines["a",] == 1
    assert document.lines["b", 1, "c"] == 4
    assert document.texts["a",] == "1.10"


def test_quoted_scalars_stay_text():
    document = read_document("a: '1'\nb: \"true\"\n", "f.yaml")
    assert document.value == {"a": "1", "b": "true"}
    assert not document.texts


def test_all_duplicates_and_tags_are_reported_with_their_places():
    document = read_document("a: 1\nb: {c: 1, c: 2}\na: 3\nd: !!python/object:os.system x\n", "f.yaml")
    assert [(p.id, p.where) for p in document.problems] == [
        ("project.duplicate-key", "f.yaml:2"),
        ("project.duplicate-key", "f.yaml:3"),
        ("project.yaml-tag", "f.yaml:4"),
    ]
    assert document.value["a"] == 1


def test_an_anchor_is_followed():
    assert read_document("a: &x {k: 1}\nb: *x\n", "f").value == {"a": {"k": 1}, "b": {"k": 1}}


def test_a_billion_laughs_are_bounded():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(ProjectError) as caught:
        read_document("\n".join(lines), "f")
    assert caught.value.problems[0].id == "project.too-deep"


@pytest.mark.parametrize("text", ["a: &a [*a]", "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), "[" * 5_000])
def test_depth_is_bounded(text):
    with pytest.raises(ProjectError) as caught:
        read_document(text, "f")
    assert caught.value.problems[0].id in {"project.too-deep", "project.yaml-syntax"}


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("requirements:\n  accuracy: >= 0.97\n", 2, 'in quotes: accuracy: ">= 0.97"'),
        (
            "function: route(q: text) -> d: category\n",
            1,
            'in quotes: function: "route(q: text) -> d: category"',
        ),
        ("data:\n\tsource: x\n", 2, "spaces"),
        ("a: [1, 2\nb: 3\n", 2, "close the bracket"),
        ("a: 1\n---\nb: 2\n", 2, "one document"),
        ("a: *b\n", 1, "quotes"),
        ("a: 1\n b: 2\n", 2, ""),
    ],
)
def test_a_syntax_error_names_its_line_and_what_was_meant(text, line, hint):
    with pytest.raises(ProjectError) as caught:
        read_document(text, "modelwright.yaml")
    (problem,) = caught.value.problems
    assert problem.id == "project.yaml-syntax"
    assert problem.where == f"modelwright.yaml:{line}"
    assert hint in problem.next_step


def test_a_control_character_is_named():
    with pytest.raises(ProjectError) as caught:
        read_document("a: x\x07\n", "f")
    assert "U+0007" in caught.value.problems[0].found


# JSON writes what lies above U+FFFF as two escapes, which YAML reads as two characters.
_texts = st.text(st.characters(max_codepoint=0xFFFF), max_size=8)
_scalars = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | _texts
_scalars |= st.floats(allow_nan=False, allow_infinity=False)
_inner = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(_texts, _inner, max_size=4))
def test_json_is_read_as_json(value):
    assert read_document(json.dumps(value), "f").value == value


@settings(deadline=None)
@given(st.text(string.printable))
def test_any_text_is_a_document_or_a_project_error(text):
    with contextlib.suppress(ProjectError):
        read_document(text, "f")


def test_paths_are_written_as_in_a_file():
    assert dotted(("data", "keep", 0)) == "data.keep[0]"
