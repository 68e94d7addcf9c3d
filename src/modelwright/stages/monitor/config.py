"""The section `monitor` of the project file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from modelwright.core.messages import ProjectError
from modelwright.core.units import Unit, parse_quantity


class MonitorConfig(BaseModel):
    """How live traffic is watched."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: str = Field("1 h", description="live requirements are judged on the traffic of this last time")
    refresh_s: float = Field(15.0, gt=0, description="seconds between two looks at live traffic")

    @field_validator("window")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        try:
            seconds = parse_quantity(text, Unit.SECONDS)
        except ProjectError as error:
            problem = error.problems[0]
            raise ValueError(f"{problem.rule}; found {problem.found}. {problem.next_step}") from None
        if seconds <= 0:
            raise ValueError(f"must be longer than nothing; found {text!r}")
        return text

    @property
    def window_s(self) -> float:
        """Return the window in seconds."""
        return parse_quantity(self.window, Unit.SECONDS)
