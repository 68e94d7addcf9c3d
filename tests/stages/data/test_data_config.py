from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from modelwright.core.messages import ValueProblem
from modelwright.stages.data.config import DataConfig


def test_one_source_is_split_70_20_10() -> None:
    config = DataConfig(source="rows.csv")
    assert config.splits == {"source": ("rows.csv",)}
    assert (config.shares.train, config.shares.validation, config.shares.test) == (70, 20, 10)


def test_a_test_file_without_validation_leaves_a_tenth_of_train_to_validate() -> None:
    config = DataConfig(train=["a.csv", "b.csv"], test="t.csv", split={"key": "salt"})
    assert config.splits == {"train": ("a.csv", "b.csv"), "test": ("t.csv",)}
    assert (config.shares.train, config.shares.validation, config.shares.test) == (90, 10, 0)
    assert config.shares.key == "salt"
    own = DataConfig(train="a.csv", test="t.csv", split={"train": 80, "validation": 20, "test": 0})
    assert own.shares.validation == 20


def test_keep_is_a_list_or_a_mapping() -> None:
    assert DataConfig(source="a.csv", keep=["lang"]).keep == {"lang": "lang"}
    assert DataConfig(source="a.csv", keep={"customer": "id"}).keep == {"customer": "id"}


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"validation": "a.csv"}, "data.train-without-test"),
        ({"train": "a.csv"}, "data.train-without-test"),
        ({"source": "a.csv", "test": "t.csv"}, "data.source-and-files"),
        ({"source": []}, "at least 1"),
        ({"sorce": "a.csv"}, "Extra inputs"),
        (
            {"source": "a.csv", "split": {"train": 0.7, "validation": 0.2, "test": 0.1}},
            "data.shares",
        ),
        ({"source": "a.csv", "split": {"train": 100, "validation": 0, "test": 0}}, "data.share-of-nothing"),
        ({"source": "a.csv", "split": {"key": "k" * 65}}, "data.split-key"),
        ({"source": "a.csv", "split": {"classes": {"fraud": {"train": 50}}}}, "data.shares"),
        ({"source": "a.csv", "encoding": "utf-99"}, "data.unknown-encoding"),
        ({"source": "a.csv", "encoding": "base64"}, "data.unknown-encoding"),
        ({"source": "a.csv", "separator": "::"}, "data.no-separator"),
        ({"source": "a.csv", "invalid": "ignore"}, "'error' or 'drop'"),
        ({"train": "a.csv", "test": "t.csv", "split": {"train": 70}}, "data.split-of-files"),
        (
            {
                "train": "a.csv",
                "validation": "v.csv",
                "test": "t.csv",
                "split": {"train": 80, "validation": 20, "test": 0},
            },
            "data.split-of-files",
        ),
        ({"train": "a.csv", "test": "t.csv", "split": {"classes": {"x": {}}}}, "data.split-classes"),
    ],
)
def test_says_what_is_wrong(section: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        DataConfig(**section)
    found = [one.get("ctx", {}).get("error") for one in refused.value.errors()]
    assert says in str(refused.value) or says in [
        one.message.id for one in found if isinstance(one, ValueProblem)
    ]


def test_every_key_is_described() -> None:
    for model in (DataConfig, type(DataConfig(source="a").split)):
        assert all(field.description for field in model.model_fields.values())
