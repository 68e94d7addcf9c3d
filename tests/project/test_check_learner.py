"""`check` refuses a learner that cannot learn the function, before anything is learned."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import tiny_encoder

from modelwright.core.messages import ProjectError
from modelwright.project.facade import Project

CHANCE = random.Random(1)
DECLARED = {
    "function": "f(size: number, colour: category) -> y: category",
    "data": {"source": "a.csv"},
    "learn": {"budget": "5 s"},
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        f"{CHANCE.gauss(0, 1):.4f},{CHANCE.choice(['red', 'blue'])},{CHANCE.choice('ab')}" for _ in range(300)
    ]
    (tmp_path / "a.csv").write_text("\n".join(["size,colour,y", *rows]))
    return tmp_path


def test_a_learner_of_texts_cannot_learn_a_table(table: Path) -> None:
    with pytest.raises(ProjectError) as raised:
        Project({**DECLARED, "model": {"learner": "probe"}}, folder=table).check()
    assert [one.id for one in raised.value.problems] == ["plan.no-learner"]
    assert "probe" in raised.value.problems[0].found


def test_one_of_tables_can(table: Path) -> None:
    report = Project({**DECLARED, "model": {"learner": "trees"}}, folder=table).check()
    assert report.signature == DECLARED["function"]


@pytest.mark.parametrize("stop", ["check", "plan"])
def test_a_device_that_is_not_there_is_refused_with_its_line(table: Path, stop: str) -> None:
    lines = ['function: "f(size: number, colour: category) -> y: category"', "data: {source: a.csv}"]
    lines += ["model: {learner: network}", "learn:", "  budget: 5 s", "  device: cuda:99"]
    (table / "modelwright.yaml").write_text("\n".join(lines))
    project = Project(table / "modelwright.yaml")
    if stop == "plan":
        (problem,) = project.run(to="plan").problems
    else:
        with pytest.raises(ProjectError) as raised:
            project.check()
        (problem,) = raised.value.problems
    assert problem.id == "plan.no-device"
    assert str(problem.where).endswith("modelwright.yaml:6")


@pytest.mark.parametrize("stop", ["check", "plan"])
def test_more_tokens_than_the_encoder_takes_are_refused_before_anything_is_learned(
    tmp_path: Path, stop: str
) -> None:
    tiny_encoder.save(tmp_path / "encoder")
    rows = [
        f"what is {CHANCE.choice(['dental', 'car'])} {number},{CHANCE.choice('ab')}" for number in range(300)
    ]
    (tmp_path / "a.csv").write_text("\n".join(["q,y", *rows]))
    declared = {
        "function": "f(q: text) -> y: category",
        "data": {"source": "a.csv"},
        "model": {"learner": "probe", "pretrained": "encoder", "max_length": 1000},
        "learn": {"budget": "5 s"},
    }
    project = Project(declared, folder=tmp_path)
    if stop == "plan":
        (problem,) = project.run(to="plan").problems
    else:
        with pytest.raises(ProjectError) as raised:
            project.check()
        (problem,) = raised.value.problems
    assert problem.id == "plan.max-length"


@pytest.mark.parametrize("stop", ["check", "plan"])
def test_a_combiner_with_nothing_to_combine_is_said(table: Path, stop: str) -> None:
    """All columns of a table are one part."""
    model = {"learner": "network", "combiner": "attention"}
    project = Project({**DECLARED, "model": model}, folder=table)
    warnings = project.check().warnings if stop == "check" else project.run(to="plan").warnings
    (found,) = (one for one in warnings if one.id == "network.no-effect")
    assert "model.combiner" in found.text
    assert found.column == "size"
    assert found.fix is not None
    assert "model.encoders: {size: {type: mlp}}" in found.fix


@pytest.mark.parametrize(("lines", "line"), [
    (["model:", "  learner: distil", "  from: nowhere"], 5),
    (["model:", "  learner: given", "  path: nowhere.onnx"], 5),
    (["tune:", "  trials: 2", "  space:", "    model.learner: [linear, distil]", "    model.from: [nowhere]"], 7),
])  # fmt: skip
def test_what_a_learner_has_against_its_options_is_said_of_their_line(
    table: Path, lines: list[str], line: int
) -> None:
    declared = ['function: "f(size: number, colour: category) -> y: category"', "data: {source: a.csv}"]
    (table / "modelwright.yaml").write_text("\n".join([*declared, *lines]))
    project = Project(table / "modelwright.yaml")
    with pytest.raises(ProjectError) as raised:
        project.check()
    places = {str(one.where) for one in raised.value.problems}
    places |= {str(one.where) for one in project.run(to="plan").problems}
    assert {place.rpartition("/")[2] for place in places} == {f"modelwright.yaml:{line}"}
