"""Reads the packages of the functions that a re-ranking calls; they are inputs of `plan` as any data."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from modelwright.core.messages import PackageError, Phrase, Problem
from modelwright.core.signature import Signature
from modelwright.learners.contract.bring import Bring
from modelwright.learners.rerank.spec import RerankOptions
from modelwright.learners.session import session_body
from modelwright.learners.session.used_function import USE, files_of, folders
from modelwright.package import packages
from modelwright.package.packages import Package
from modelwright.runtime.drivers.rerank.rerank_settings import ROLES, SAME, cannot
from modelwright.runtime.drivers.session.nested_functions import joined
from modelwright.runtime.drivers.session.roles import FIND


class RerankBring(Bring):
    """Reads both packages strictly, and says which cannot do what it is called for."""

    def files(self, options: BaseModel, folder: Path) -> tuple[Path, ...]:
        """Return all files of the packages."""
        return files_of(_places(options))

    def problems(self, signature: Signature, options: BaseModel, folder: Path) -> Iterator[Problem]:
        """Yield which packages are damaged, and which cannot do what they are called for."""
        found: dict[str, Package] = {}
        for role, place in _places(options).items():
            try:
                found[role] = packages.read(place)
            except PackageError as error:
                yield from error.problems
                continue
            body = found[role].body
            if cannot(role, body.signature, body.driver):
                wanted = Phrase("use.wanted-to-rerank", role=role)
                yield Problem("use.unfit", role=role, signature=str(body.signature), wanted=wanted).at(
                    f"{USE}.{role}"
                )
        try:
            joined(found)
        except ValueError as error:
            yield Problem("use.same-files", path=str(error)).at(USE)

    def prepare(self, options: BaseModel, folder: Path, out: Path) -> None:
        """Copy the packages, each into a folder of its role."""
        for role, place in _places(options).items():
            shutil.copytree(place, out / role)

    def credits(self, brought: Path) -> Mapping[str, str]:
        """Return what the packages hold of others: it is in the package that calls them, too."""
        return session_body.credits_in(brought)


def _places(options: BaseModel) -> Mapping[str, Path]:
    assert isinstance(options, RerankOptions)
    return folders(
        options.use, dict(zip(ROLES, (f"{FIND}: ../find", f"{SAME}: ../same"), strict=True)), "rerank"
    )
