"""The state of a value that no array carries: learner and driver read it as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from modelwright.kinds.contract.common import Dumped, Form
from modelwright.kinds.shared.sealed_state import SealedState


class _Sealed(SealedState):
    form: Literal["prompt", "located", "written"]


@dataclass(frozen=True)
class PlainState:
    """Remembers nothing but its form, `prompt`, `located` or `written`."""

    form: Form

    def dump(self) -> Dumped:
        """Return the form as JSON."""
        return Dumped({"form": self.form.value}, {})

    @classmethod
    def holds(cls, data: Mapping[str, Any]) -> bool:
        """Tell whether it was such a state that was dumped."""
        return data.get("form") in (Form.PROMPT, Form.LOCATED, Form.WRITTEN)

    @classmethod
    def load(cls, dumped: Dumped) -> PlainState:
        """Read what `dump` returned; raises ValueProblem for anything else."""
        return cls(Form(_Sealed.read(dumped.data).form))
