"""A function to distil, its rows, and what tests of students ask of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modelwright import learners
from modelwright.core.messages import ProjectError
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.package import packages
from modelwright.package.body import Body
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples

GRADE = Signature.parse("grade(size: number, colour: category?) -> grade: category, price: number")
OTHER = Signature.parse("grade(size: number) -> grade: category, price: number")


def examples(count: int, seed: int) -> Examples:
    draw = np.random.default_rng(seed)
    size = draw.uniform(0, 9, count).round(2).tolist()
    colour = draw.choice(["red", "green"], count).tolist()
    return Examples(
        [str(row) for row in range(count)],
        {
            "size": size,
            "colour": colour,
            "grade": ["small" if one < 3 else "middle" if one < 6 else "large" for one in size],
            "price": [2.0 * one + (hue == "red") for one, hue in zip(size, colour, strict=True)],
        },
    )


TRAIN, HELD = examples(400, 0), examples(200, 1)


def written(body: Body, place: Path) -> Path:
    packages.write(body, place, lineage={}, versions={}, threads=1)
    return place


def teacher_package(root: Path, learner: str, signature: Signature, rows: Rows, steps: int) -> Path:
    """Return the package of a function that a learner has learned, in a folder of `root`."""
    spec = learners.spec(learner)
    setup = Setup(
        learner, steps, len(rows.train), 1, "float32", "avx2", 0, spec.Options(), spec.Training(), {}
    )
    for name in ("learned", "scratch"):
        (root / name).mkdir()
    learners.learn(learner).learn(signature, rows, setup, root / "learned", root / "scratch", Silent())
    return written(learners.export(learner).export(root / "learned"), root / "package")


def function(learned: Path) -> Function:
    return Function(Package(learners.export("distil").export(learned), "", 1))


def problems(signature: Signature, place: Path, **options: object) -> str:
    bring = learners.bring("distil")
    assert bring is not None
    given = learners.spec("distil").Options.model_validate(options)
    try:
        bring.files(given, place)
        return " ".join(one.id for one in bring.problems(signature, given, place))
    except ProjectError as error:
        return " ".join(one.id for one in error.problems)
