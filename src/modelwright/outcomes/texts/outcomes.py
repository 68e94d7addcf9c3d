"""Outcomes of an output that is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.outcomes import Outcomes, RowChoice
from modelwright.outcomes.texts import copying

Texts = NDArray[np.object_]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@final
@dataclass(frozen=True)
class TextOutcomes(Outcomes):
    """Outcomes of n texts. Writing is dear, so that it need not be done for every row.

    truth, predicted: (n,) texts, None where there is none; written: (n,) for which rows an answer was; cut: (n,)
    which answers end because they were as long as they may be; log_likelihood: (n,) ln p that the body gives to the
    truth, its end among it, and tokens: (n,) of the truth, NaN where that is not known; copied: (n,) words of the
    longest run that stands in an answer and in a training row, NaN where nobody has looked; refused: (n,) which answers
    say that there is none; supported: (n,) share of an answer's sentences that stand in a passage which it cites, NaN
    of one that cites none.
    """

    truth: Texts
    predicted: Texts
    written: Mask
    cut: Mask
    log_likelihood: Floats
    tokens: Floats
    copied: Floats
    refused: Mask
    supported: Floats

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: RowChoice) -> Self:
        """Return the outcomes of some rows: a mask or an array of positions."""
        return replace(self, **{name: values[rows] for name, values in vars(self).items()})

    @property
    def judged(self) -> Mask:
        """Return which rows (n,) have a truth and an answer that can be compared."""
        return np.asarray(self.written & (self.truth != None), dtype=np.bool_)  # noqa: E711 - of each element

    @property
    def likely(self) -> Mask:
        """Return which rows (n,) have a truth of which it is known how likely it is."""
        there = np.asarray(self.truth != None, dtype=np.bool_)  # noqa: E711 - of each element
        return there & np.isfinite(self.log_likelihood) & (self.tokens > 0)

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
        """Return the answers, and what is known of how likely each truth is."""
        return {
            "answer": self.predicted.tolist(),
            "written": self.written,
            "cut": self.cut,
            "log_likelihood": self.log_likelihood,
            "tokens": self.tokens,
            "copied": self.copied,
            "refused": self.refused,
            "supported": self.supported,
        }
