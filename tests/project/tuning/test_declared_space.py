"""A space is checked before anything runs: each wrong key, value and learner is named at its line."""

from collections import Counter

import pytest

from modelwright import Project, kinds
from modelwright.core.messages import ProjectError
from modelwright.project.declaration import project_file
from modelwright.project.declaration.project_file import from_mapping
from modelwright.project.tuning.declared_space import declared_space
from modelwright.project.tuning.search_plan import search_plan
from modelwright.stages.tune.axes import Axis, Space, settings_of

YAML = """\
function: "grade(income: number, job: category) -> risk: category"
data: {{source: loans.csv}}
model: {model}
tune:
  space:
    {space}
"""


def problems_of(tmp_path, space, model="{}", more=""):
    path = tmp_path / "modelwright.yaml"
    path.write_text(YAML.format(space=space, model=model) + more, encoding="utf-8")
    with pytest.raises(ProjectError) as caught:
        Project(path).run()
    assert not list(tmp_path.glob(".modelwright/objects/*")), "nothing was made"
    return caught.value.problems


@pytest.mark.parametrize(
    ("space", "problem", "line"),
    [
        ("learn.learning_rate: []", "tune.no-values", 6),
        ("learn.learning_rat: [0.1]", "project.unknown-key", 6),
        ("learn.learning_rate: [0.1, -1]", None, 6),
        ("learn.learning_rate: [0.1, .inf]", None, 6),
        ("learn.learning_rate: {low: 0.1, high: fast}", None, 6),
        ("learn.learning_rate: {low: 0.1, high: 0.01}", None, 6),
        ("learn.learning_rate: {low: 0, high: 0.01, log: true}", None, 6),
        ("learn.learning_rate: {low: -1, high: 0.01}", None, 6),
        ("learn.threads: [1, 2]", "tune.key-section", 6),
        ("data.split: [hash]", "tune.key-section", 6),
        ("requirements.accuracy: ['>= 0.9']", "tune.key-section", 6),
        ("learn: [1]", "tune.key-section", 6),
        ("model.learner: [trees, tress]", "project.unknown-learner", 6),
        ("model.learner: {low: 1, high: 2}", "tune.learners-as-list", 6),
        ("model.learner: [probe]", "tune.learner-refuses", 6),
        ("model.leavs: [3]", "project.unknown-option", 6),
        ("model.leaves: [3, 1]", "plan.bad-option", 6),
    ],
)
def test_what_is_wrong_is_named_at_its_line(tmp_path, space, problem, line):
    found = problems_of(tmp_path, space)
    assert len(found) == 1, [str(one) for one in found]
    assert problem is None or found[0].id == problem
    assert found[0].where == f"modelwright.yaml:{line}"
    assert str(found[0])


def test_a_key_that_the_named_learner_does_not_take(tmp_path):
    (found,) = problems_of(tmp_path, "learn.batch: [16, 32]", model="{learner: trees}")
    assert found.id == "tune.key-unused"
    assert "network" in found.next_step


@pytest.mark.parametrize(
    "text", ["tune: {space: {}}", "tune: {trials: 0}", "tune: {budget: soon}", "tune: {spce: {}}"]
)
def test_a_section_that_says_nothing_or_nonsense(tmp_path, text):
    path = tmp_path / "modelwright.yaml"
    path.write_text('function: "f(a: number) -> b: category"\n' + text, encoding="utf-8")
    with pytest.raises(ProjectError) as caught:
        Project(path)
    (found,) = caught.value.problems
    assert found.where == "modelwright.yaml:2"


def test_a_function_without_outputs_has_nothing_to_be_judged_by(tmp_path):
    path = tmp_path / "modelwright.yaml"
    path.write_text(
        'function: "texts(question: text)"\nmodel: {learner: pretrain}\ntune: auto', encoding="utf-8"
    )
    with pytest.raises(ProjectError) as caught:
        Project(path).run()
    assert [one.id for one in caught.value.problems] == ["tune.no-outputs"]


def space_of(space, **sections):
    opened = project_file.from_mapping(
        {
            "function": "grade(income: number, job: category) -> risk: category",
            "tune": {"space": space},
            **sections,
        }
    )
    return declared_space(opened, opened.signature)


def test_keys_that_one_learner_takes_are_drawn_beside_it_and_that_is_said():
    found = space_of({"model.learner": ["trees", "linear"], "model.leaves": [3, 7], "learn.seed": [0, 1]})
    assert {axis.key: axis.learners for axis in found.space.axes} == {
        "model.leaves": ("trees",),
        "learn.seed": None,
    }
    assert [(one.id, one.values["learners"]) for one in found.notices] == [("tune.beside", ["trees"])]


