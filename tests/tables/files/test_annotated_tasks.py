"""Tasks as annotation tools export them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data
from modelwright.tables.files.annotated_tasks import as_rows


def mark(name: str, kind: str, **value: Any) -> dict[str, Any]:
    return {"id": "x", "from_name": name, "to_name": "text", "type": kind, "value": value}


def task(text: str, *results: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    annotations = [{"id": n, "result": one, "was_cancelled": False, **more} for n, one in enumerate(results)]
    return {"id": 1, "data": {"text": text}, "annotations": annotations, "predictions": []}


PLACE = mark("who", "labels", start=0, end=4, text="Anna", labels=["person"])
TOPIC = mark("topic", "choices", choices=["news"])


def test_a_row_has_what_was_asked_and_what_was_marked() -> None:
    found = as_rows([task("Anna is here.", [PLACE, TOPIC]), task("Nobody.", []), task("?")])
    assert (found.tasks, found.bare) == (3, 1)
    assert found.rows == [
        {"text": "Anna is here.", "who": [PLACE["value"]], "topic": "news"},
        {"text": "Nobody.", "who": []},
        {"text": "?"},
    ]


def test_each_annotation_counts_unless_it_was_cancelled() -> None:
    several = mark("topic", "choices", choices=["a", "b"])
    found = as_rows([task("Anna", [TOPIC], [several]), task("Bo", [TOPIC], was_cancelled=True)])
    assert [one.get("topic") for one in found.rows] == ["news", ["a", "b"], None]
    assert found.bare == 1


def test_a_mark_that_is_called_as_a_column_keeps_both() -> None:
    (row,) = as_rows([task("Anna", [mark("text", "choices", choices=["x"])])]).rows
    assert row == {"text": "Anna", "annotated_text": "x"}


def test_other_rows_stay_as_they_are() -> None:
    for rows in ([], [{"data": {"a": 1}, "annotations": [3]}], [{"data": "x", "annotations": []}, task("a")]):
        assert as_rows(rows) == as_rows(list(rows))
        assert as_rows(rows).rows is rows
        assert not as_rows(rows).tasks


def test_an_export_is_read_with_its_places(tmp_path: Path) -> None:
    tasks = [task(f"Anna lives in {n}.", [PLACE] if n % 3 else []) for n in range(60)]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    config = DataConfig.model_validate({"source": "export.json", "columns": {"entities": "who"}})
    function = Signature.parse("entities(text: text) -> entities: spans")
    summary = data(function, config, tmp_path, tmp_path / "out", Silent())
    said = [one["id"] for one in summary["warnings"]]  # type: ignore[index, call-overload, union-attr]
    assert "data.annotated-tasks" in said
    assert summary["read"] == 60
