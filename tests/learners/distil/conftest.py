"""A teacher that a test of students has."""

from __future__ import annotations

from pathlib import Path

import pytest
from students import GRADE, HELD, TRAIN, written

from modelwright import learners
from modelwright.core.progress import Silent
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the package of a linear teacher: any learner can be one."""
    root = tmp_path_factory.mktemp("teacher")
    spec = learners.spec("trees")
    setup = Setup("trees", 60, 400, 1, "float32", "avx2", 0, spec.Options(), spec.Training(), {})
    for name in ("learned", "scratch"):
        (root / name).mkdir()
    learners.learn("trees").learn(
        GRADE, Rows(TRAIN, HELD), setup, root / "learned", root / "scratch", Silent()
    )
    return written(learners.export("trees").export(root / "learned"), root / "package")
