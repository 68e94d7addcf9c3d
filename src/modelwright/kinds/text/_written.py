"""What was written, as the family `texts` reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from modelwright.kinds.contract.common import DECODED, LIKELIHOOD, Answer, Array
from modelwright.outcomes.text_words import sentences, stands_in, words
from modelwright.outcomes.texts.outcomes import TextOutcomes

CUT = ("length", "time")
"""Why an answer ended, where it did not end by itself (`Answer.details`, `finish`)."""
ANSWERED = "answer"
"""What was done with a message (`Answer.details`, `act`), where it was not refused, asked back or handed over."""


def outcomes(values: Sequence[str | None], arrays: Mapping[str, Array]) -> TextOutcomes:
    """Return the outcomes of n truths (None: missing) beside what arrays hold of them.

    Rows that were not written for an answer have None under DECODED; without LIKELIHOOD nothing is known of it.
    """
    n = len(values)
    nothing: list[Answer | None] = [None] * n
    answers: list[Answer | None] = arrays[DECODED].tolist() if DECODED in arrays else nothing
    likely = arrays.get(LIKELIHOOD)
    unknown = np.full((n, 2), np.nan)
    return TextOutcomes(
        truth=_texts(values),
        predicted=_texts([None if one is None else one.value for one in answers]),
        written=np.array([one is not None for one in answers], dtype=np.bool_),
        cut=np.array([_is_cut(one) for one in answers], dtype=np.bool_),
        log_likelihood=(unknown if likely is None else likely)[:, 0].astype(np.float64),
        tokens=(unknown if likely is None else likely)[:, 1].astype(np.float64),
        copied=np.full(n, np.nan),
        refused=np.array([_is_refused(one) for one in answers], dtype=np.bool_),
        supported=np.array([_supported(one) for one in answers], dtype=np.float64),
    )


def _is_cut(answer: Answer | None) -> bool:
    return answer is not None and (answer.details or {}).get("finish") in CUT


def _is_refused(answer: Answer | None) -> bool:
    """Tell whether an answer says that there is none: what its function did was something else than to answer."""
    return answer is not None and (answer.details or {}).get("act", ANSWERED) != ANSWERED


def _supported(answer: Answer | None) -> float:
    """Return the share of an answer's sentences that stand in a passage which it cites, NaN without a source.

    A quotation stands there word by word; of what was written the function itself has judged it (`unsupported`).
    """
    sources = () if answer is None else (answer.details or {}).get("sources", ())
    if answer is None or not isinstance(sources, list | tuple) or not sources:
        return float("nan")
    cited = [words(str(one.get("passage", ""))) for one in sources if isinstance(one, Mapping)]
    spoken = [found for one in sentences(str(answer.value or "")) if (found := words(one))]
    unsupported = (answer.details or {}).get("unsupported")
    if isinstance(unsupported, list | tuple):
        return 1 - len(unsupported) / len(spoken) if spoken else float("nan")
    held = [any(stands_in(one, passage) for passage in cited) for one in spoken]
    return float(np.mean(held)) if held else float("nan")


def _texts(values: Sequence[str | None]) -> Array:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found
