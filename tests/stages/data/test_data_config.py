from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

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
        ({"validation": "a.csv"}, "name `source`"),
        ({"train": "a.csv"}, "name `source`"),
        ({"source": "a.csv", "test": "t.csv"}, "leave out test"),
        ({"source": []}, "at least 1"),
        ({"sorce": "a.csv"}, "Extra inputs"),
        (
            {"source": "a.csv", "split": {"train": 0.7, "validation": 0.2, "test": 0.1}},
            "add up to 100; found 1",
        ),
        ({"source": "a.csv", "split": {"train": 100, "validation": 0, "test": 0}}, "above 0"),
        ({"source": "a.csv", "split": {"key": "k" * 65}}, "64 bytes"),
        ({"source": "a.csv", "split": {"classes": {"fraud": {"train": 50}}}}, "add up to 100"),
        ({"source": "a.csv", "encoding": "utf-99"}, "utf-99"),
        ({"source": "a.csv", "encoding": "base64"}, "base64"),
        ({"source": "a.csv", "separator": "::"}, "at most 1"),
        ({"source": "a.csv", "invalid": "ignore"}, "'error' or 'drop'"),
        ({"train": "a.csv", "test": "t.csv", "split": {"train": 70}}, "test: 0"),
        (
            {
                "train": "a.csv",
                "validation": "v.csv",
                "test": "t.csv",
                "split": {"train": 80, "validation": 20, "test": 0},
            },
            "files decide",
        ),
        ({"train": "a.csv", "test": "t.csv", "split": {"classes": {"x": {}}}}, "is for `source`"),
    ],
)
def test_says_what_is_wrong(section: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        DataConfig(**section)
    assert says in str(refused.value)


def test_every_key_is_described() -> None:
    for model in (DataConfig, type(DataConfig(source="a").split)):
        assert all(field.description for field in model.model_fields.values())
