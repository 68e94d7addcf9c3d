"""The projects and the commands of docs/compression.md work as they stand there: forms, and a student."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest
from in_process import say

PAGE = (Path(__file__).parents[3] / "docs" / "compression.md").read_text("utf-8")


def write_rows(place: Path) -> None:
    draw = random.Random(0)
    lines = ["size,weight,colour,grade"]
    for _ in range(500):
        size, weight, colour = draw.uniform(0, 9), draw.uniform(0, 9), draw.choice(["red", "green"])
        lines.append(f"{size:.2f},{weight:.2f},{colour},{'large' if size + weight > 9 else 'small'}")
    place.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.proof
def test_the_projects_and_the_commands_of_the_page_work(tmp_path: Path) -> None:
    project, student = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    write_rows(tmp_path / "fruit.csv")
    (tmp_path / "modelwright.yaml").write_text(project, encoding="utf-8")
    done = say(tmp_path, "run", "--to", "package")
    assert done.returncode == 0, done.stdout + done.stderr
    (first,) = (tmp_path / ".modelwright" / "objects" / "package").glob("*/package")
    shutil.copytree(first, tmp_path / "teacher" / "package")
    wanted = re.search(r'--set "(.*)"', block)
    assert wanted is not None
    done = say(tmp_path, "run", "--to", "package", "--set", wanted[1])
    assert done.returncode == 0, done.stdout + done.stderr
    shown = say(tmp_path, *block.splitlines()[-1].split()[1:])
    assert "prune(share=0.5)+float16" in shown.stdout
    # the student has a project of its own
    lines = [line for line in project.splitlines() if not line.startswith(("model:", "learn:", "package:"))]
    (tmp_path / "modelwright.yaml").write_text("\n".join([*lines, student]), encoding="utf-8")
    done = say(tmp_path, "run", "--to", "package")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "distil" in done.stdout
