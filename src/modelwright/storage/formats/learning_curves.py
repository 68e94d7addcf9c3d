"""How learning went: the figures of some steps, which `learn` seals beside what was learned.

They follow from data and settings alone. A result that an earlier version sealed has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from modelwright.core.progress import LearningPoint
from modelwright.storage.formats.document import Document

PART = "curves"  # of what `learn` seals
MOST_POINTS = 300
_CURVES = Document("curves.json", made_by="learn")


@dataclass(frozen=True)
class LearningCurve:
    """One figure at some steps, in their order; both have as many members."""

    figure: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Learning:
    """The curves of one output or part (None: of all together).

    unit: what a step is; kept: the step at which was learned what was kept, None where nothing says.
    """

    of: str | None
    unit: str
    curves: tuple[LearningCurve, ...]
    kept: int | None = None

    def curve(self, figure: str) -> LearningCurve | None:
        """Return the curve of a figure, where there is one."""
        return next((one for one in self.curves if one.figure == figure), None)


@dataclass(frozen=True)
class LearningCurves:
    """All that was recorded while learning."""

    learned: tuple[Learning, ...] = ()

    @classmethod
    def of(cls, points: Iterable[LearningPoint]) -> Self:
        """Return the curves of points, in the order of their steps; of a step that comes again, the last counts."""
        figures: dict[tuple[str | None, str], dict[str, dict[int, float]]] = {}
        kept: dict[tuple[str | None, str], int] = {}
        for point in points:
            by_figure = figures.setdefault((point.of, point.unit), {})
            for name, value in point.figures.items():
                by_figure.setdefault(name, {})[point.step] = value
            if point.kept:
                kept[point.of, point.unit] = point.step
        return cls(
            tuple(
                Learning(of, unit, tuple(_curve(*one) for one in by_figure.items()), kept.get((of, unit)))
                for (of, unit), by_figure in figures.items()
                if by_figure
            )
        )

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what a part holds; raises StateError for a file that is none of ours."""
        return _CURVES.read(folder, cls)

    def write(self, folder: Path) -> None:
        """Write it into the folder of a part."""
        _CURVES.write(folder, self)


def _curve(figure: str, values: Mapping[int, float]) -> LearningCurve:
    """Return a curve of at most so many points: each n-th, the last, the least and the greatest."""
    steps = sorted(values)
    every = -(-len(steps) // MOST_POINTS)
    chosen = set(steps[every - 1 :: every]) | {steps[-1]}
    chosen |= {min(steps, key=lambda step: values[step]), max(steps, key=lambda step: values[step])}
    return LearningCurve(figure, tuple(sorted(chosen)), tuple(values[step] for step in sorted(chosen)))
