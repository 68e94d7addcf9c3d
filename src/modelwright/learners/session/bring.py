"""Reads the packages of the functions that a session calls; they are inputs of `plan` as any data."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.messages import PackageError, Phrase, Problem
from modelwright.core.signature import Signature
from modelwright.learners.contract.bring import Bring
from modelwright.learners.session import session_body
from modelwright.learners.session.spec import SessionOptions
from modelwright.learners.session.used_function import USE, files_of, folders
from modelwright.package import packages
from modelwright.package.packages import Package
from modelwright.runtime.drivers.session import roles
from modelwright.runtime.drivers.session.nested_functions import joined
from modelwright.runtime.drivers.session.session_settings import DRIVER


class SessionBring(Bring):
    """Reads every package strictly, and says which cannot do what it is called for."""

    def files(self, options: BaseModel, folder: Path) -> tuple[Path, ...]:
        """Return all files of the packages."""
        return files_of(_folders(options))

    def problems(self, signature: Signature, options: BaseModel, folder: Path) -> Iterator[Problem]:
        """Yield which packages are damaged, which cannot do what they are called for, and which do not go together."""
        found: dict[str, Package] = {}
        for role, place in _folders(options).items():
            try:
                found[role] = packages.read(place)
            except PackageError as error:
                yield from error.problems
                continue
            yield from _unfit(role, found[role])
        if roles.ENTAILS in found and roles.REPLY not in _folders(options):
            line = f"{USE}: {{{roles.REPLY}: ../reply}}"
            yield Problem("use.no-reply", line=line).at(f"{USE}.{roles.ENTAILS}")
        try:
            joined(found)
        except ValueError as error:
            yield Problem("use.same-files", path=str(error)).at(USE)

    def prepare(self, options: BaseModel, folder: Path, out: Path) -> None:
        """Copy the packages, each into a folder of its role."""
        for role, place in _folders(options).items():
            shutil.copytree(place, out / role)

    def credits(self, brought: Path) -> Mapping[str, str]:
        """Return what the packages hold of others: it is in the package that calls them, too."""
        return session_body.credits_in(brought)


def _folders(options: BaseModel) -> Mapping[str, Path]:
    assert isinstance(options, SessionOptions)
    return folders(options.use, {roles.FIND: f"{roles.FIND}: ../find"}, DRIVER)


def _unfit(role: str, package: Package) -> Iterator[Problem]:
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
