"""docs/clients.md: what stands there runs as it is, against a real gateway."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tiny_serving import Releases, running

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text("utf-8")


def test_every_program_runs(packages: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    programs = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with running(Releases(packages["text"])) as server:
        text = "\n".join(programs).replace("http://127.0.0.1:8080", server.url)
        text = re.sub(r"client\.route\b", "client.measure", text).replace("answer.domain", "answer.size")
        text = text.replace('outputs["domain"]', 'outputs["size"]').replace(").domain", ").size")
        exec(compile(text, "clients.md", "exec"), {})
    printed = capsys.readouterr().out
    assert re.search(r"^(small|medium|large) 0\.\d+ 1$", printed, re.MULTILINE)
    assert re.search(r"^422 .*`question` is ", printed, re.MULTILINE)
    assert len(programs) == 5
