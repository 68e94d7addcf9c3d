"""Exports a session: the functions that it calls, whole, in one package."""

from __future__ import annotations

from pathlib import Path

from modelwright.learners import kind_states
from modelwright.learners.contract.export import Export
from modelwright.learners.session import session_body
from modelwright.learners.session.refusal import Refusal
from modelwright.learners.session.spec import SessionOptions
from modelwright.package.body import Body


class SessionExport(Export):
    """Puts the packages into a body."""

    def export(self, learned: Path) -> Body:
        """Return the body of the driver `session`."""
        signature, states = kind_states.read(learned)
        text = (learned / session_body.OPTIONS).read_text(encoding="utf-8")
        options = SessionOptions.model_validate_json(text)
        functions = session_body.functions_in(learned / session_body.FUNCTIONS)
        settled = (learned / session_body.REFUSAL).read_text(encoding="utf-8")
        refusal = Refusal.model_validate_json(settled)
        return session_body.body(signature, states, functions, options, refusal)

    def compress(self, body: Body) -> Body | None:
        """Return None: each function is called as it was released."""
        return None
