"""The section `package` of the project file."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from modelwright.learners.contract.compression import FormChoice, read


class PackageConfig(BaseModel):
    """How what was learned becomes files that serve."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    compress: Literal["auto", "none"] | tuple[FormChoice, ...] = Field(
        "auto",
        description="`auto` takes the smallest and quickest form that keeps what validation can show; `none` the exact "
        "graph; a form (int8, int8-blocks, int8-static, int4, float16, prune, low-rank), or several one after another, "
        "insists on it, and fails with the reason where it must be refused",
    )

    @field_validator("compress", mode="before")
    @classmethod
    def _forms(cls, given: object) -> object:
        """Read forms: one, or several one after another; raises ValueProblem where one is none."""
        return given if given in ("auto", "none") else read(given)
