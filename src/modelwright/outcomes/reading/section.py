"""What a report shows of reading: how often texts hold an answer, how often one is given, and mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from pydantic import TypeAdapter

from modelwright.core.evidence.measurement import Measurement
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Phrase
from modelwright.outcomes.contract.blocks import Block, Mistake, Mistakes
from modelwright.outcomes.contract.section import Drawn, Section, TestRows
from modelwright.outcomes.reading.outcomes import ReadingOutcomes


@dataclass(frozen=True)
class ReadingFindings:
    """What is sealed of reading.

    rows: test rows with a truth; empty: those whose text holds no answer; silent: those that are not answered, and
    rightly: of these, whose text holds none.
    """

    rows: int
    empty: int
    silent: int
    rightly: int
    mistakes: tuple[Mistake, ...]


_SEALED = TypeAdapter(ReadingFindings)


@final
class ReadingSection(Section[ReadingOutcomes]):
    """What is answered, and the most confident mistakes."""

    def findings(
        self, outcomes: ReadingOutcomes, rows: TestRows, *, confidence: float, most_mistakes: int
    ) -> JsonObject:
        """Return the findings of n test rows."""
        # (n,) each: who has an answer, and who got one
        known = outcomes.take(outcomes.known)
        found: JsonObject = _SEALED.dump_python(
            ReadingFindings(
                rows=len(known),
                empty=int((~known.answerable).sum()),
                silent=int((~known.answered).sum()),
                rightly=int((~known.answered & ~known.answerable).sum()),
                mistakes=_mistakes(outcomes, rows, most_mistakes),
            ),
            mode="json",
        )
        return found

    def draw(self, output: str, findings: JsonObject, measured: Sequence[Measurement]) -> Drawn:
        """Return the section."""
        found = _SEALED.validate_python(findings)
        blocks: list[Block] = []
        if found.mistakes:
            blocks.append(Mistakes(str(Phrase("section.mistakes")), found.mistakes, sure=True))
        lead = Phrase(
            "section.reading-lead",
            rows=found.rows,
            empty=found.empty or None,
            silent=found.silent,
            rightly=found.rightly,
        )
        return Drawn(
            str(lead),
            tuple(blocks),
            str(Phrase("section.reading")),
            beyond=str(Phrase("section.reading-beyond")),
        )


def _mistakes(outcomes: ReadingOutcomes, rows: TestRows, most: int) -> tuple[Mistake, ...]:
    """Return the wrong answers that are given most confidently, those that share no word with a right one first."""
    # (wrong,): rows with a truth, answered with something else
    wrong = np.flatnonzero(outcomes.known & ~outcomes.right)
    order = np.lexsort((-outcomes.probabilities[wrong], outcomes.overlap[wrong] > 0))
    return tuple(
        rows.mistake(row, outcomes.shown[row] or "∅", float(outcomes.probabilities[row]))
        for row in wrong[order[:most]].tolist()
    )
