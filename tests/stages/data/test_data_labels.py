"""Labels that look alike: said, escaped visibly, and united by the line that the warning proposes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelwright.core.messages import DataError, Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Field, Signature
from modelwright.stages.data.columns.labels import alike, appearance, visible
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data

PAIRS = [
    ("high", "high\u200b"),
    ("high", "\ufeffhigh"),
    ("high", "High"),
    ("high", "ｈigh"),
    ("high", "high."),
    ("很高", "很高。"),
    ("very high", "veryhigh"),
    ("café", "cafe\u0301\u200d"),
    ("high", "'high'"),
    ("cap", "\u0441\u0430\u0440"),
    ("straße", "STRASSE"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_labels_that_look_alike_are_found(one: str, other: str) -> None:
    assert list(alike({one: 9, other: 3, "low": 4})) == [[one, other]]
    assert visible(one) != visible(other)
    assert visible(other).isprintable()


@pytest.mark.parametrize(
    ("one", "other"), [("high", "higher"), ("1.5", "15"), ("a", "b"), ("no", "nò"), (".", ".."), ("是", "否")]
)
def test_others_are_not(one: str, other: str) -> None:
    assert appearance(one) != appearance(other) or one == "."


ROWS = 240


def run(folder: Path, first: str, second: str, kind: str = "category", **section: Any) -> dict[str, Any]:
    cells = [first if n % 3 == 0 else second if n % 15 == 1 else "low" for n in range(ROWS)]
    rows = "\n".join(f'{n * 37 % 101}.5,"{cell}"' for n, cell in enumerate(cells))
    (folder / "a.csv").write_text(f"x,y\n{rows}\n", encoding="utf-8")
    signature = Signature("f", (Field("x", "number"),), (Field("y", kind),))
    config = DataConfig(source="a.csv", repeated="keep", untested=(second,), **section)
    return data(signature, config, folder, folder / "out", Silent())


def alike_notices(summary: dict[str, Any]) -> list[Notice]:
    return [one for one in map(Notice.from_wire, summary["warnings"]) if one.id == "data.look-alike"]


@pytest.mark.parametrize("kind", ["category", "tags"])
@pytest.mark.parametrize(("first", "second"), [PAIRS[0], PAIRS[2], PAIRS[4], PAIRS[5]])
def test_the_proposed_line_unites_them(tmp_path: Path, first: str, second: str, kind: str) -> None:
    (found,) = alike_notices(run(tmp_path, first, second, kind))
    assert found.as_json()["column"] == "y"
    assert found.values["count"] == ROWS // 15
    assert visible(second) in found.found
    proposed = yaml.safe_load(found.next_step.partition("`")[2].rpartition("`")[0])
    assert proposed == {"data.labels": {"y": {second: first}}}
    united = run_united(tmp_path, kind, proposed["data.labels"])
    assert alike_notices(united) == []
    assert set(united["classes"]["y"]) == {first, "low"}


def run_united(folder: Path, kind: str, labels: dict[str, Any]) -> dict[str, Any]:
    signature = Signature("f", (Field("x", "number"),), (Field("y", kind),))
    config = DataConfig(source="a.csv", repeated="keep", labels=labels)
    return data(signature, config, folder, folder / "united", Silent())


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ({"y": {"hihg": "high"}}, "data.unknown-class"),
        ({"z": {"high": "low"}}, "data.labels-of-what"),
    ],
)
def test_names_that_there_are_not(tmp_path: Path, labels: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError) as raised:
        run(tmp_path, "high", "High", labels=labels)
    assert [one.id for one in raised.value.problems] == [problem]
    assert "did you mean" in raised.value.problems[0].next_step or problem == "data.labels-of-what"


@pytest.mark.parametrize(("yes", "no"), [("ja", "nein"), ("oui", "non"), ("是", "否")])
def test_words_of_other_languages_are_told_to_be_a_category(tmp_path: Path, yes: str, no: str) -> None:
    rows = "\n".join(f"{n},{yes if n % 2 else no}" for n in range(40))
    (tmp_path / "a.csv").write_text(f"x,y\n{rows}\n", encoding="utf-8")
    signature = Signature("f", (Field("x", "number"),), (Field("y", "boolean"),))
    with pytest.raises(DataError) as raised:
        data(signature, DataConfig(source="a.csv"), tmp_path, tmp_path / "out", Silent())
    assert "`category`" in raised.value.problems[0].rule
