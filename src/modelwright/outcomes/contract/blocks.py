"""What a section of the report is made of: a few blocks that a family fills and `reports` draws.

A block holds figures and texts of users as they are; who draws it formats and escapes them. A cell is a text, a
count, a measurement (drawn with its interval and n), or None (nothing to show).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelwright.core.evidence.measurement import Measurement
from modelwright.core.picture import Picture
from modelwright.outcomes.text_words import Pieces

Cell = str | int | Measurement | None


@dataclass(frozen=True)
class Grid:
    """A table; the first column names the row. `folded`: it is shown when this line is clicked."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    folded: str = ""


@dataclass(frozen=True)
class Bars:
    """Values in [0, 1] as bars with their intervals, and a table below that holds all of them."""

    title: str
    rows: tuple[tuple[str, Measurement], ...]
    note: str
    table: Grid | None = None


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix: rows are the truth, columns the answer. `counts` holds (row, column, count), count > 0.

    The first len(rows) columns are the rows' own labels; further ones are other answers (none, for one).
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, int, int], ...]
    note: str
    beside: Grid | None = None


@dataclass(frozen=True)
class CurvePoint:
    """Answers of similar confidence: their mean confidence, the share that was right with its interval, n."""

    confidence: float
    accuracy: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Curve:
    """A reliability curve: how often answers of each confidence were right."""

    title: str
    points: tuple[CurvePoint, ...]
    note: str
    measured: Measurement | None = None  # the figure that sums it up


@dataclass(frozen=True)
class Trace:
    """A line through points (x, y), x in [0, 1], in order of x or not; mark: one place on it that stands out."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    mark: tuple[float, float] | None = None


@dataclass(frozen=True)
class LineChart:
    """A chart of lines, both axes from 0, across to 1 and up to `top`; across and up name the axes.

    `diagonal`: what chance gives.
    """

    title: str
    lines: tuple[Trace, ...]
    across: str
    up: str
    note: str
    diagonal: bool = False
    top: float = 1.0


@dataclass(frozen=True)
class Scatter:
    """Answers against truths, as many of the one as of the other."""

    title: str
    truth: tuple[float, ...]
    predicted: tuple[float, ...]
    note: str


@dataclass(frozen=True)
class Mistake:
    """One wrong answer: the row's id, its inputs as text by name, truth, answer and confidence (None: has none).

    pictures: of those inputs that have one.
    """

    id: str
    inputs: Mapping[str, str]
    truth: str
    answer: str
    confidence: float | None
    pictures: Mapping[str, Picture] = field(default_factory=dict)


@dataclass(frozen=True)
class Mistakes:
    """Wrong answers, the worst first; `sure`: answers have a confidence."""

    title: str
    rows: tuple[Mistake, ...]
    sure: bool


@dataclass(frozen=True)
class SeriesCurve:
    """One forecast of h steps: the row's id, the truth (None: not known), the answer, and the ends of its interval."""

    id: str
    truth: tuple[float | None, ...]
    answer: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Curves:
    """Forecasts as curves beside their truths, the worst first."""

    title: str
    rows: tuple[SeriesCurve, ...]
    note: str


@dataclass(frozen=True)
class TextPair:
    """One text that was written, beside the one that was wanted: the row's id, its inputs, both, how alike they are."""

    id: str
    inputs: Mapping[str, str]
    truth: Pieces
    answer: Pieces
    score: float
    pictures: Mapping[str, Picture] = field(default_factory=dict)


@dataclass(frozen=True)
class TextPairs:
    """Texts side by side with their differences marked, the least alike first.

    other, score: what stands in place of the truth, and what a pair is scored by, where it is not how alike they are.
    """

    title: str
    rows: tuple[TextPair, ...]
    note: str
    other: str | None = None
    score: str = "chrf"


Block = Grid | Bars | Matrix | Curve | LineChart | Scatter | Mistakes | Curves | TextPairs
