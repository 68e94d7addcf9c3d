"""`check` refuses a learner that cannot learn the function, before anything is learned."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from modelwright.core.messages import ProjectError
from modelwright.project.facade import Project

CHANCE = random.Random(1)
DECLARED = {
    "function": "f(size: number, colour: category) -> y: category",
    "data": {"source": "a.csv"},
    "learn": {"budget": "5 s"},
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        f"{CHANCE.gauss(0, 1):.4f},{CHANCE.choice(['red', 'blue'])},{CHANCE.choice('ab')}" for _ in range(300)
    ]
    (tmp_path / "a.csv").write_text("\n".join(["size,colour,y", *rows]))
    return tmp_path


def test_a_learner_of_texts_cannot_learn_a_table(table: Path) -> None:
    with pytest.raises(ProjectError) as raised:
        Project({**DECLARED, "model": {"learner": "probe"}}, folder=table).check()
    assert [one.id for one in raised.value.problems] == ["plan.no-learner"]
    assert "probe" in raised.value.problems[0].found


def test_one_of_tables_can(table: Path) -> None:
    report = Project({**DECLARED, "model": {"learner": "trees"}}, folder=table).check()
    assert report.signature == DECLARED["function"]
