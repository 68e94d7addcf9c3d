"""Labelled spans as answers of a body, and as truths.

Shapes: n rows, m spans of the row that has most, MOST spans of an answer, C labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.arrays import NO_INPUTS, Arrays, Columns
from modelwright.kinds.contract.common import Answer, Array, ArraySpec, Dumped, Form, Role
from modelwright.kinds.shared.confidence import fit_shares, shares
from modelwright.kinds.shared.lists.text_spans import TextSpan, TextSpans
from modelwright.kinds.shared.sealed_state import Names, SealedState
from modelwright.outcomes.entities.outcomes import EntityOutcomes

MOST = 256  # spans of an answer: an array has one width
UNKNOWN = (0.0, 1.0)
_LEAST = 1e-6  # of a share, so that its log odds are finite


@dataclass(frozen=True)
class SpansState:
    """The labels that training shows, sorted by code point, the input whose places are meant, and how sure answers are.

    reads: None where nobody said, and then no answer holds the characters of its spans; sureness: the weights of a
    logistic regression, constant first, on the log odds of what is least sure.
    """

    labels: tuple[str, ...]
    reads: str | None = None
    sureness: tuple[float, ...] = UNKNOWN

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Return the place of each label in `labels`."""
        return {name: place for place, name in enumerate(self.labels)}


class _SealedSpans(SealedState):
    labels: Names
    reads: Annotated[str, Field(min_length=1)] | None = None
    sureness: Annotated[list[float], Field(min_length=2, max_length=2)]


class SpansArrays(Arrays[SpansState, TextSpans]):
    """Out: `spans` int64 (batch, MOST, 3), `scores` float32 (batch, MOST), `sure` float32 (batch,).

    `spans`: start, end and label of each, -1 behind the last; `scores`: how likely each is; `sure`: the probability of
    what of the text is least sure to be labelled as it is, or not at all.
    """

    output_form: ClassVar[Form | None] = Form.SPANS

    def fit(
        self,
        values: Sequence[TextSpans | None],
        *,
        role: Role = Role.INPUT,
        reads: str | None = None,
        **options: Any,
    ) -> SpansState:
        """Return the labels that the training split shows; raises ValueProblem for an output without any."""
        names = {span.label for value in values if value is not None for span in value}
        state = SpansState(tuple(sorted(names)), reads)
        self.require(state, role)
        return state

    def dump(self, state: SpansState) -> Dumped:
        """Return the state as JSON."""
        data = {"labels": list(state.labels), "reads": state.reads, "sureness": list(state.sureness)}
        return Dumped(data, {})

    def load(self, dumped: Dumped) -> SpansState:
        """Read what `dump` returned."""
        sealed = _SealedSpans.read(dumped.data)
        return SpansState(tuple(sealed.labels), sealed.reads, tuple(sealed.sureness))

    def require(self, state: SpansState, role: Role) -> None:
        """Raise ValueProblem for an output without any label."""
        if role is Role.OUTPUT and not state.labels:
            raise ValueProblem("state.no-span")

    def known(self, state: SpansState) -> Sequence[str]:
        """Return the labels."""
        return state.labels

    def answers(self, state: SpansState) -> dict[str, ArraySpec]:
        """Return `spans`, `scores` and `sure`."""
        return {
            "spans": ArraySpec("int64", ("batch", MOST, 3), codes=len(state.labels)),
            "scores": ArraySpec("float32", ("batch", MOST)),
            "sure": ArraySpec("float32", ("batch",)),
        }

    def encode_truth(
        self, values: Sequence[TextSpans | None], inputs: Columns, state: SpansState
    ) -> dict[str, Array]:
        """Return `spans`: int64 (n, m, 3), start, end and label; 0, 0, 0 fills a row up, -1 a missing truth.

        A label that training never showed is the one behind the last.
        """
        most = max((len(value) for value in values if value is not None), default=0) or 1
        found = np.zeros((len(values), most, 3), dtype=np.int64)
        for row, value in enumerate(values):
            if value is None:
                found[row] = -1
            for place, span in enumerate(value or ()):
                label = state.positions.get(span.label, len(state.labels))
                found[row, place] = span.start, span.end, label
        return {"spans": found}

    def calibrate(
        self,
        arrays: Mapping[str, Array],
        values: Sequence[TextSpans | None],
        state: SpansState,
        inputs: Columns = NO_INPUTS,
    ) -> SpansState:
        """Return the state with the logistic regression of being right on what is least sure."""
        answers = self.decode(arrays, state, {})
        known = np.array([value is not None for value in values], dtype=np.bool_)
        right = np.array(
            [value == answer.value for value, answer in zip(values, answers, strict=True)], dtype=np.bool_
        )
        fitted = fit_shares(_odds(arrays["sure"])[known], right[known])
        # one that falls would turn the order of answers round, which too few rows can do
        if fitted is None or fitted[1] <= 0:
            return state
        return replace(state, sureness=tuple(fitted.tolist()))

    def decode(self, arrays: Mapping[str, Array], state: SpansState, inputs: Columns) -> list[Answer]:
        """Return the spans of each text with its characters; the confidence is that all of them are right."""
        sure = _sure(arrays, state).tolist()
        texts = inputs.get(state.reads) if state.reads is not None else None
        rows = _answered(arrays["spans"], state)
        if texts is not None:
            rows = [
                tuple(span.within(None if text is None else str(text)) for span in row)
                for row, text in zip(rows, texts, strict=True)
            ]
        return [Answer(row, share) for row, share in zip(rows, sure, strict=True)]

    def outcomes(
        self,
        values: Sequence[TextSpans | None],
        arrays: Mapping[str, Array],
        state: SpansState,
        inputs: Columns,
    ) -> EntityOutcomes:
        """Return truths and answers, span by span."""
        answers = self.decode(arrays, state, inputs)
        predicted = [_bare(answer.value) for answer in answers]
        truths = [None if value is None else _bare(value) for value in values]
        shown = [[span.to_json() for span in answer.value] for answer in answers]
        return EntityOutcomes.of(state.labels, truths, predicted, _sure(arrays, state), shown)


def _bare(spans: TextSpans) -> tuple[tuple[int, int, str], ...]:
    """Return spans as outcomes compare them."""
    return tuple((span.start, span.end, span.label) for span in spans)


def _answered(spans: Array, state: SpansState) -> list[TextSpans]:
    """Return the spans of each row (n, MOST, 3) in order, without what is none and what overlaps one before it."""
    found = []
    for row in spans.tolist():
        kept: list[TextSpan] = []
        for start, end, label in sorted(row):
            behind = kept[-1].end if kept else 0
            if behind <= start < end and 0 <= label < len(state.labels):
                kept.append(TextSpan(start, end, state.labels[label]))
        found.append(tuple(kept))
    return found


def _odds(sure: Array) -> NDArray[np.float64]:
    """Return the log odds (n, 1) of shares (n,)."""
    held = np.clip(np.nan_to_num(sure.astype(np.float64)), _LEAST, 1 - _LEAST)
    odds: NDArray[np.float64] = np.log(held / (1 - held))[:, None]
    return odds


def _sure(arrays: Mapping[str, Array], state: SpansState) -> NDArray[np.float64]:
    """Return how likely each row is right as a whole, (n,)."""
    return shares(_odds(arrays["sure"]), np.array(state.sureness))
