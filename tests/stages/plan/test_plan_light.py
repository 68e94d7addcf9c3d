"""A project on tables never loads what learns texts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

CODE = """
import sys, time
from modelwright.project.facade import Project

project = Project(sys.argv[1])
project.check()
heavy = {"torch", "transformers", "lightgbm", "sklearn", "onnx"} & set(sys.modules)
assert not heavy, f"check imports {heavy}"
import lightgbm  # what a forecast needs takes its time; the rest of the plan takes little

started = time.process_time()  # CPU time: a busy machine is no finding
assert not project.run(to="plan").problems
took = time.process_time() - started
assert took < 2.0, f"the plan took {took:.1f} s"
assert not project.run(to="learn").problems
heavy = {"torch", "transformers", "safetensors"} & set(sys.modules)
assert not heavy, f"a table imports {heavy}"
"""


def test_a_table_is_planned_and_learned_without_torch(flowers: Any, tmp_path: Path) -> None:
    source = flowers.folder.parent / "iris.csv"
    (tmp_path / "iris.csv").write_bytes(source.read_bytes())
    (tmp_path / "modelwright.yaml").write_text(
        f'function: "{flowers.signature}"\n'
        "requirements: {accuracy: '>= 0.8'}\n"
        "data: {source: iris.csv}\n"
        "learn: {epochs: 5}\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "modelwright.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
