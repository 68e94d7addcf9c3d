"""Outcomes of an output that is the place of an answer in a text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.json_types import JsonObject
from modelwright.core.outcomes import Outcomes, RowChoice
from modelwright.outcomes.text_words import words

Found = tuple[int, int, str | None]  # start, end, and the characters where they are known
Places = tuple[tuple[int, int], ...]


@final
@dataclass(frozen=True)
class ReadingOutcomes(Outcomes):
    """Outcomes of n questions to a text each.

    truth: (n,) the places that are right, () where the text holds no answer, None where nobody knows; predicted: (n,)
    the one place that is answered, None where none is; right: (n,) whether the words of the answer are those of a right
    one, or none is given where there is none; overlap: (n,) F1 of the words of the answer with those of the right one
    that is most like it, 0 or 1 where there is none (Rajpurkar et al. 2016, 2018), NaN without a truth; probabilities:
    (n,) how likely the best candidate is right; shown: (n,) the answer as JSON, None without one.
    """

    truth: NDArray[np.object_]
    predicted: NDArray[np.object_]
    right: NDArray[np.bool_]
    overlap: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    shown: NDArray[np.object_]

    @classmethod
    def of(
        cls,
        truth: Sequence[Sequence[Found] | None],
        predicted: Sequence[Found | None],
        probabilities: NDArray[np.float64],
    ) -> Self:
        """Compare n answers with the truths."""
        pairs = list(zip(truth, predicted, strict=True))
        overlap = np.array([_overlap(one, other) for one, other in pairs], dtype=np.float64)
        right = np.array([_right(one, other) for one, other in pairs], dtype=np.bool_)
        return cls(
            _objects([None if one is None else tuple(span[:2] for span in one) for one in truth]),
            _objects([None if one is None else (one[:2],) for one in predicted]),
            right,
            overlap,
            probabilities,
            _objects([None if one is None else _shown(one) for one in predicted]),
        )

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: RowChoice) -> Self:
        """Return the outcomes of some rows: a mask or an array of positions."""
        return replace(self, **{name: values[rows] for name, values in vars(self).items()})

    @property
    def known(self) -> NDArray[np.bool_]:
        """Return which rows (n,) have a truth."""
        return np.array([one is not None for one in self.truth.tolist()], dtype=np.bool_)

    @property
    def answerable(self) -> NDArray[np.bool_]:
        """Return which rows (n,) have a text that holds an answer."""
        return np.array([bool(one) for one in self.truth.tolist()], dtype=np.bool_)

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Return which rows (n,) are answered."""
        return np.array([one is not None for one in self.predicted.tolist()], dtype=np.bool_)

    def aligned(self, to: Outcomes) -> Self:
        """Return these answers beside the truths of `to`: of the same rows, so that what is right stays so."""
        if not isinstance(to, ReadingOutcomes) or len(to) != len(self):
            raise ValueError("outcomes of another family, or of other rows")
        return replace(self, truth=to.truth)

    def columns(self) -> Mapping[str, Sequence[str | None] | NDArray[Any]]:
        """Return the answers as JSON, how sure they are, and how much of a right one they have."""
        return {
            "answer": self.shown.tolist(),
            "confidence": self.probabilities,
            "overlap": self.overlap,
        }


def _right(truth: Sequence[Found] | None, answer: Found | None) -> bool:
    """Tell whether an answer is right to the word, or to the character where no characters are known."""
    if not truth or answer is None:
        return truth is not None and not truth and answer is None
    return any(_same(one, answer) for one in truth)


def _same(truth: Found, answer: Found) -> bool:
    if truth[:2] == answer[:2]:
        return True
    spoken, given = words(truth[2] or ""), words(answer[2] or "")
    return bool(spoken) and spoken == given


def _overlap(truth: Sequence[Found] | None, answer: Found | None) -> float:
    """Return the F1 of an answer with the right one that is most like it; NaN without a truth."""
    if truth is None:
        return float("nan")
    # no words to share: right where neither is there
    if not truth or answer is None:
        return float(not truth and answer is None)
    return max(_f1(one, answer) for one in truth)


def _f1(truth: Found, answer: Found) -> float:
    """Return 2·both/(wanted + given) over words as often as each is there, or over characters."""
    if truth[:2] == answer[:2]:
        return 1.0
    if truth[2] is None or answer[2] is None:
        # characters that lie in both
        both = max(0, min(truth[1], answer[1]) - max(truth[0], answer[0]))
        return 2 * both / (truth[1] - truth[0] + answer[1] - answer[0])
    wanted, given = Counter(words(truth[2])), Counter(words(answer[2]))
    # |T ∩ A| of multisets; signs alone are no words, and then nothing is shared
    both = (wanted & given).total()
    return 2 * both / max(1, wanted.total() + given.total())


def _shown(span: Found) -> str:
    start, end, text = span
    found: JsonObject = {"start": start, "end": end, **({} if text is None else {"text": text})}
    return json.dumps(found, ensure_ascii=False)


def _objects(values: Sequence[object]) -> NDArray[np.object_]:
    """Return values as an array (n,) of objects, whatever they are."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found
