"""What a report shows of rankings: how far down right passages stand, beside what words alone find, and mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from pydantic import TypeAdapter

from modelwright.core.evidence.measurement import Measurement
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Phrase
from modelwright.outcomes.contract.blocks import Block, Grid, Mistake, Mistakes
from modelwright.outcomes.contract.section import Drawn, Section, TestRows, headings
from modelwright.outcomes.ranking.outcomes import RankingOutcomes, first_ranks

_DEPTHS = (1, 2, 3, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class RankingFindings:
    """What is sealed of rankings.

    rows: test rows with a truth; passages: right ones of a row on average; found, lexical: of the rows, how many have
    a right passage among the first of each of `depths`, and how many by their words alone.
    """

    rows: int
    passages: float
    depths: tuple[int, ...]
    found: tuple[int, ...]
    lexical: tuple[int, ...]
    mistakes: tuple[Mistake, ...]


_SEALED = TypeAdapter(RankingFindings)


@final
class RankingSection(Section[RankingOutcomes]):
    """A table of depths, and the questions whose answer was surest and wrong."""

    def findings(
        self, outcomes: RankingOutcomes, rows: TestRows, *, confidence: float, most_mistakes: int
    ) -> JsonObject:
        """Return the findings of n test rows."""
        known = outcomes.known
        ranks, lexical = (first_ranks(one)[known] for one in (outcomes.hits, outcomes.lexical))
        # (wrong,): answered with another passage, or with none
        wrong = np.flatnonzero(known & (outcomes.truth != outcomes.predicted))
        # (wrong,): the surest first; equally sure ones in the order of the rows
        worst = wrong[np.argsort(-outcomes.probabilities[wrong], kind="stable")][:most_mistakes]
        sealed: JsonObject = _SEALED.dump_python(
            RankingFindings(
                rows=int(known.sum()),
                passages=float(outcomes.right[known].mean()) if known.any() else 0.0,
                depths=_DEPTHS,
                found=_within(ranks),
                lexical=_within(lexical),
                mistakes=tuple(
                    rows.mistake(
                        row,
                        outcomes.answers[row] or str(Phrase("section.no-passage")),
                        float(outcomes.probabilities[row]),
                    )
                    for row in worst.tolist()
                ),
            ),
            mode="json",
        )
        return sealed

    def draw(self, output: str, findings: JsonObject, measured: Sequence[Measurement]) -> Drawn:
        """Return the section."""
        found = _SEALED.validate_python(findings)
        rows = tuple(
            (f"{depth}", _share(ours, found.rows), _share(theirs, found.rows))
            for depth, ours, theirs in zip(found.depths, found.found, found.lexical, strict=True)
        )
        table = Grid(
            str(Phrase("section.found-within")),
            headings("depth", "found", "by words"),
            rows,
            str(Phrase("section.found-within-note")),
        )
        blocks: list[Block] = [table]
        if found.mistakes:
            blocks.append(Mistakes(str(Phrase("section.mistakes")), found.mistakes, sure=True))
        lead = Phrase("section.ranking-lead", count=found.rows, passages=f"{found.passages:.2f}")
        return Drawn(
            str(lead),
            tuple(blocks),
            str(lead),
            (table,),
            beyond=str(Phrase("section.ranking-beyond")),
        )


def _within(ranks: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[int, ...]:
    """Return how many ranks (n,), 0 for none, lie within each depth."""
    # (n,) → a count: ranks begin at 1
    return tuple(int(((ranks > 0) & (ranks <= depth)).sum()) for depth in _DEPTHS)


def _share(count: int, rows: int) -> str:
    return f"{count / rows:.3f}" if rows else ""