def test_keys_that_mean_something_beside_some_names_are_drawn_beside_these_and_that_is_said():
    found = space_of(
        {
            "learn.optimiser.momentum": {"low": 0.0, "high": 0.95},
            "learn.optimiser.name": ["sgd", "adamw", "muon"],
            "learn.optimiser.clip": [1.0, None],
            "learn.schedule.name": ["step", "plateau", "cosine"],
            "learn.schedule.factor": [0.1, 0.5],
            "learn.loss.classes": ["cross-entropy", "focal"],
            "learn.loss.gamma": [1.0, 2.0],
            "model.dropout": [0.0, 0.1],
        },
        model={"learner": "network"},
    )
    assert {axis.key: axis.given for axis in found.space.axes if axis.given is not None} == {
        "learn.optimiser.momentum": ("learn.optimiser.name", ("sgd", "muon")),
        "learn.schedule.factor": ("learn.schedule.name", ("step", "plateau")),
        "learn.loss.gamma": ("learn.loss.classes", ("focal",)),
    }
    keys = [axis.key for axis in found.space.axes]
    assert keys.index("learn.optimiser.name") < keys.index("learn.optimiser.momentum")
    assert [one.id for one in found.notices] == ["tune.given"] * 3
    base = {
        "function": "grade(income: number, job: category) -> risk: category",
        "model": {"learner": "network"},
    }
    whole = project_file.from_mapping(base)
    values = {axis.key: axis.values for axis in found.space.axes if axis.values is not None}
    for point in Space(tuple(Axis(key, values=those) for key, those in values.items())).points():
        drawn = {
            axis.key: point[axis.key] for axis in found.space.axes if axis.key in point and axis.fits(point)
        }
        whole.changed(settings_of(drawn))


def test_where_no_learner_is_named_those_that_take_a_key_are_tried_and_that_is_said():
    found = space_of({"model.leaves": [3, 7]})
    assert found.space.learners == ("trees",)
    assert found.notices[0].id == "tune.learners-tried"
    assert space_of({"learn.seed": [0, 1]}).space.learners == (), "`plan` chooses as ever"


def test_what_varies_while_learning_is_searched_beside_the_learners_that_vary_it():
    found = space_of(
        {
            "model.learner": ["network", "finetune", "probe"],
            "data.augment.photo.rotate": [0, 10],
            "learn.batch": [16, 32],
            "learn.epochs": [1, 3],
            "model.encoders": [{"photo": {"type": "convolutional", "width": width}} for width in (8, 16)],
        },
        function="see(photo: image) -> risk: category",
    )
    assert {axis.key: axis.learners for axis in found.space.axes} == {
        "data.augment.photo.rotate": ("network", "finetune"),
        "learn.batch": ("network", "finetune"),
        "learn.epochs": None,
        "model.encoders": ("network",),
    }


@pytest.mark.parametrize(
    ("key", "whole"), [("model.leaves", True), ("learn.learning_rate", False), ("learn.weight_decay", False)]
)
def test_a_range_has_whole_numbers_where_its_key_takes_no_others(key, whole):
    found = space_of({key: {"low": 2, "high": 4}}, model={"learner": "trees"})
    assert found.space.axes[0].whole is whole


def test_the_word_auto_is_a_section_of_defaults():
    opened = project_file.from_mapping({"function": "f(a: number) -> b: category", "tune": "auto"})
    assert opened.file.tune is not None
    assert opened.file.tune.space is None


def test_a_value_is_checked_without_asking_every_kind_of_every_input(monkeypatch):
    asked = Counter[str]()
    honest = kinds.value
    monkeypatch.setattr(kinds, "value", lambda name: (asked.update([name]), honest(name))[1])
    inputs = ", ".join(f"a{one}: number" for one in range(300))
    from_mapping({"function": f"f({inputs}) -> b: category", "data": {"source": "rows.csv"}})
    others = sum(count for name, count in asked.items() if name not in {"number", "category"})
    assert others < 300, asked


@pytest.mark.parametrize("model", [{}, {"learner": "distil"}])
def test_what_a_student_is_taught_by_may_be_searched_beside_other_learners(model):
    names = ["distil"] if model else ["distil", "trees"]
    space = {"model.from": ["a", "b"], "model.width": [32, 64]}
    opened = project_file.from_mapping(
        {
            "function": "grade(income: number, job: category) -> risk: category",
            "model": model,
            "tune": {"space": space if model else {"model.learner": names, **space}},
        }
    )
    read = [one.file.model for one in search_plan(opened, opened.signature, names).variants]
    # of each teacher the package is read, and of no learner but the student
    expected = [("distil", "a"), ("distil", "b"), *((name, None) for name in names[1:])]
    assert [(one.learner, one.options.get("from")) for one in read] == expected
