"""What `check` says about `model:`: names and values, without a framework."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Self

import pytest
from pydantic import BaseModel, ValidationError, model_validator

from modelwright.core.messages import Problem, ValueProblem
from modelwright.learners.options import option_problems, refusal, value_problems


def one(model: dict[str, Any], allowed: list[str] | None = None) -> tuple[tuple[str | int, ...], Problem]:
    (found,) = option_problems(model, allowed)
    return found


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"learner": "trees", "leaves": 1}, ("`model.leaves` is 1", "2 ≤ leaves ≤ 4096", "is null")),
        ({"learner": "trees", "min_rows": 0}, ("`model.min_rows` is 0", "1 ≤ min_rows", "is null")),
        (
            {"learner": "trees", "leaves": "many"},
            ("`model.leaves` is 'many'", "not a whole number", "is null"),
        ),
        ({"learner": "finetune", "start": "cold"}, ("'cold'", "not one of probe, random", "is probe")),
        ({"learner": "finetune", "dropout": 1}, ("`model.dropout` is 1", "0 ≤ dropout < 1", "is 0.1")),
        ({"learner": "finetune", "dropout": []}, ("not a number", "is 0.1")),
        ({"learner": "finetune", "freeze_words": "perhaps"}, ("not true or false", "is True")),
        ({"learner": "finetune", "weights": 3}, ("not a mapping",)),
        ({"learner": "finetune", "lora": [1]}, ("not a mapping", "is null")),
        ({"learner": "network", "width": 7}, ("not a multiple of 4", "is 128")),
        ({"learner": "generate", "max_tokens": 10**9}, ("max_tokens ≤ 1048576",)),
        ({"learner": "probe", "max_length": 2}, ("3 ≤ max_length", "default of probe is null")),
    ],
)
def test_a_value_out_of_range_is_refused_with_range_and_default(
    model: dict[str, Any], words: tuple[str, ...]
) -> None:
    path, problem = one(model)
    (key,) = set(model) - {"learner"}
    assert path == ("model", key)
    assert problem.id == "plan.bad-option"
    for word in words:
        assert word in str(problem)


@pytest.mark.parametrize(
    ("model", "keys", "words"),
    [
        ({"learner": "finetune", "weights": {"domain": "heavy"}}, "weights.domain", ("'heavy'", "a number")),
        ({"learner": "finetune", "lora": {"rnk": 3}}, "lora.rnk", ("unknown key", "did you mean `rank`?")),
        ({"learner": "finetune", "lora": {"rank": -3}}, "lora.rank", ("-3", "≥ 1")),
        ({"encoders": {"a": {"type": "words", "widht": 7}}}, "encoders.a.widht", ("did you mean `width`?",)),
        ({"encoders": {"a": {"type": "wrods"}}}, "encoders.a.type", ("'wrods'", "did you mean `words`?")),
        ({"encoders": {"a": {"width": 8}}}, "encoders.a", ("`model.encoders.a.type` is missing", "`words`")),
        ({"encoders": {"a": {"type": "words", "width": "x"}}}, "encoders.a.width", ("a whole number",)),
        ({"encoders": {"a": {"type": "words", "width": 10**9}}}, "encoders.a.width", ("≤ 4096",)),
        ({"encoders": {"a": 7}}, "encoders.a", ("a mapping",)),
    ],
)
def test_what_is_wrong_inside_an_option_is_named_by_its_own_path(
    model: dict[str, Any], keys: str, words: tuple[str, ...]
) -> None:
    path, problem = one({"learner": "network", **model})
    assert path == ("model", *keys.split("."))
    assert "Input" not in str(problem)  # no words of the library that checks
    for word in words:
        assert word in str(problem)


def test_values_are_checked_where_no_learner_is_named() -> None:
    assert one({"leaves": 0})[0] == ("model", "leaves")
    # probe and finetune both have it, and both refuse the value: it is said once
    assert one({"pooling": "last"})[0] == ("model", "pooling")


def test_a_value_that_another_option_rules_out_is_named_once_in_its_own_words() -> None:
    path, problem = one({"learner": "generate", "pretrained": "none", "train": "lora"})
    assert path == ("model", "train")
    assert problem.next_step == "leave `model.train` out: from nothing all weights learn"
    assert "Value error" not in str(problem)
    assert "the default" not in str(problem)
    assert option_problems({"learner": "generate", "pretrained": "none", "train": "full"}) == []


def test_where_no_learner_is_named_an_option_is_judged_beside_the_others() -> None:
    both = ["generate", "finetune"]  # finetune has no `train`, and nobody else takes it beside these
    assert one({"train": "none", "prefer": {}}, both)[0] == ("model", "prefer")


class _Pair(BaseModel):
    low: int = 1
    high: int = 2
    own: bool = True

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.low > self.high:
            raise (
                ValueProblem("tune.range-order", low=self.low, high=self.high)
                if self.own
                else ValueError("no")
            )
        return self


@pytest.mark.parametrize(("own", "words"), [(True, "the range from 3 to 2 is empty"), (False, "`model`: no")])
def test_a_rule_of_several_options_is_said_of_the_section(own: bool, words: str) -> None:
    given = {"low": 3, "own": own}
    with pytest.raises(ValidationError) as refused:
        _Pair.model_validate(given)
    ((path, problem),) = value_problems("pairs", _Pair, given, refused.value)
    assert path == ("model",)
    assert words in str(problem)
    assert "Value error" not in str(problem)
    assert "Value error" not in refusal(refused.value.errors()[0])


def test_unknown_names_come_with_the_near_one() -> None:
    path, problem = one({"learner": "tres"})
    assert (path, problem.id) == (("model", "learner"), "project.unknown-learner")
    assert "did you mean `trees`?" in str(problem)
    path, problem = one({"learner": "trees", "leafs": 3})
    assert (path, problem.id) == (("model", "leafs"), "project.unknown-option")
    assert "did you mean `leaves`?" in str(problem)
    path, problem = one({}, ["trees", "prob"])
    assert (path, problem.id) == (("plan", "learners", 1), "plan.unknown-learner")
    assert "did you mean `probe`?" in str(problem)


def test_what_is_well_has_no_problem() -> None:
    assert option_problems({}) == []
    assert option_problems({"learner": "trees", "leaves": 2, "pretrained": "x"}) == []
    assert option_problems({"most_epochs": 3, "leaves": 7}) == []


def test_all_that_is_wrong_is_found_at_once_and_without_a_framework() -> None:
    code = (
        "import sys; from modelwright.learners.options import option_problems; "
        "print(len(option_problems({'learner': 'finetune', 'warmup': 2, 'droput': 0.1, 'head_rate': -1}))); "
        "sys.exit(bool({'torch', 'lightgbm', 'transformers', 'sklearn', 'polars'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "3"), ended.stderr
