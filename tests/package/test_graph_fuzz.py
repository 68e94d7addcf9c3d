"""A minute of fuzzing, guided by coverage: whatever our reader of graphs takes, the onnx package takes for the same."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 60


@pytest.mark.proof
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not made for this Python")
def test_no_input_means_two_things(tmp_path: Path) -> None:
    script = Path(__file__).with_name("fuzz_graphs.py")
    command = [
        sys.executable,
        str(script),
        str(tmp_path),
        f"-max_total_time={SECONDS}",
        f"-artifact_prefix={tmp_path}/",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS * 10, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
