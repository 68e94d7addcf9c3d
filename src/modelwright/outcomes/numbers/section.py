"""What a report shows of numeric outputs: answers against truths, and the rows farthest off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from modelwright.core.evidence.measurement import Measurement
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Notice, Phrase
from modelwright.core.spacing import evenly_spaced
from modelwright.outcomes.contract.blocks import Block, Mistake, Mistakes, Scatter
from modelwright.outcomes.contract.section import Drawn, Section, TestRows
from modelwright.outcomes.numbers.outcomes import NumberOutcomes

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

POINTS = 2000


@dataclass(frozen=True)
class NumberFindings:
    """What is sealed of a numeric output: at most 2,000 truths and answers, and the worst rows.

    heavy: ids of rows that each carry a tenth or more of the squared error, with their shares of it; rows: how many
    were answered, brought_back: of these, the answers beyond the declared range, which is where they are taken to.
    """

    truth: tuple[float, ...]
    predicted: tuple[float, ...]
    mistakes: tuple[Mistake, ...]
    heavy: tuple[tuple[str, float], ...] = ()
    rows: int = 0
    brought_back: int = 0
    range: tuple[float, float] | None = None


_SEALED = TypeAdapter(NumberFindings)
HEAVY = 0.1  # of the squared error: a row's share from which on it is named
FEW = 30  # rows of which one easily carries a tenth


def _heavy(off: Floats, places: Places, ids: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Yield the rows that each carry a tenth or more of the squared error; off, places: (known,)."""
    squares = off**2
    total = float(squares.sum())
    if len(off) >= FEW and total > 0:
        for row in np.argsort(-squares, kind="stable")[: round(1 / HEAVY)].tolist():
            if squares[row] >= HEAVY * total:
                yield ids[places[row]], float(squares[row] / total)


@final
class NumberSection(Section[NumberOutcomes]):
    """Evenly spaced rows as points, and those farthest off."""

    def findings(
        self, outcomes: NumberOutcomes, rows: TestRows, *, confidence: float, most_mistakes: int
    ) -> JsonObject:
        """Return the findings of n test rows."""
        known = np.flatnonzero(np.isfinite(outcomes.truth) & np.isfinite(outcomes.predicted))
        # (≤ POINTS,): evenly spaced places rather than a draw, so that every run shows the same rows
        some = known[evenly_spaced(len(known), POINTS)]
        # (known,): distances in the output's own unit; the farthest come first
        off = np.abs(outcomes.truth[known] - outcomes.predicted[known])
        worst = known[np.argsort(-off, kind="stable")[:most_mistakes]]
        found: JsonObject = _SEALED.dump_python(
            NumberFindings(
                truth=tuple(outcomes.truth[some].tolist()),
                predicted=tuple(outcomes.predicted[some].tolist()),
                heavy=tuple(_heavy(off, known, rows.ids)),
                rows=len(outcomes),
                brought_back=0 if outcomes.beyond is None else int(outcomes.beyond.sum()),
                range=outcomes.range,
                mistakes=tuple(
                    rows.mistake(row, f"{outcomes.predicted[row]:g}", None) for row in worst.tolist()
                ),
            ),
            mode="json",
        )
        return found

    def notices(self, output: str, findings: JsonObject) -> Iterator[Notice]:
        """Yield the rows that carry much of the error, which decide rmse and r2, and answers beyond the range."""
        found = _SEALED.validate_python(findings)
        if found.brought_back and found.range is not None:
            yield Notice(
                "numbers.brought-back",
                column=output,
                count=found.brought_back,
                rows=found.rows,
                low=f"{found.range[0]:g}",
                high=f"{found.range[1]:g}",
            )
        heavy = found.heavy
        if heavy:
            yield Notice(
                "numbers.heavy-rows",
                column=output,
                count=len(heavy),
                rows=[row for row, _ in heavy],
                share=f"{100 * sum(share for _, share in heavy):.0f} %",
            )

    def draw(self, output: str, findings: JsonObject, measured: Sequence[Measurement]) -> Drawn:
        """Return the section."""
        found = _SEALED.validate_python(findings)
        spaced = len(found.truth) == POINTS
        note = str(Phrase("section.scatter-note", count=len(found.truth), spaced=spaced))
        blocks: list[Block] = [Scatter(str(Phrase("section.scatter")), found.truth, found.predicted, note)]
        if found.mistakes:
            blocks.append(Mistakes(str(Phrase("section.numbers-off")), found.mistakes, sure=False))
        return Drawn(
            str(Phrase("section.number-lead")),
            tuple(blocks),
            str(Phrase("section.number")),
            beyond=str(Phrase("section.number-beyond")),
        )
