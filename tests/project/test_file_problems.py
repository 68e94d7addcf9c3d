"""The messages about a project file that is wrong: one gold message for each way to be wrong."""

import codecs
import re
from pathlib import Path

import pytest

from modelwright.cli.problem_texts import worded
from modelwright.core.messages import ProjectError
from modelwright.gateway.config import ServeConfig
from modelwright.project.declaration import project_file

GOLD = Path(__file__).parents[1] / "gold" / "project"
GOOD = 'function: "route(question: text) -> domain: category"\ndata: {source: x.csv}\n'


@pytest.mark.parametrize("case", sorted(path.stem for path in GOLD.glob("*.yaml")))
def test_a_wrong_file_is_explained_in_plain_words(case, gold, tmp_path):
    path = tmp_path / "modelwright.yaml"
    path.write_bytes((GOLD / f"{case}.yaml").read_bytes())
    with pytest.raises(ProjectError) as caught:
        project_file.read(path)
    problems = caught.value.problems
    gold(f"project/{case}.txt", "".join(f"{worded(problem)}\n\n" for problem in problems))
    for problem in problems:
        assert problem.where is not None
        assert problem.where.startswith("modelwright.yaml")
        assert "pydantic" not in str(problem)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (codecs.BOM_UTF16_LE + GOOD.encode("utf-16-le"), "the file is UTF-16 text"),
        (b"\x7fELF\x02\x00", "the file is binary: there is a zero byte at position 5"),
        (GOOD.encode() + "purpose: 保险".encode("gb18030"), "the byte 0xb1 on line 3 is not UTF-8"),
        (b"#" * ((1 << 20) + 1), "the file has 1,048,577 bytes, more than 1,048,576"),
    ],
)
def test_what_is_no_text_is_named(tmp_path, content, found):
    path = tmp_path / "modelwright.yaml"
    path.write_bytes(content)
    with pytest.raises(ProjectError) as caught:
        project_file.read(path)
    (problem,) = caught.value.problems
    assert problem.id == "project.unreadable"
    assert problem.found == found
    assert problem.where == str(path)


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    for path, found in (
        (tmp_path, "there is no `modelwright.yaml` in this folder"),
        (tmp_path / "no.yaml", "there is no such file"),
    ):
        with pytest.raises(ProjectError) as caught:
            project_file.read(path)
        assert caught.value.problems[0].found == found


def test_a_mapping_gives_the_same_problems_with_keys_as_places():
    with pytest.raises(ProjectError) as caught:
        project_file.from_mapping(
            {
                "function": "route(question: text) -> domain: category",
                "data": {"sorce": "x.csv"},
                "requirements": {"acuracy": ">= 0.9"},
            }
        )
    assert [(p.id, p.where) for p in caught.value.problems] == [
        ("project.unknown-key", "data.sorce"),
        ("requirement.unknown-metric", "requirements.acuracy"),
    ]


@pytest.mark.parametrize("old", sorted(ServeConfig.renamed))
def test_every_old_key_of_serve_names_one_that_exists(old):
    content = {"function": "f(x: text) -> y: category", "data": {"source": "x.csv"}, "serve": {old: False}}
    with pytest.raises(ProjectError) as caught:
        project_file.from_mapping(content)
    (problem,) = caught.value.problems
    assert problem.id == "project.renamed-key"
    section, _, key = ServeConfig.renamed[old].partition(".")
    assert key in type(getattr(ServeConfig(), section)).model_fields
    assert f"`serve.{section}.{key}`" in problem.found


def test_the_old_spelling_of_a_key_is_refused_with_the_new_one():
    content = {
        "function": "f(x: text) -> y: category",
        "data": {"source": "x.csv"},
        "serve": {"max_body": "2 MiB"},
    }
    with pytest.raises(ProjectError) as caught:
        project_file.from_mapping(content)
    (problem,) = caught.value.problems
    assert (problem.id, problem.where) == ("project.renamed-key", "serve.max_body")
    assert problem.found == "`serve.max_body` is now `serve.limits.body`"


