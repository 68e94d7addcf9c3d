from __future__ import annotations

import subprocess
import sys

import pytest
import requirement_texts
from pydantic import ValidationError

from modelwright.core.signature import Signature
from modelwright.stages.plan.config import LearnConfig, ModelConfig, PlanConfig, best_at_for_numbers, uses


@pytest.mark.parametrize(("text", "seconds"), [("90 s", 90), ("2 min", 120), ("1.5 h", 5400)])
def test_budget_is_a_time(text: str, seconds: float) -> None:
    assert LearnConfig(budget=text).budget_s == seconds


@pytest.mark.parametrize("text", ["2", "0 s", "-1 min", "soon", "5 MB"])
def test_a_budget_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="is not a time above 0"):
        LearnConfig(budget=text)


def test_the_default_budget_is_two_minutes() -> None:
    assert LearnConfig().budget_s == 120
    assert LearnConfig().seed == 0


def test_training_keys_stand_in_learn() -> None:
    config = LearnConfig(epochs=3, learning_rate=0.1)
    assert config.given == {"epochs": 3, "learning_rate": 0.1}


def test_unknown_keys_of_learn_are_refused_and_those_of_model_are_kept() -> None:
    with pytest.raises(ValidationError, match="epoch"):
        LearnConfig(epoch=3)
    model = ModelConfig(learner="trees", leaves=15)
    assert model.options == {"leaves": 15}
    assert ModelConfig.model_validate(model.model_dump()) == model


def test_uses_names_the_modules_that_may_be_chosen() -> None:
    trees = ("modelwright.learners.trees.spec", "modelwright.learners.trees.learn")
    everything = uses(PlanConfig(), ModelConfig())
    assert set(trees) < set(everything)
    assert uses(PlanConfig(), ModelConfig(learner="trees")) == trees
    assert uses(PlanConfig(learners=("trees",)), ModelConfig()) == trees
    assert uses(PlanConfig(learners=("no-such",)), ModelConfig()) == ()


def test_a_table_uses_no_code_of_networks() -> None:
    table = Signature.parse("f(age: number) -> group: category")
    found = uses(PlanConfig(), ModelConfig(), table)
    assert "modelwright.learners.trees.learn" in found
    assert {name for name in found if "finetune" in name} == {"modelwright.learners.finetune.spec"}


def test_the_sections_load_nothing_heavy() -> None:
    heavy = "{'torch', 'lightgbm', 'polars', 'onnx', 'onnxruntime', 'transformers', 'sklearn'}"
    code = f"import sys, modelwright.stages.plan.config; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("bars", "aim"),
    [
        ({"mae": "<= 5"}, "median"),
        ({"mae": "<= 5", "mape": "<= 0.1", "size": "<= 1 MB"}, "median"),
        ({"mae": "<= 5", "rmse": "<= 9"}, None),
        ({"r2": ">= 0.5"}, None),
        ({"size": "<= 1 MB"}, None),
    ],
)
def test_numbers_aim_at_the_median_where_all_their_bars_are_on_absolute_errors(
    bars: dict[str, str], aim: str | None
) -> None:
    signature = Signature.parse("f(x: number) -> y: number")
    found = [requirement_texts.parse(name, bar, signature) for name, bar in bars.items()]
    assert best_at_for_numbers(found) == aim
