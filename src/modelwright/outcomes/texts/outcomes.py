"""Outcomes of an output that is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.outcomes import Outcomes
from modelwright.outcomes.contract import written_answers
from modelwright.outcomes.texts import copying

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@final
@dataclass(frozen=True)
class TextOutcomes(written_answers.WrittenOutcomes):
    """Outcomes of n texts.

    copied: (n,) words of the longest run that stands in an answer and in a training row, NaN where nobody has looked;
    refused: (n,) which answers say that there is none; supported: (n,) share of an answer's sentences that stand in a
    passage which it cites, NaN of one that cites none; points: (n,) what people said of an answer beside another one,
    from 0 (worse) to 1 (better), NaN where nobody did, None where nobody said anything; function_points: (n,) what a
    function said that judges.
    """

    copied: Floats
    refused: Mask
    supported: Floats
    points: Floats | None = None
    function_points: Floats | None = None

    def pairs(self) -> list[tuple[str, str]]:
        """Return what is to be compared, of the judged rows in order: truth and answer, "" where none was written."""
        rows = np.flatnonzero(self.judged).tolist()
        return [(self.truth[row], self.predicted[row] or "") for row in rows]

    def aligned(self, to: Outcomes) -> Self:
        """Return these answers beside the truths of `to`; raises ValueError where `to` is of another family."""
        if not isinstance(to, TextOutcomes):
            raise ValueError("outcomes of another family")
        return replace(self, truth=to.truth)

    def preferred(self, points: Floats, *, by_function: bool = False) -> Self:
        """Return the outcomes with what people, or a function that judges, said of them."""
        return replace(self, function_points=points) if by_function else replace(self, points=points)

    def beside_training(self, truths: Sequence[Any]) -> Self:
        """Return the outcomes with what was copied from the training split's truths."""
        answers = ["" if one is None else one for one in self.predicted.tolist()]
        runs = copying.longest_runs(answers, [one for one in truths if one is not None])
        return replace(self, copied=np.where(self.written, runs, np.nan))

    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return what the others have, and what was copied, refused, supported and preferred."""
        return {
            **super().columns(),
            "copied": self.copied,
            "refused": self.refused,
            "supported": self.supported,
            **({} if self.points is None else {"points": self.points}),
            **({} if self.function_points is None else {"function_points": self.function_points}),
        }
