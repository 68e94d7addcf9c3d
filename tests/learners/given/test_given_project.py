"""A graph goes round the loop as docs/bring-your-own.md has it, and answers when it is served."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import given_graphs as graphs
import numpy as np
from in_process import say

from modelwright.runtime.function import load
from modelwright.runtime.worker import worker

PAGE = (Path(__file__).parents[3] / "docs" / "bring-your-own.md").read_text("utf-8")
WEIGHTS = np.array([[1.0, -1.0, 0.2], [0.5, 0.5, -2.0], [-1.0, 0.3, 1.0]])
CLASSES = '["mid", "high", "low"]'


def test_the_project_and_the_commands_of_the_page_work(tmp_path: Path) -> None:
    (project,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    rows = np.random.default_rng(1).normal(size=(200, 3)).round(3)
    best = (rows @ WEIGHTS).argmax(axis=1)
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "c", "level"])
        writer.writerows(
            [*row, ("mid", "high", "low")[place]] for row, place in zip(rows.tolist(), best, strict=True)
        )
    (tmp_path / "model.onnx").write_bytes(
        graphs.linear(3, 3, softmax=True, weights=WEIGHTS, metadata={"classes": CLASSES})
    )
    (tmp_path / "modelwright.yaml").write_text(project, encoding="utf-8")
    said = {}
    for line in lines:
        command, *words = line.split()
        assert command == "modelwright"
        done = say(tmp_path, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        said[words[0]] = done.stdout
    assert list(said) == ["check", "run", "predict", "explain"]
    scores = np.array([1, -1, 0.2]) @ WEIGHTS
    expected = ("mid", "high", "low")[scores.argmax()]
    share = np.exp(scores).max() / np.exp(scores).sum()
    assert re.search(rf"level +{expected} +{share:.3f}", said["predict"]), said["predict"]
    # the graph answers NaN to a row without a number, which the signature does not let be: a server starts all the same
    (package,) = (tmp_path / ".modelwright" / "objects" / "package").glob("*/package")
    worker._warm_up(load(package, threads=1), 8)
