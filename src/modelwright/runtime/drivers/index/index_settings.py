"""What the manifest says of an index, typed strictly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelwright.core.json_types import JsonLike
from modelwright.core.messages import PackageError, Problem
from modelwright.runtime.searching.ranked_places import DAMPING

DRIVER = "index"
MOST_PASSAGES = 2**31 - 1
Weight = Annotated[float, Field(ge=0.0, le=1.0)]


class IndexSettings(BaseModel):
    """How the passages of a corpus are searched.

    passages: how many there are that differ; width: of their vectors, None: they are searched by words alone;
    eight_bits: whether vectors are int8; clusters: how many they are put into, of which `probes` are looked through,
    None: all vectors are compared; lexical_weight: what words count beside vectors, which count 1; damping: of the
    reciprocal ranks by which both are fused, None: their scores are added.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    passages: Annotated[int, Field(ge=1, le=MOST_PASSAGES)]
    width: Annotated[int, Field(ge=1, le=65_536)] | None = None
    eight_bits: bool = False
    clusters: Annotated[int, Field(ge=1, le=MOST_PASSAGES)] | None = None
    probes: Annotated[int, Field(ge=1, le=MOST_PASSAGES)] = 1
    lexical_weight: Weight = 1.0
    damping: Annotated[float, Field(ge=0.0, le=1000.0)] | None = DAMPING

    @classmethod
    def read(cls, settings: Mapping[str, JsonLike]) -> IndexSettings:
        """Return the settings of a body; raises PackageError with the first thing that is wrong with them."""
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            raise damaged(f"settings.{key}: {first['msg']}") from None


def damaged(error: str) -> PackageError:
    """Return the error of an index that cannot be searched."""
    return PackageError(Problem("package.damaged-index", error=error[:200]))
