"""What a report shows of vectors: the rows whose answers point another way than the truths."""

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
from modelwright.outcomes.vectors.outcomes import VectorOutcomes, cosines

_SHOWN = 6  # numbers of an answer


@dataclass(frozen=True)
class VectorFindings:
    """What is sealed of vectors: how many numbers each has, and the worst rows."""

    numbers: int
    mistakes: tuple[Mistake, ...]


_SEALED = TypeAdapter(VectorFindings)


@final
class VectorSection(Section[VectorOutcomes]):
    """The rows of the least cosines."""

    def findings(
        self, outcomes: VectorOutcomes, rows: TestRows, *, confidence: float, most_mistakes: int
    ) -> JsonObject:
        """Return the findings of n test rows."""
        found = cosines(outcomes)
        known = np.flatnonzero(~np.isnan(found))
        # (known,): the least cosines first; equal ones in the order of the rows
        worst = known[np.argsort(found[known], kind="stable")[:most_mistakes]]
        sealed: JsonObject = _SEALED.dump_python(
            VectorFindings(
                numbers=int(outcomes.truth.shape[1]),
                mistakes=tuple(
                    rows.mistake(row, _text(outcomes.predicted[row].tolist()), None) for row in worst.tolist()
                ),
            ),
            mode="json",
        )
        return sealed

    def draw(self, output: str, findings: JsonObject, measured: Sequence[Measurement]) -> Drawn:
        """Return the section."""
        found = _SEALED.validate_python(findings)
        blocks: list[Block] = []
        if found.mistakes:
            blocks.append(Mistakes(str(Phrase("section.vectors-off")), found.mistakes, sure=False))
        return Drawn(
            str(Phrase("section.vector-lead", count=found.numbers)),
            tuple(blocks),
            str(Phrase("section.vector", count=found.numbers)),
            beyond=str(Phrase("section.vector-beyond")),
        )


def _text(numbers: Sequence[float]) -> str:
    shown = ", ".join(f"{one:.4g}" for one in numbers[:_SHOWN])
    return shown if len(numbers) <= _SHOWN else f"{shown} … ({len(numbers)})"
