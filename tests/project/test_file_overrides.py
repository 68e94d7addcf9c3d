"""`--set`: where the key ends, how the value is read, and what it changes."""

import pytest

from modelwright.core.messages import ProjectError
from modelwright.project.declaration.overrides import apply, read


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("learn.seed=1", ("learn", "seed"), 1),
        ("learn.budget=2 min", ("learn", "budget"), "2 min"),
        ("purpose=a = b", ("purpose",), "a = b"),
        ("function=f(x: text) -> y: category", ("function",), "f(x: text) -> y: category"),
        ("data.keep=[lang, 'a b']", ("data", "keep"), ["lang", "a b"]),
        ("data.columns={question: en}", ("data", "columns"), {"question": "en"}),
        ("requirements.accuracy=>= 0.9", ("requirements", "accuracy"), ">= 0.9"),
        ("requirements.accuracy = '>= 0.9'", ("requirements", "accuracy"), ">= 0.9"),
        (
            "requirements.recall[critical-illness]=>= 0.90",
            ("requirements", "recall[critical-illness]"),
            ">= 0.90",
        ),
        ("requirements.size=<= 60 MB", ("requirements", "size"), "<= 60 MB"),
        (
            "requirements.accuracy where lang == 'zh'=>= 0.9",
            ("requirements", "accuracy where lang == 'zh'"),
            ">= 0.9",
        ),
        ("requirements.rmse where age >= 30=<= 2.5", ("requirements", "rmse where age >= 30"), "<= 2.5"),
        ("requirements.d.recall[a.b]=>= 0.5", ("requirements", "d.recall[a.b]"), ">= 0.5"),
        ("model.pretrained=null", ("model", "pretrained"), None),
    ],
)
def test_an_override_is_read(text, path, value):
    (override,) = read([text])
    assert (override.path, override.value) == (path, value)


def test_every_bad_override_is_named():
    with pytest.raises(ProjectError) as caught:
        read(["learn.seed", "=1", "a..b=1", "learn.seed=1", "data.keep=[x"])
    assert [p.id for p in caught.value.problems] == ["project.override-form"] * 3 + ["project.yaml-syntax"]


def test_overrides_change_a_copy():
    value = {"learn": {"seed": 0}, "data": {"keep": ["a", "b"]}}
    changed, places, _ = apply(value, read(["learn.seed=1", "model.learner=linear", "data.keep.1=c"]))
    assert changed == {"learn": {"seed": 1}, "data": {"keep": ["a", "c"]}, "model": {"learner": "linear"}}
    assert value == {"learn": {"seed": 0}, "data": {"keep": ["a", "b"]}}
    assert places["learn", "seed"] == "--set learn.seed"


def test_null_goes_back_to_the_default_and_the_last_one_wins():
    changed, _, _ = apply({"learn": {"seed": 5}}, read(["learn.seed=null"]))
    assert changed == {"learn": {}}
    changed, _, _ = apply({}, read(["learn.seed=1", "learn.seed=2"]))
    assert changed == {"learn": {"seed": 2}}


def test_a_path_through_a_text_is_refused():
    with pytest.raises(ProjectError) as caught:
        apply({"function": "f(x: text) -> y: category"}, read(["function.name=g"]))
    (problem,) = caught.value.problems
    assert problem.id == "project.override-path"
    assert problem.where == "--set function.name"
