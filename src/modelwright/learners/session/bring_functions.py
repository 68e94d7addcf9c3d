"""The facet `bring` of learners that call other functions: their packages, which are inputs of `plan` as any data."""

from __future__ import annotations

import shutil
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.messages import PackageError, Problem
from modelwright.core.signature import Signature
from modelwright.learners.contract.bring import Bring
from modelwright.learners.session import session_body
from modelwright.learners.session.used_function import USE, files_of
from modelwright.package import packages
from modelwright.package.packages import Package
from modelwright.runtime.drivers.session.nested_functions import joined


class BringFunctions(Bring):
    """Reads every package strictly. Abstract: which there are, and what each must be able to do."""

    @abstractmethod
    def folders(self, options: BaseModel) -> Mapping[str, Path]:
        """Return the folder of each package by its role; raises ProjectError where one is not there."""

    @abstractmethod
    def unfit(self, role: str, package: Package) -> Iterator[Problem]:
        """Yield why a function cannot do what it is called for."""

    def lacking(self, options: BaseModel, read: Collection[str]) -> Iterator[Problem]:
        """Yield which role is there without another one that it needs; read: the roles that were read."""
        yield from ()

    def files(self, options: BaseModel, folder: Path) -> tuple[Path, ...]:
        """Return all files of the packages."""
        return files_of(self.folders(options))

    def problems(self, signature: Signature, options: BaseModel, folder: Path) -> Iterator[Problem]:
        """Yield which packages are damaged, which cannot do what they are called for, and which do not go together."""
        found: dict[str, Package] = {}
        for role, place in self.folders(options).items():
            try:
                found[role] = packages.read(place)
            except PackageError as error:
                yield from error.problems
                continue
            yield from self.unfit(role, found[role])
        yield from self.lacking(options, found)
        try:
            joined(found)
        except ValueError as error:
            yield Problem("use.same-files", path=str(error)).at(USE)

    def prepare(self, options: BaseModel, folder: Path, out: Path) -> None:
        """Copy the packages, each into a folder of its role."""
        for role, place in self.folders(options).items():
            shutil.copytree(place, out / role)

    def credits(self, brought: Path) -> Mapping[str, str]:
        """Return what the packages hold of others: it is in the package that calls them, too."""
        return session_body.credits_in(brought)
