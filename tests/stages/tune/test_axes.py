"""The axes of a space: grids, what is drawn beside a learner, and settings that read back."""

import pytest

from modelwright.project.declaration import overrides
from modelwright.stages.tune.axes import Axis, Space, setting_of, settings_of


@pytest.mark.parametrize(
    ("axis", "points"),
    [
        (Axis("k", values=(1, "b", None)), (1, "b", None)),
        (Axis("k", low=1, high=4, whole=True, points=4), (1, 2, 3, 4)),
        (Axis("k", low=1, high=3, whole=True, points=9), (1, 2, 3)),
        (Axis("k", low=0.0, high=1.0, points=3), (0.0, 0.5, 1.0)),
        (Axis("k", low=1e-4, high=1e-2, log=True, points=3), (1e-4, 1e-3, 1e-2)),
    ],
)
def test_a_grid_has_both_ends_and_each_point_once(axis, points):
    assert axis.grid() == pytest.approx(points) if axis.values is None else axis.grid() == points


def test_a_grid_combines_only_what_is_drawn_beside_a_learner():
    space = Space(
        (
            Axis("a", values=(1, 2), learners=("x",)),
            Axis("b", values=(3, 4, 5), learners=("y",)),
            Axis("c", values=(6, 7)),
        ),
        ("x", "y"),
    )
    points = list(space.points())
    assert len(points) == space.grid_size() == space.size() == 2 * 2 + 3 * 2
    assert {"model.learner": "x", "a": 1, "c": 6} in points
    assert all(("a" in point) == (point["model.learner"] == "x") for point in points)


@pytest.mark.parametrize(
    "value", [1, 0.001, 1e-05, True, None, "32", "true", "a: b", "", [1, 2], {"a": [0.5]}, "中文"]
)
def test_a_setting_reads_back_as_what_it_was(value):
    (read,) = overrides.read([setting_of("learn.key", value)])
    assert read.value == value
    assert type(read.value) is type(value)


def test_the_learner_is_set_before_its_options():
    assert settings_of({"model.leaves": 3, "model.learner": "trees"}, ["learn.budget=1 s"]) == (
        "learn.budget=1 s",
        'model.learner="trees"',
        "model.leaves=3",
    )
