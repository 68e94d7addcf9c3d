"""Spans as answers of a body, and as truths.

Shapes: n rows, m spans of the row for which most are right, BEST candidates of an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modelwright.core.json_types import Json
from modelwright.core.messages import Phrase
from modelwright.kinds.contract.arrays import NO_INPUTS, Arrays, Columns
from modelwright.kinds.contract.common import Answer, Array, ArraySpec, Dumped, Form, Move, Role
from modelwright.kinds.shared.confidence import fit_shares, shares
from modelwright.kinds.shared.cutting import cuts
from modelwright.kinds.shared.lists.text_spans import TextSpan, TextSpans
from modelwright.kinds.shared.sealed_state import SealedState, Share
from modelwright.outcomes.reading.outcomes import ReadingOutcomes

BEST = 5  # candidates that an answer holds, the best first
UNKNOWN = (0.0, 1.0, 1.0)
_MOST = 30.0  # of a log odd: beyond it nothing is surer


@dataclass(frozen=True)
class SpanState:
    """The input whose places are meant, how sure answers are, and from where they are given.

    reads: None where nobody said, and then no answer holds its characters; optional: whether the output may abstain;
    sureness: the weights of a logistic regression, constant first, on what speaks for the best candidate; threshold:
    the confidence below which an optional output abstains, None: it answers wherever there is a candidate.
    """

    reads: str | None = None
    optional: bool = False
    sureness: tuple[float, ...] = UNKNOWN
    threshold: float | None = None


class _SealedSpan(SealedState):
    reads: Annotated[str, Field(min_length=1)] | None = None
    optional: bool = False
    sureness: Annotated[list[float], Field(min_length=3, max_length=3)]
    threshold: Share | None = None


class SpanArrays(Arrays[SpanState, TextSpans]):
    """Out: `spans` int64 (batch, BEST, 2), `scores` float32 (batch, BEST).

    `spans`: start and end of each candidate, the best first, -1 behind the last; `scores`: the log odds of each against
    there being no answer.
    """

    output_form: ClassVar[Form | None] = Form.SPAN
    abstains: ClassVar[bool] = True

    def fit(
        self,
        values: Sequence[TextSpans | None],
        *,
        role: Role = Role.INPUT,
        reads: str | None = None,
        optional: bool = False,
        **options: Any,
    ) -> SpanState:
        """Return a state; of training rows nothing is remembered."""
        return SpanState(reads, optional)

    def dump(self, state: SpanState) -> Dumped:
        """Return the state as JSON."""
        return Dumped({**vars(state), "sureness": list(state.sureness)}, {})

    def load(self, dumped: Dumped) -> SpanState:
        """Read what `dump` returned."""
        sealed = _SealedSpan.read(dumped.data)
        return SpanState(sealed.reads, sealed.optional, tuple(sealed.sureness), sealed.threshold)

    def answers(self, state: SpanState) -> dict[str, ArraySpec]:
        """Return `spans` and `scores`."""
        return {
            "spans": ArraySpec("int64", ("batch", BEST, 2)),
            "scores": ArraySpec("float32", ("batch", BEST)),
        }

    def encode_truth(
        self, values: Sequence[TextSpans | None], inputs: Columns, state: SpanState
    ) -> dict[str, Array]:
        """Return `spans`: int64 (n, m, 2), start and end; 0, 0 fills a row up, -1 a missing truth."""
        most = max((len(value) for value in values if value is not None), default=0) or 1
        found = np.zeros((len(values), most, 2), dtype=np.int64)
        for row, value in enumerate(values):
            if value is None:
                found[row] = -1
            for place, span in enumerate(value or ()):
                found[row, place] = span.start, span.end
        return {"spans": found}

    def calibrate(
        self,
        arrays: Mapping[str, Array],
        values: Sequence[TextSpans | None],
        state: SpanState,
        inputs: Columns = NO_INPUTS,
    ) -> SpanState:
        """Return the state with how sure answers are and, of an optional output, the threshold that is right most.

        There is one only where some texts hold no answer: where each holds one, to abstain is never right.
        """
        always = replace(state, threshold=None)
        found = self.outcomes(values, arrays, always, inputs)
        known, right = found.known, found.right
        fitted = fit_shares(_evidence(arrays)[known], right[known])
        if fitted is None:
            return state
        fit = replace(always, sureness=tuple(fitted.tolist()))
        without = np.array([value == () for value in values], dtype=np.bool_)
        if not state.optional or not without.any():
            return replace(fit, threshold=state.threshold)
        sure = _sure(arrays, fit)
        tried = [None, *cuts(sure[known])]
        # a row is right where it is answered rightly, or not answered and holds no answer
        wins = [
            int(np.where(sure >= (-1.0 if cut is None else cut), right, without)[known].sum())
            for cut in tried
        ]
        return replace(fit, threshold=tried[int(np.argmax(wins))])

    def moves(
        self, arrays: Mapping[str, Array], state: SpanState, *, labels: Sequence[str], optional: bool
    ) -> Sequence[Move[SpanState]]:
        """Return the one direction there is: answering surer rows alone."""
        if not optional:
            return ()
        return [Move(partial(_by_confidence, arrays), abstains=True)]

    def operating_point(self, state: SpanState) -> tuple[Phrase, ...]:
        """Say below which confidence none is answered."""
        return () if state.threshold is None else (Phrase("operating.abstains", least=state.threshold),)

    def decode(self, arrays: Mapping[str, Array], state: SpanState, inputs: Columns) -> list[Answer]:
        """Return the best candidate of each row, None where there is none or too little speaks for it.

        The candidates stand in the details, with their scores.
        """
        sure = _sure(arrays, state).tolist()
        texts = inputs.get(state.reads) if state.reads is not None else None
        answers = []
        for row, (spans, scores) in enumerate(zip(arrays["spans"], arrays["scores"], strict=True)):
            text = None if texts is None or texts[row] is None else str(texts[row])
            found = [TextSpan(*pair).within(text) for pair in spans.tolist() if 0 <= pair[0] < pair[1]]
            choices: list[Json] = [
                {**span.to_json(), "score": round(float(score), 6)}
                for span, score in zip(found, scores.tolist(), strict=False)
            ]
            value = (found[0],) if _answered(spans, state, sure[row]) else None
            answers.append(Answer(value, sure[row], details={"choices": choices}))
        return answers

    def outcomes(
        self,
        values: Sequence[TextSpans | None],
        arrays: Mapping[str, Array],
        state: SpanState,
        inputs: Columns,
    ) -> ReadingOutcomes:
        """Return truths and answers."""
        texts = inputs.get(state.reads) if state.reads is not None else None
        answers = self.decode(arrays, state, inputs)
        truths = [
            value
            if texts is None or value is None
            else tuple(span.within(_text(texts[row])) for span in value)
            for row, value in enumerate(values)
        ]
        return ReadingOutcomes.of(
            [None if value is None else [_bare(span) for span in value] for value in truths],
            [None if answer.value is None else _bare(answer.value[0]) for answer in answers],
            _sure(arrays, state),
        )


def _text(given: object) -> str | None:
    return None if given is None else str(given)


def _bare(span: TextSpan) -> tuple[int, int, str | None]:
    """Return a span as outcomes compare it."""
    return span.start, span.end, span.text


def _answered(spans: NDArray[np.int64], state: SpanState, sure: float) -> bool:
    """Tell whether a row (BEST, 2) is answered: it has a candidate, and that is sure enough."""
    start, end = spans[0].tolist()
    return 0 <= start < end and (state.threshold is None or sure >= state.threshold)


def _evidence(arrays: Mapping[str, Array]) -> NDArray[np.float64]:
    """Return what speaks for the best candidate, (n, 2): its log odds, and its lead over the next."""
    scores = np.clip(np.nan_to_num(arrays["scores"].astype(np.float64)), -_MOST, _MOST)
    there = arrays["spans"][:, :, 0] >= 0
    lead = np.where(there[:, 1], scores[:, 0] - scores[:, 1], 0.0)
    return np.stack([np.where(there[:, 0], scores[:, 0], -_MOST), lead], axis=1)


def _sure(arrays: Mapping[str, Array], state: SpanState) -> NDArray[np.float64]:
    """Return how likely the best candidate of each row is right, (n,)."""
    return shares(_evidence(arrays), np.array(state.sureness))


def _by_confidence(arrays: Mapping[str, Array], state: SpanState) -> list[SpanState]:
    """Return states that answer surer rows alone, and the one that answers all."""
    return [replace(state, threshold=cut) for cut in (None, *cuts(_sure(arrays, state)))]
