"""A function of another project that this one calls, as the section `use` names it and as it was found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from modelwright.core.messages import Phrase, Problem, ProjectError

USE = "use"
"""The option of a learner that calls other functions: role → function. It is the section of that name that fills it."""

JUDGE = "judge"
"""The role of a function that judges answers: `evaluate` calls it, and no learner does."""


class UsedFunction(BaseModel):
    """Which package is called. Where it lies is no part of what is sealed: the digest says which one it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    named: str = Field(description="as the project file names it")
    version: int | None = Field(
        None, description="the version of its project; None: it is named as a package"
    )
    package: str = Field(description="the digest of its package")
    folder: Path | None = Field(None, exclude=True, description="where its package lies")

    def called(self, role: str) -> Phrase:
        """Return which function is called, for a person."""
        return Phrase(
            "session.calls", role=role, named=self.named, version=self.version, digest=self.package[:12]
        )


def folders(use: Mapping[str, UsedFunction], needed: Mapping[str, str], learner: str) -> Mapping[str, Path]:
    """Return where the package of each function lies; needed: role → how a project names it.

    Raises ProjectError with all roles that the learner needs and that no function has.
    """
    lacking = [line for role, line in needed.items() if role not in use]
    if lacking:
        line = f"{USE}: {{{', '.join(needed.values())}}}"
        raise ProjectError(Problem("use.no-find", learner=learner, line=line).at("model"))
    found = {role: one.folder for role, one in use.items()}
    assert all(found.values()), "a function that was found lies somewhere"
    return {role: place for role, place in found.items() if place is not None}


def files_of(places: Mapping[str, Path]) -> tuple[Path, ...]:
    """Return all files of packages."""
    return tuple(one for place in places.values() for one in sorted(place.rglob("*")) if one.is_file())


def used_packages(options: Mapping[str, object]) -> dict[str, str]:
    """Return the digest of the package of each function that a sealed choice calls, as a lineage names it."""
    used = options.get(USE)
    functions = (
        {role: UsedFunction.model_validate(one) for role, one in used.items()}
        if isinstance(used, dict)
        else {}
    )
    return {f"{USE}.{role}": one.package for role, one in functions.items()}
