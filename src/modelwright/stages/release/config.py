"""The section `release` of the project file."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ReleaseConfig(BaseModel):
    """How a version reaches its users."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: Literal["direct"] = Field(
        "direct", description="how traffic moves to a new version: `direct` moves all of it at once"
    )
    allow_inconclusive: bool | tuple[str, ...] = Field(
        default=False,
        description="requirements that need not be proved before a release, each written as in "
        "`requirements` (`recall[fraud]`); or true for all. An unmet requirement always holds a release back",
    )
