"""Rows that nobody has labelled, marked with -1 beside classes that are numbered from 0 on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelwright.core.messages import Notice
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data

ROWS = 240


def read(folder: Path, labels: list[Any], **config: Any) -> tuple[dict[str, Any], dict[str, Notice]]:
    rows = [{"premise": f"It is {n}.", "label": labels[n % len(labels)]} for n in range(ROWS)]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    given = DataConfig.model_validate({"source": "rows.jsonl", **config})
    signature = Signature.parse("infer(premise: text) -> label: category")
    summary: dict[str, Any] = data(signature, given, folder, folder / "out", Silent())
    return summary, {one["id"]: Notice.from_wire(one) for one in summary["warnings"]}


@pytest.mark.parametrize("labels", [[0, 1, 2, -1], ["0", "1", "-1"]])
def test_it_is_said_and_the_line_sets_them_aside(tmp_path: Path, labels: list[Any]) -> None:
    _, notices = read(tmp_path, labels)
    said = notices["data.no-label"]
    assert said.values["count"] == ROWS // len(labels)
    assert "data.missing: {label: ['-1']}" in said.next_step
    summary, notices = read(tmp_path, labels, missing={"label": ["-1"]}, invalid="drop")
    assert "data.no-label" not in notices
    assert "-1" not in summary["classes"]["label"]


@pytest.mark.parametrize("labels", [[-1, 0, 1, -2], [-1, 1], ["-1", "a", "b"], [0, 1, 2]])
def test_other_labels_are_classes(tmp_path: Path, labels: list[Any]) -> None:
    assert "data.no-label" not in read(tmp_path, labels)[1]
