"""States as they are sealed: typed strictly, with ranges, so that an absurd one is refused instead of answering."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from modelwright.core.messages import ValueProblem

# What fitting gives lies well within: temperatures from 0.05 to 20, weights from 1/1000 to 1000.
Temperature = Annotated[float, Field(ge=0.01, le=100.0)]
Weight = Annotated[float, Field(ge=1e-6, le=1e6)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Cut = Annotated[float, Field(gt=0.0, lt=1.0)]
Price = Annotated[float, Field(ge=0.0, le=1e12)]
Deviation = Annotated[float, Field(ge=sys.float_info.min)]  # below it, division overflows


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError("each is there once")
    return names


Name = Annotated[str, Field(min_length=1)]  # pydantic refuses surrogates, which no file of UTF-8 can hold
Names = Annotated[list[Name], AfterValidator(_distinct)]


class SealedState(BaseModel):
    """What a package holds of a state: no key that is unknown, no value of another type, no NaN, no infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """Return the state that was sealed; raises ValueProblem with the first thing that is wrong with it."""
        try:
            return cls.model_validate(dict(data))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            raise ValueProblem("state.absurd", key=key or None, error=first["msg"]) from None


def require_one_each(key: str, values: list[float] | None, names: list[str]) -> None:
    """Raise ValueProblem unless there is a value for each name, or none at all."""
    if values is not None and len(values) != len(names):
        raise ValueProblem("state.absurd-count", key=key, count=len(values), wanted=len(names))


CostRows = tuple[tuple[float, ...], ...]


def cost_rows(rows: list[list[float]] | None, names: Sequence[str]) -> CostRows | None:
    """Return sealed costs, a row for each truth; raises ValueProblem for another shape."""
    if rows is None:
        return None
    wanted = len(names)
    if len(rows) != wanted or any(len(row) != wanted + 1 for row in rows):
        raise ValueProblem(
            "state.absurd-count", key="costs", count=sum(map(len, rows)), wanted=wanted * (wanted + 1)
        )
    return tuple(map(tuple, rows))
