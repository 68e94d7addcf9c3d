"""The key `pixels` of `model:` that learners of pictures share: how a picture becomes an array of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Level = Annotated[int, Field(ge=0, le=255)]


class PixelOptions(BaseModel):
    """How pictures are brought to one size and one range. None leaves the choice to the learner and the rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: int | None = Field(
        None,
        ge=8,
        le=2048,
        description="pixels of the longer side; None: the median in training, within what the encoder does",
    )
    fit: Literal["letterbox", "stretch"] = Field(
        "letterbox",
        description="keep proportions and fill the margins with the mean, or stretch to the whole",
    )
    scale: Literal["full", "percentile"] = Field(
        "full",
        description="levels by the range of their type (of more than 8 bits: of the training pictures), or by each "
        "picture's own range, as microscopy needs it",
    )
    background: tuple[Level, Level, Level] = Field(
        (255, 255, 255), description="red, green and blue under what is transparent"
    )


def pixel_options(options: Mapping[str, object]) -> dict[str, object]:
    """Return what a kind's `fit` takes of a learner's options, as JSON: those of `pixels` that are not None."""
    given = options.get("pixels")
    return (
        {name: value for name, value in given.items() if value is not None}
        if isinstance(given, Mapping)
        else {}
    )
