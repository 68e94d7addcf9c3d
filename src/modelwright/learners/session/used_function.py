"""A function of another project that this one calls, as the section `use` names it and as it was found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

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


def used_packages(options: Mapping[str, object]) -> dict[str, str]:
    """Return the digest of the package of each function that a sealed choice calls, as a lineage names it."""
    used = options.get(USE)
    functions = (
        {role: UsedFunction.model_validate(one) for role, one in used.items()}
        if isinstance(used, dict)
        else {}
    )
    return {f"{USE}.{role}": one.package for role, one in functions.items()}
