"""Says which functions a re-ranking cannot call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.messages import Phrase, Problem
from modelwright.learners.rerank.spec import RerankOptions
from modelwright.learners.session.bring_functions import BringFunctions
from modelwright.learners.session.used_function import USE, folders
from modelwright.package.packages import Package
from modelwright.runtime.drivers.rerank.rerank_settings import ROLES, SAME, cannot
from modelwright.runtime.drivers.session.roles import FIND


class RerankBring(BringFunctions):
    """Says which of the two functions cannot do what it is called for."""

    def folders(self, options: BaseModel) -> Mapping[str, Path]:
        """Return the folders of both."""
        assert isinstance(options, RerankOptions)
        lines = dict(zip(ROLES, (f"{FIND}: ../find", f"{SAME}: ../same"), strict=True))
        return folders(options.use, lines, "rerank")

    def unfit(self, role: str, package: Package) -> Iterator[Problem]:
        """Yield why a function neither finds nor compares."""
        body = package.body
        if cannot(role, body.signature, body.driver):
            wanted = Phrase("use.wanted-to-rerank", role=role)
            problem = Problem("use.unfit", role=role, signature=str(body.signature), wanted=wanted)
            yield problem.at(f"{USE}.{role}")