@pytest.mark.parametrize(
    ("word", "kind"), [("integer", "number"), ("String", "text"), ("numbr", "number"), ("xyz", None)]
)
def test_a_kind_is_known_by_other_words_too(word, kind):
    with pytest.raises(ProjectError) as caught:
        project_file.from_mapping({"function": f"f(x: {word}) -> y: category", "data": {"source": "x.csv"}})
    (problem,) = caught.value.problems
    assert problem.values["near"] == kind


def test_a_problem_of_an_override_names_the_override(tmp_path):
    path = tmp_path / "modelwright.yaml"
    path.write_text(GOOD)
    with pytest.raises(ProjectError) as caught:
        project_file.read(path, ["learn.sede=1", "learn.epochs=0", "requirements.accuracy=> 2"])
    assert {(p.id, p.where) for p in caught.value.problems} == {
        ("project.unknown-key", "--set learn.sede"),
        ("project.bad-value", "--set learn.epochs"),
        ("requirement.range", "--set requirements.accuracy"),
    }


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("unseen_rate[contry]", "did you mean `country`?"),
        ("unseen_rate[note]", "does not know what training showed"),
        ("unseen_rate[xyzzy]", "take one of `country`, `age`"),
        ("unseen_rate[age]", None),
        ("unseen_rate[country]", None),
        ("unseen_rate", None),
    ],
)
def test_a_requirement_names_an_input_that_can_be_unseen(key, says):
    content = {
        "function": "f(country: category, age: number, note: text) -> y: category",
        "requirements": {key: "<= 1 %"},
        "data": {"source": "x.csv"},
    }
    if says is None:
        project_file.from_mapping(content)
        return
    with pytest.raises(ProjectError, match=re.escape(says)) as error:
        project_file.from_mapping(content)
    assert [problem.id for problem in error.value.problems] == ["requirement.input"]


@pytest.mark.parametrize(
    ("word", "as_input", "as_output"),
    [
        ("integer", "number", "number"),
        ("int", "number", "number"),
        ("int64", "number", "number"),
        ("float", "number", "number"),
        ("Float64", "number", "number"),
        ("double", "number", "number"),
        ("string", "text", "category"),
        ("str", "text", "category"),
        ("bool", "boolean", "boolean"),
        ("datetime", "date", None),
        ("timestamp", "date", None),
        ("list", "tags", "tags"),
        ("enum", "category", "category"),
    ],
)
def test_a_type_of_another_tool_suggests_the_kind(word, as_input, as_output):
    for function, kind in (
        (f"f(x: {word}) -> y: category", as_input),
        (f"f(x: number) -> y: {word}", as_output),
    ):
        with pytest.raises(ProjectError) as caught:
            project_file.from_mapping({"function": function, "data": {"source": "x.csv"}})
        (problem,) = caught.value.problems
        assert problem.id == "project.unknown-kind"
        assert problem.values["near"] == kind


@pytest.mark.parametrize(
    ("section", "key", "value", "rule"),
    [
        ("learn", "compile", "maybe", "it must be one of `auto`, `true`, `false`"),
        ("learn", "compile", 3, "it must be one of `auto`, `true`, `false`"),
        ("learn", "device", "gpu", "it must be written like `auto`, `cpu`, `cuda`, `cuda:1`"),
        (
            "release",
            "sticky",
            "x",
            "it must be written like `header x-user`, `cookie session`, `input customer`",
        ),
    ],
)
def test_every_choice_is_named_and_no_pattern_is_shown(section, key, value, rule):
    content = {"function": "f(x: text) -> y: category", "data": {"source": "x.csv"}, section: {key: value}}
    with pytest.raises(ProjectError) as caught:
        project_file.from_mapping(content)
    (problem,) = caught.value.problems
    assert problem.rule == rule
