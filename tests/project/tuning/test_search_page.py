"""The page docs/search.md: its project is one, and its commands are there."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from modelwright.project.declaration import project_file
from modelwright.project.tuning.declared_space import declared_space
from modelwright.stages.tune.config import TuneConfig

PAGE = (Path(__file__).parents[3] / "docs" / "search.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_project_of_the_page_is_one_with_a_space():
    (text,) = blocks("yaml")
    opened = project_file.from_mapping(yaml.safe_load(text))
    space = declared_space(opened, opened.signature).space
    assert space.learners == ("trees", "linear")
    assert {axis.key for axis in space.axes if axis.learners == ("trees",)} == {
        "learn.learning_rate", "model.leaves"
    }  # fmt: skip


def test_its_commands_are_there():
    for line in blocks("sh")[0].splitlines():
        words = line.partition("#")[0].split()
        done = subprocess.run(
            [sys.executable, "-m", *words, "--help"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_its_table_has_every_key():
    table = PAGE[PAGE.index("| key of `tune`") :]
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE))))
    assert set(TuneConfig.model_fields) - {"space"} <= named
