"""Keys of `model:` that change nothing for a function are named, each with its reason."""

from __future__ import annotations

import pytest

from modelwright import learners
from modelwright.core.signature import Signature
from modelwright.learners import idle_keys
from modelwright.learners.contract.training import TrainingKeys

MANY = "f(photo: image?, b: number) -> up: boolean, n: number"
USED = {"combiner": "gating", "left_out": 0.3, "weighing": "uncertainty", "columns_width": 8}
PHOTO = "f(photo: image) -> up: boolean"
TABLE = "f(a: category, b: number) -> up: boolean"
SENSES = "f(photo: image, sound: audio) -> up: boolean"


@pytest.mark.parametrize(
    ("function", "options", "unused"),
    [
        (TABLE, {"combiner": "attention"}, {"combiner"}),
        (TABLE, {"width": 64, "auxiliary": 1.0}, {"width", "auxiliary"}),
        (PHOTO, {"combiner": "sum", "columns_width": 8}, {"combiner", "columns_width"}),
        (SENSES, {"combiner": "sum", "width": 64, "auxiliary": 0.0}, set()),
        (SENSES, {"columns_layers": 1, "omitted": 0.2}, {"columns_layers", "omitted"}),
        (MANY, {"omitted": 0.1}, {"omitted"}),
        ("f(a: text?, b: number) -> up: boolean", {"omitted": 0.1, "left_out": 0.1}, {"left_out"}),
        (SENSES, {"left_out": 0.1}, {"left_out"}),
        (SENSES, {"weighing": "uncertainty", "output_width": 32}, {"weighing", "output_width"}),
        (TABLE.replace("-> up", "-> n: number, up"), {"output_width": 32}, set()),
        (
            SENSES.replace("-> up", "-> n: number, up"),
            {"combiner": "sum", "output_width": 32},
            {"output_width"},
        ),
        (SENSES, {"combiner": "stacking", "width": 64}, {"width"}),
        (MANY, USED, {"left_out"}),
        (MANY, {**USED, "auxiliary": 0}, set()),
        (MANY.replace("b: number", "b: number, sound: audio?"), USED, set()),
        # one that has an encoder of its own is a part
        (TABLE, {"combiner": "attention", "encoders": {"b": {"type": "mlp"}}}, set()),
        (SENSES, {"module": "mine.net:build", "combiner": "sum", "encoders": {}}, {"combiner", "encoders"}),
        (TABLE, {}, set()),
    ],
)
def test_a_key_without_effect_is_named(function: str, options: dict[str, object], unused: set[str]) -> None:
    spec = learners.spec("network")
    found = list(spec.without_effect(Signature.parse(function), spec.Options.model_validate(options)))
    assert {one.values["key"] for one in found} == unused
    for one in found:
        assert f"model.{one.values['key']}" in one.found
        assert one.next_step


def test_the_line_that_would_change_it_names_an_input_that_can_be_a_part() -> None:
    spec = learners.spec("network")
    options = spec.Options.model_validate({"combiner": "sum"})
    (found,) = spec.without_effect(Signature.parse(TABLE), options)
    assert "model.encoders: {b: {type: mlp}}" in found.next_step
    (codes,) = spec.without_effect(Signature.parse("f(a: category, b: category) -> up: boolean"), options)
    assert "encoders" not in codes.next_step


@pytest.mark.parametrize(
    ("function", "learn", "idle"),
    [
        (TABLE, {"loss": {"classes": "focal", "numbers": "huber", "delta": 2}}, {"delta", "numbers"}),
        ("f(a: number) -> b: number", {"loss": {"class_weights": "balanced"}}, {"class_weights"}),
        ("f(a: number) -> b: number", {"label_smoothing": 0.1}, {"label_smoothing"}),
        ("f(a: number) -> b: tags", {"loss": {"class_weights": "balanced"}}, {"class_weights"}),
        ("f(a: timeseries) -> b: timeseries", {"loss": {"numbers": "absolute"}}, {"numbers"}),
        (TABLE, {"regularisation": {"cutmix": 1.0}}, {"cutmix"}),
        (PHOTO, {"regularisation": {"cutmix": 1.0, "mixup": 0.2}, "loss": {"gamma": 2.0}}, set()),
        (MANY, {"loss": {"numbers": "huber", "class_weights": "balanced"}}, set()),
    ],
)
def test_a_key_of_learning_without_effect_is_named(
    function: str, learn: dict[str, object], idle: set[str]
) -> None:
    found = list(
        idle_keys.idle(
            learners.spec("network"), Signature.parse(function), TrainingKeys.model_validate(learn)
        )
    )
    named = {one.values.get("key", "learn.regularisation.cutmix").rpartition(".")[2] for one in found}
    assert named == idle


@pytest.mark.parametrize(("learner", "named"), [("pretrain", True), ("network", False), ("trees", False)])
def test_parts_of_a_step_that_a_learner_does_not_read_are_named(learner: str, named: bool) -> None:
    learn = TrainingKeys.model_validate({"optimiser": {"accumulate": 4}})
    found = idle_keys.idle(learners.spec(learner), Signature.parse("f(a: text)", encoder=True), learn)
    assert [one.id for one in found] == ["learn.idle-accumulate"] * named


@pytest.mark.parametrize(
    ("function", "together", "count"),
    [
        ("f(a: text, b: number) -> up: boolean", True, 1),
        (PHOTO, False, 0),
        ("f(a: text, b: text) -> up: boolean", True, None),
        ("f(a: text) -> up: boolean", None, None),
    ],
)
def test_one_text_is_not_joined(function: str, together: bool | None, count: int | None) -> None:
    spec = learners.spec("finetune")
    options = spec.Options.model_validate({"together": together})
    found = list(spec.without_effect(Signature.parse(function), options))
    assert [one.values["count"] for one in found] == ([] if count is None else [count])
