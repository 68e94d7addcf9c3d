"""`modelwright new`: what it writes is a project that reads, and nothing is overwritten."""

import json
import tomllib
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from modelwright.cli.new import examples, make
from modelwright.cli.verbs.begin import new
from modelwright.core.messages import ProjectError
from modelwright.project.declaration import project_file


def test_the_template_is_a_valid_project(tmp_path):
    made = make(tmp_path / "p")
    opened = project_file.read(tmp_path / "p" / "modelwright.yaml")
    assert opened.signature.name == "label"
    assert set(made.files) == {"modelwright.yaml", "data/README.txt", ".modelwright/modelwright.schema.json"}
    schema = json.loads((tmp_path / "p" / ".modelwright" / "modelwright.schema.json").read_text())
    assert "function" in schema["properties"]


@pytest.mark.parametrize(("example", "function"), [("insurance-routing", "route"), ("credit-risk", "assess")])
def test_an_example_is_copied_and_valid(tmp_path, example, function):
    assert example in examples()
    made = make(tmp_path / "p", example)
    assert made.files == ("modelwright.yaml",)
    assert project_file.read(tmp_path / "p").signature.name == function


def test_the_help_names_every_example():
    _, option = get_args(get_type_hints(new, include_extras=True)["example"])
    assert option.help == f"Begin from an example: {', '.join(sorted(examples()))}"


def test_an_example_comes_with_its_rows(tmp_path):
    made = make(tmp_path / "p", "chat")
    assert made.files == ("modelwright.yaml", "rows.jsonl")
    assert project_file.read(tmp_path / "p").signature.name == "chat"


def test_an_example_comes_with_the_script_that_writes_its_rows(tmp_path):
    made = make(tmp_path / "p", "assistant")
    assert made.files == ("find/modelwright.yaml", "make_rows.py", "modelwright.yaml")
    assert made.next_steps[0].endswith("python make_rows.py")
    assert made.next_steps[1:] == ("modelwright run --project find", "modelwright run")
    assert project_file.read(tmp_path / "p").file.use == {"find": "find"}
    assert project_file.read(tmp_path / "p" / "find").signature.name == "answer"


def test_the_wheel_carries_the_examples():
    wheel = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["only-include"]) == {"src/modelwright", *(f"examples/{name}" for name in examples())}
    assert wheel["sources"]["examples"] == "modelwright/examples"
    # it takes what git ignores as well: the runs and the records of a checkout that was used
    assert "force-include" not in wheel


def test_an_unknown_example_makes_nothing(tmp_path):
    with pytest.raises(ProjectError) as caught:
        make(tmp_path / "p", "insurance-routng")
    assert caught.value.problems[0].next_step == "did you mean `insurance-routing`?"
    assert not (tmp_path / "p").exists()


def test_nothing_is_overwritten(tmp_path):
    make(tmp_path / "p")
    before = (tmp_path / "p" / "modelwright.yaml").read_text()
    (tmp_path / "file").write_text("x")
    for folder in ("p", "file"):
        with pytest.raises(ProjectError) as caught:
            make(tmp_path / folder, "insurance-routing")
        assert caught.value.problems[0].id == "new.exists"
    assert (tmp_path / "p" / "modelwright.yaml").read_text() == before


def test_a_folder_with_other_files_may_become_a_project(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    make(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "x"


@pytest.mark.parametrize("place", ["/proc/x", "/sys/x/y", "/dev/null/x", "a" * 300, "zero\0byte"])
@pytest.mark.parametrize("example", [None, "insurance-routing"])
def test_a_place_where_nothing_can_be_made_is_said(place, example):
    with pytest.raises(ProjectError) as error:
        make(Path(place), example)
    assert error.value.problems[0].id in {"new.unwritable", "new.exists"}
