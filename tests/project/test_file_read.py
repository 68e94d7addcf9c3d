"""Reading a project file that is right: what it means, and where it is found."""

import codecs
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwright.core import digests
from modelwright.core.messages import ModelwrightError, ProjectError
from modelwright.project.declaration import project_file
from modelwright.project.declaration.find import FILE_NAME, find, nearest
from modelwright.project.declaration.json_schema import schema

GOOD = 'function: "route(question: text) -> domain: category"\ndata: {source: x.csv}\n'


@pytest.fixture
def project(tmp_path):
    def write(text):
        path = tmp_path / FILE_NAME
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_file_is_read_with_its_places(project):
    path = project(GOOD + 'requirements:\n  accuracy: ">= 0.9"\n  size: "<= 60 MB"\nlearn: {seed: 4}\n')
    opened = project_file.read(path)
    assert str(opened.signature) == "route(question: text) -> domain: category"
    assert [str(one) for one in opened.requirements] == ["accuracy >= 0.9", "size <= 60 MB"]
    assert opened.file.learn.seed == 4
    assert opened.folder == path.parent
    assert not opened.open_inputs
    assert opened.where(("requirements", "size")) == "modelwright.yaml:5"
    assert opened.where(("learn", "budget")) == "modelwright.yaml:6"
    assert opened.where(("monitor", "window")) == "modelwright.yaml"


def test_a_folder_stands_for_its_file(project):
    assert project_file.read(project(GOOD).parent).path.name == FILE_NAME


def test_the_same_content_as_a_dict_says_the_same(project):
    mapping = {"function": "route(question: text) -> domain: category", "data": {"source": "x.csv"}}
    assert project_file.from_mapping(mapping).file == project_file.read(project(GOOD)).file


def test_text_stays_as_written_where_text_is_wanted(project):
    columns = "{source: x.csv, columns: {question: 1.10, domain: true}, untested: [no, 07]}"
    data = project_file.read(project(GOOD.replace("{source: x.csv}", columns))).file.data
    assert data.columns == {"question": "1.10", "domain": "true"}
    assert data.untested == ("no", "07")


def test_no_is_false_where_a_truth_value_is_wanted(project):
    assert (
        project_file.read(project(GOOD + "serve: {record: {enabled: no}}\n")).file.serve.record.enabled
        is False
    )


def test_a_section_without_keys_means_the_defaults(project):
    opened = project_file.read(project(GOOD + "learn:\n  # seed: 1\nrequirements:\n"))
    assert opened.file.learn.seed == 0
    assert opened.requirements == ()


def test_a_long_signature_is_a_mapping(project):
    text = """
        function:
          name: f
          inputs:
            a: number?
            b: category
          outputs: {y: boolean}
        data: {source: x.csv}
    """
    assert str(project_file.read(project(text)).signature) == "f(a: number?, b: category) -> y: boolean"


def test_inputs_may_be_left_to_the_data(project):
    text = """
        function: {name: f, inputs: "*", outputs: {y: boolean}}
        data: {source: x.csv, columns: {anything: column}}
        requirements: {accuracy where age >= 30: ">= 0.9", "recall[true]": ">= 0.5"}
    """
    opened = project_file.read(project(text))
    assert opened.open_inputs
    assert opened.signature.inputs == ()
    assert [str(one.subject) for one in opened.requirements] == [
        "y.accuracy where age >= 30",
        "y.recall[true]",
    ]


def test_an_override_counts_and_names_itself(project):
    opened = project_file.read(project(GOOD), ["learn.seed=7", "requirements.recall[x]=>= 0.9"])
    assert opened.file.learn.seed == 7
    assert [str(one) for one in opened.requirements] == ["recall[x] >= 0.9"]
    assert opened.where(("learn", "seed")) == "--set learn.seed"
    assert opened.where(("data", "source")) == "modelwright.yaml:2"


def test_a_byte_order_mark_and_windows_lines_are_taken(tmp_path):
    path = tmp_path / FILE_NAME
    path.write_bytes(codecs.BOM_UTF8 + GOOD.replace("\n", "\r\n").encode())
    assert project_file.read(path).signature.name == "route"


def test_the_file_is_found_upwards(project, tmp_path):
    path = project(GOOD)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find(below) == path
    assert nearest(Path(os.sep)) is None
    with pytest.raises(ProjectError):
        find(Path(os.sep))


def test_every_field_is_described():
    made = schema()
    for model in (made, *made["$defs"].values()):
        for name, value in model.get("properties", {}).items():
            assert value.get("description"), f"{model.get('title')}.{name}"
    assert made["additionalProperties"] is False


def test_the_schema_takes_what_the_file_takes():
    """An editor must not mark `source: data/questions.parquet`, which is read as a list of one."""
    made = schema()["$defs"]

    def types(section, key):
        value = made[section]["properties"][key]
        return {
            one.get("type") for branch in value["anyOf"] for one in (branch, *branch.get("anyOf", ()))
        } - {None}

    assert {"string", "array"} <= types("DataConfig", "source")
    assert {"object", "array"} <= types("DataConfig", "keep")
    assert {"integer", "string"} <= types("LimitsConfig", "body")


_yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
_keys = st.sampled_from([*project_file.ProjectFile.model_fields, "nonsense"])


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(_keys, _yaml_values, max_size=4))
def test_any_mapping_is_a_project_or_a_project_error(mapping):
    try:
        opened = project_file.from_mapping(mapping)
    except ProjectError as error:
        assert all(problem.next_step and problem.found for problem in error.problems)  # noqa: PT017
    else:
        assert opened.signature.outputs


@pytest.mark.parametrize("load", ["0 /s", "-5 /s", "fast", "5 ms"])
def test_a_load_is_a_rate_above_nothing(load):
    with pytest.raises(ProjectError) as caught:
        project_file.from_mapping({"function": "f(a: number) -> b: category", "scenario": {"load": load}})
    assert caught.value.problems[0].where == "scenario.load"


def options_below(part: Any, models: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every key of the file that its schema describes, four deep."""
    if "$ref" in part:
        part = models[part["$ref"].rpartition("/")[2]]
    for key, inner in part.get("properties", {}).items():
        yield (*path, key)
        if len(path) < 4:
            yield from options_below(inner, models, (*path, key))
    for branch in part.get("anyOf", []):
        yield from options_below(branch, models, path)


def assert_shown(error: ModelwrightError) -> None:
    assert all(map(str, error.problems))


@pytest.mark.parametrize("value", [float("inf"), 10**400, [[1]], {"a": {}}, {"accuracy": None}], ids=range(5))
def test_no_value_of_any_option_is_an_internal_error(value: Any) -> None:
    made = schema()
    every = sorted(set(options_below(made, made["$defs"])))
    assert len(every) > 150
    for path in every:
        file: dict[str, Any] = {"function": "f(a: number) -> b: category", "data": {"source": "x.csv"}}
        part = file
        for key in path[:-1]:
            inner = part.get(key)
            part[key] = inner if isinstance(inner, dict) else {}
            part = part[key]
        part[path[-1]] = value
        try:
            opened = project_file.from_mapping(file, (), Path("/project"))
        except ModelwrightError as error:
            assert_shown(error)
        else:
            digests.of_json(opened.file.model_dump(mode="json"))  # as the keys of artifacts are


@pytest.mark.parametrize("bar", ["", " {min: 0.9}", " [0.9]"])
def test_a_bar_that_is_none_by_its_type_is_named(project, bar):
    with pytest.raises(ProjectError) as error:
        project_file.read(project(f"{GOOD}requirements:\n  accuracy:{bar}\n"))
    assert "requirements.accuracy" in str(error.value)
