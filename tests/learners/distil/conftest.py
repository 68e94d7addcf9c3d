"""A teacher that a test of students has."""

from __future__ import annotations

from pathlib import Path

import pytest
from students import GRADE, HELD, TRAIN, teacher_package

from modelwright.learners.contract.source import Rows


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the package of a teacher of trees: any learner can be one."""
    return teacher_package(tmp_path_factory.mktemp("teacher"), "trees", GRADE, Rows(TRAIN, HELD), steps=60)
