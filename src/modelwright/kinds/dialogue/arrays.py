"""Dialogues as prompts: no array carries them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from modelwright.kinds.contract.arrays import Arrays
from modelwright.kinds.contract.common import Array, ArraySpec, Dumped, Form
from modelwright.kinds.dialogue.value import Dialogue, DialogueTurn
from modelwright.kinds.shared.plain_state import PlainState
from modelwright.kinds.turns import USER


class DialogueArrays(Arrays[PlainState, Dialogue]):
    """No arrays: a learner and its driver read the turns."""

    input_form: ClassVar[Form | None] = Form.PROMPT

    def fit(self, values: Sequence[Dialogue | None], **options: Any) -> PlainState:
        """Return the state, in which there is nothing to learn."""
        return PlainState(Form.PROMPT)

    def dump(self, state: PlainState) -> Dumped:
        """Return the state as JSON."""
        return state.dump()

    def load(self, dumped: Dumped) -> PlainState:
        """Read what `dump` returned; raises ValueProblem where it is absurd."""
        return PlainState.load(dumped)

    def example(self, state: PlainState) -> Dialogue:
        """Return a dialogue of one turn."""
        return (DialogueTurn(USER, "an example"),)

    def specs(self, state: PlainState) -> dict[str, ArraySpec]:
        """Return none."""
        return {}

    def encode(self, values: Sequence[Dialogue | None], state: PlainState) -> dict[str, Array]:
        """Return none."""
        return {}
