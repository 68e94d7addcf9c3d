"""examples/chat: its rows are read and its bars measured, on tiny weights in place of those that it fetches."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import tiny_decoder
from in_process import say

EXAMPLE = Path(__file__).parents[1] / "examples" / "chat"


def test_the_example_runs_and_talks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(EXAMPLE, tmp_path / "chat", ignore=shutil.ignore_patterns(".modelwright"))
    tiny_decoder.save(folder / "weights")
    file = folder / "modelwright.yaml"
    text = file.read_text("utf-8")
    for said, here in {"pretrained: smollm2": "pretrained: weights", '"<= 60"': '"<= 1e9"'}.items():
        assert text.count(said) == 1
        text = text.replace(said, here)
    file.write_text(re.sub(r"generate: \d+", "generate: 3\n  latency_requests: 100", text), encoding="utf-8")
    done = say(folder, "run", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {one["requirement"].split()[0]: one for one in json.loads(done.stdout)["requirements"]}
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text("utf-8").splitlines()]
    assert 0.4 * len(rows) < found["perplexity"]["n"] < 0.8 * len(rows), (
        "most rows are tested, as its comment says"
    )
    assert found["size"]["verdict"] == "met"
    monkeypatch.setattr(sys, "stdin", io.StringIO("Hello\n"))
    assert say(folder, "chat", "--option", "max_tokens=3").returncode == 0
