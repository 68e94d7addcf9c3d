"""Small networks of a test's own signature and columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modelwright import learners
from modelwright.core.progress import Silent
from modelwright.core.signature import Signature
from modelwright.learners.contract.setup import Setup
from modelwright.learners.contract.source import Rows
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.storage.formats.examples import Examples

Columns = dict[str, list[object]]


def examples(columns: Columns) -> Examples:
    """Return rows of these columns, numbered."""
    return Examples([str(row) for row in range(len(next(iter(columns.values()))))], columns)


def learn(
    signature: Signature, data: tuple[Columns, Columns], place: Path, steps: int, **options: object
) -> Path:
    """Learn `network` from the columns of training and validation, and return its folder, below `place`."""
    spec = learners.spec("network")
    for name in ("out", "scratch"):
        (place / name).mkdir(parents=True, exist_ok=True)
    setup = Setup("network", steps, 64, 1, "float32", "avx2", 0, spec.Options(**options), spec.Training(), {})
    rows = Rows(examples(data[0]), examples(data[1]))
    learners.learn("network").learn(signature, rows, setup, place / "out", place / "scratch", Silent())
    return place / "out"


def right(learned: Path, asked: Columns) -> float:
    """Return the share of right answers of the packaged function."""
    function = Function(Package(learners.export("network").export(learned), "", threads=1))
    signature = function.signature
    (output,) = (field.name for field in signature.outputs)
    answers = function.answer({field.name: asked[field.name] for field in signature.inputs})
    return float(
        np.mean([row[output].value == truth for row, truth in zip(answers, asked[output], strict=True)])
    )
