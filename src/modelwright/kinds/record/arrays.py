"""Records as answers of a body that writes: no array carries them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.arrays import Arrays, Columns
from modelwright.kinds.contract.common import (
    DECODED,
    LIKELIHOOD,
    Answer,
    Array,
    ArraySpec,
    Dumped,
    Form,
    Role,
)
from modelwright.kinds.shared.plain_state import PlainState
from modelwright.outcomes.records.outcomes import RecordOutcomes

_CUT = ("length", "time")  # why an answer ended that did not end by itself (`Answer.details`, `finish`)


class RecordArrays(Arrays[PlainState, str]):
    """No arrays: a learner reads the texts, and a driver writes them."""

    output_form: ClassVar[Form | None] = Form.WRITTEN

    def fit(self, values: Sequence[str | None], **options: Any) -> PlainState:
        """Return the state, in which there is nothing to learn."""
        return PlainState(Form.WRITTEN)

    def dump(self, state: PlainState) -> Dumped:
        """Return the state as JSON."""
        return state.dump()

    def load(self, dumped: Dumped) -> PlainState:
        """Read what `dump` returned; raises ValueProblem where it is absurd."""
        return PlainState.load(dumped)

    def require(self, state: PlainState, role: Role) -> None:
        """Raise ValueProblem for the state of an input."""
        if state.form is not Form.WRITTEN:
            raise ValueProblem("state.absurd", key="form", error=f"of no {role.value}")

    def answers(self, state: PlainState) -> dict[str, ArraySpec]:
        """Return none: the driver decodes what it writes."""
        return {}

    def encode_truth(
        self, values: Sequence[str | None], inputs: Columns, state: PlainState
    ) -> dict[str, Array]:
        """Return none: a learner reads the texts themselves."""
        return {}

    def decode(self, arrays: Mapping[str, Array], state: PlainState, inputs: Columns) -> list[Answer]:
        """Return the answers that the driver decoded."""
        found: list[Answer] = arrays[DECODED].tolist()
        return found

    def outcomes(
        self, values: Sequence[str | None], arrays: Mapping[str, Array], state: PlainState, inputs: Columns
    ) -> RecordOutcomes:
        """Return n truths beside what was written; a row that was not written for has None under DECODED."""
        n = len(values)
        answers: list[Answer | None] = arrays[DECODED].tolist() if DECODED in arrays else [None] * n
        likely = arrays.get(LIKELIHOOD)
        known = np.full((n, 2), np.nan) if likely is None else likely.astype(np.float64)
        return RecordOutcomes.of(
            values,
            [None if one is None else one.value for one in answers],
            written=np.array([one is not None for one in answers], dtype=np.bool_),
            cut=np.array([_is_cut(one) for one in answers], dtype=np.bool_),
            likely=known,
        )


def _is_cut(answer: Answer | None) -> bool:
    return answer is not None and (answer.details or {}).get("finish") in _CUT
