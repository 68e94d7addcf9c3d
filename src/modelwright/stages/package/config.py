"""The section `package` of the project file."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PackageConfig(BaseModel):
    """How what was learned becomes files that serve."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    compress: Literal["auto", "none", "int8"] = Field(
        "auto",
        description="`auto` takes the compressed graph when it keeps what validation can show; `none` never; "
        "`int8` insists on it, and fails with the reason where it must be refused",
    )
