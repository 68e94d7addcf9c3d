"""Says which functions a session cannot call, or not alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.messages import Phrase, Problem
from modelwright.learners.session.bring_functions import BringFunctions
from modelwright.learners.session.spec import SessionOptions
from modelwright.learners.session.used_function import USE, folders
from modelwright.package.packages import Package
from modelwright.runtime.drivers.session import roles
from modelwright.runtime.drivers.session.session_settings import DRIVER


class SessionBring(BringFunctions):
    """Says which functions cannot do what a session calls them for."""

    def folders(self, options: BaseModel) -> Mapping[str, Path]:
        """Return the folders that `use` leads to; `find` must be among them."""
        assert isinstance(options, SessionOptions)
        return folders(options.use, {roles.FIND: f"{roles.FIND}: ../find"}, DRIVER)

    def lacking(self, options: BaseModel, read: Collection[str]) -> Iterator[Problem]:
        """Yield that nothing is written which could be judged, where that is so."""
        if roles.ENTAILS in read and roles.REPLY not in self.folders(options):
            line = f"{USE}: {{{roles.REPLY}: ../reply}}"
            yield Problem("use.no-reply", line=line).at(f"{USE}.{roles.ENTAILS}")

    def unfit(self, role: str, package: Package) -> Iterator[Problem]:
        """Yield why a function cannot do what a role does."""
        place, body = f"{USE}.{role}", package.body
        if body.driver == DRIVER:
            yield Problem("use.session", role=role, signature=str(body.signature)).at(place)
        elif roles.unfit(role, body.signature, body.driver):
            wanted = Phrase("use.wanted", role=role, given=list(roles.GIVEN))
            yield Problem("use.unfit", role=role, signature=str(body.signature), wanted=wanted).at(place)
        elif role == roles.POLICY:
            (act,) = body.signature.outputs
            if unknown := roles.unknown_acts(act, body.states[act.name]):
                yield Problem("use.unknown-acts", acts=unknown, known=list(roles.ACTS)).at(place)
