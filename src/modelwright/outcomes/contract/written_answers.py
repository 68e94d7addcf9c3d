"""What outcomes of texts and of records have in common: answers that are written, and how likely the truths are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from modelwright.core.outcomes import Outcomes, RowChoice
from modelwright.outcomes.contract.gap import BodyGap, Gap


@dataclass(frozen=True)
class WrittenOutcomes(Outcomes):
    """Outcomes of n answers that are written. Writing is dear, so that it need not be done for every row.

    truth, predicted: (n,) texts, None where there is none; written: (n,) for which rows an answer was; cut: (n,)
    which answers end because they were as long as they may be; log_likelihood: (n,) ln p that the body gives to the
    truth, its end among it, and tokens: (n,) of the truth, NaN where that is not known; points: (n,) what people said
    of an answer beside another one, from 0 (worse) to 1 (better), NaN where nobody did, None where nobody said
    anything; function_points: (n,) what a function said that judges.
    """

    truth: NDArray[np.object_]
    predicted: NDArray[np.object_]
    written: NDArray[np.bool_]
    cut: NDArray[np.bool_]
    log_likelihood: NDArray[np.float64]
    tokens: NDArray[np.float64]
    points: NDArray[np.float64] | None = field(default=None, kw_only=True)
    function_points: NDArray[np.float64] | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: RowChoice) -> Self:
        """Return the outcomes of some rows: a mask or an array of positions."""
        # (n,) each; what is no array is the same for all rows
        arrays = {name: one for name, one in vars(self).items() if isinstance(one, np.ndarray)}
        return replace(self, **{name: values[rows] for name, values in arrays.items()})

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Return which rows (n,) have a truth, and were written for."""
        return np.asarray(self.written & (self.truth != None), dtype=np.bool_)  # noqa: E711 - of each element

    @property
    def likely(self) -> NDArray[np.bool_]:
        """Return which rows (n,) have a truth of which it is known how likely it is."""
        there = np.asarray(self.truth != None, dtype=np.bool_)  # noqa: E711 - of each element
        return there & np.isfinite(self.log_likelihood) & (self.tokens > 0)

    def preferred(self, points: NDArray[np.float64], *, by_function: bool = False) -> Self:
        """Return the outcomes with what people, or a function that judges, said of them."""
        return replace(self, function_points=points) if by_function else replace(self, points=points)

    def spoken(self) -> list[str | None]:
        """Return each answer (n,) as people are shown it: "" where it is none, None where nobody asked for it."""
        pairs = zip(self.predicted.tolist(), self.written.tolist(), strict=True)
        return [
            ("" if answer is None else str(answer)) if is_written else None for answer, is_written in pairs
        ]

    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return the answers, what is known of how likely each truth is, and which were preferred."""
        return {
            "answer": self.predicted.tolist(),
            "written": self.written,
            "cut": self.cut,
            "log_likelihood": self.log_likelihood,
            "tokens": self.tokens,
            **({} if self.points is None else {"points": self.points}),
            **({} if self.function_points is None else {"function_points": self.function_points}),
        }


Of = TypeVar("Of", bound=WrittenOutcomes)


class WrittenGap(BodyGap[Of]):
    """Rows with another answer, and the largest difference of ln p a token. Perplexity may grow by two percent."""

    main: ClassVar[str] = "perplexity"
    most_lost: ClassVar[float] = 0.02
    relative: ClassVar[bool] = True

    def between(self, left: Of, right: Of) -> Gap:
        """Return the gap, of the rows that both wrote for, or of whose truths both say how likely they are."""
        written, likely = left.written & right.written, left.likely & right.likely
        # (likely,): nats a token, so that a long truth is no farther off than a short one
        apart = np.abs(left.log_likelihood - right.log_likelihood)[likely] / left.tokens[likely]
        most = float(apart.max()) if len(apart) else 0.0
        return Gap(len(left), int((left.predicted != right.predicted)[written].sum()), most, most)
