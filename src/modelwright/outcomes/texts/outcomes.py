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
    passage which it cites, NaN of one that cites none.
    """

    copied: Floats
    refused: Mask
    supported: Floats

    def pairs(self) -> list[tuple[str, str]]:
        """Return what is to be compared, of the judged rows in order: truth and answer, "" where none was written."""
        rows = np.flatnonzero(self.judged).tolist()
        return [(self.truth[row], self.predicted[row] or "") for row in rows]

    def aligned(self, to: Outcomes) -> Self:
        """Return these answers beside the truths of `to`; raises ValueError where `to` is of another family."""
        if not isinstance(to, TextOutcomes):
            raise ValueError("outcomes of another family")
        return replace(self, truth=to.truth)

    def beside_training(self, truths: Sequence[Any]) -> Self:
        """Return the outcomes with what was copied from the training split's truths."""
        answers = ["" if one is None else one for one in self.predicted.tolist()]
        runs = copying.longest_runs(answers, [one for one in truths if one is not None])
        return replace(self, copied=np.where(self.written, runs, np.nan))

    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return what the others have, and what was copied, refused and supported."""
        return {
            **super().columns(),
            "copied": self.copied,
            "refused": self.refused,
            "supported": self.supported,
        }
