"""Real data as the stage `data` seals it, for the stages that read it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sklearn import datasets

from modelwright.core import digests
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.engine.store import ArtifactPart
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.stage import data


@dataclass(frozen=True)
class Sealed:
    """A signature, and the folder of what a stage made."""

    signature: Signature
    folder: Path

    def part(self, name: str) -> ArtifactPart:
        """Return a first-level folder as a part of an artifact."""
        return part_of(self.folder / name)


def part_of(folder: Path) -> ArtifactPart:
    return ArtifactPart(folder.parent.name, "0" * 64, folder.name, digests.of_folder(folder), folder)


@pytest.fixture(scope="session")
def as_part() -> Callable[[Path], ArtifactPart]:
    """Return a function that turns a folder into a part of an artifact."""
    return part_of


@pytest.fixture(scope="session")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """Return scikit-learn's iris as sealed data: 150 flowers, a column that never varies, three species."""
    folder = tmp_path_factory.mktemp("flowers")
    bunch = datasets.load_iris()
    with (folder / "iris.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sepal_length", "sepal_width", "petal_length", "petal_width", "garden", "species"])
        for row, label in zip(bunch.data.tolist(), bunch.target, strict=True):
            writer.writerow([*row, "north", bunch.target_names[label]])
    signature = Signature.parse(
        "iris(sepal_length: number, sepal_width: number, petal_length: number, petal_width: number, "
        "garden: category) -> species: category"
    )
    data(signature, DataConfig(source="iris.csv"), folder, folder / "data", Silent())
    return Sealed(signature, folder / "data")
