"""What the manifest says of reading in windows, typed strictly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelwright.core.json_types import JsonLike
from modelwright.core.messages import PackageError, Problem

TOKENIZER = "tokenizer.json"
GRAPH = "model"
LEAST_WINDOW = 8
MOST_TOKENS = 8192


class LocateSettings(BaseModel):
    """How texts are cut into windows, in tokens.

    window: of a window, with the other inputs and what the tokenizer puts around; stride: that two windows share;
    question: that are read of the other inputs together; pad: the token that fills a row up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    window: Annotated[int, Field(ge=LEAST_WINDOW, le=MOST_TOKENS)]
    stride: Annotated[int, Field(ge=0, le=MOST_TOKENS)]
    question: Annotated[int, Field(ge=0, le=MOST_TOKENS)]
    pad: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @classmethod
    def read(cls, settings: Mapping[str, JsonLike]) -> LocateSettings:
        """Return the settings of a body; raises PackageError with the first thing that is wrong with them."""
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise misread(f"settings.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def misread(error: str) -> PackageError:
    """Return the error of a body that cannot read texts."""
    return PackageError(Problem("package.cannot-locate", error=error[:200]))
