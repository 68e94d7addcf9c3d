"""The section `monitor` of the project file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from modelwright.core.messages import ProjectError, ValueProblem, shown
from modelwright.core.units import Unit, parse_quantity


class MonitorConfig(BaseModel):
    """How live traffic is monitored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: str = Field("1 h", description="live requirements are judged on the traffic of this last time")
    refresh_s: float = Field(15.0, gt=0, description="seconds between two evaluations of live traffic")

    @field_validator("window")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        try:
            seconds = parse_quantity(text, Unit.SECONDS)
        except ProjectError:
            seconds = 0.0
        if seconds <= 0:
            raise ValueProblem("monitor.window", given=shown(text))
        return text

    @property
    def window_s(self) -> float:
        """Return the window in seconds."""
        return parse_quantity(self.window, Unit.SECONDS)
