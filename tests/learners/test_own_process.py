"""What a script in a process of its own says when it fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from modelwright.learners import own_process


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("pass", None),
        ("raise ValueError('no model')", "ValueError: no model"),
        (
            "raise RuntimeError('no model\\nStack trace:\\n  [bt] (8) lib.so(+0xbd9e)')",
            "RuntimeError: no model",
        ),
        ("import sys; sys.exit('left')", "left"),
        ("import os; os._exit(3)", "?"),
        ("raise KeyError", "KeyError"),
    ],
)
def test_the_reason_is_the_line_that_names_the_exception(script: str, reason: str | None) -> None:
    assert own_process.failure(script) == reason


def test_it_gets_its_arguments_and_works_in_its_folder(tmp_path: Path) -> None:
    script = "import sys; open('made', 'w').write(' '.join(sys.argv[1:]))"
    assert own_process.failure(script, "one", "two", folder=tmp_path) is None
    assert (tmp_path / "made").read_text("utf-8") == "one two"


def test_it_ends_when_its_time_is_up() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        own_process.failure("import time; time.sleep(60)", most_s=0.5)
