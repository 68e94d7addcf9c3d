"""What the manifest says of a re-ranking, typed strictly, and what the functions are that it calls."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelwright.core.json_types import JsonLike
from modelwright.core.signature import Signature
from modelwright.runtime.drivers.contract.settings_error import settings_error
from modelwright.runtime.drivers.index.index_settings import DRIVER as INDEX_DRIVER
from modelwright.runtime.drivers.session.roles import FIND, PASSAGE, takes
from modelwright.runtime.drivers.session.session_settings import NestedEntry

DRIVER = "rerank"
SAME = "same"
ROLES = (FIND, SAME)
"""find: the candidates, in an order; same: whether a passage answers a question, as one reads both together."""

bad_settings = partial(settings_error, DRIVER)


class RerankSettings(BaseModel):
    """functions: by role; candidates: the first of what is found, which `same` reads.

    weight: what the order in which they were found counts beside that of `same`, which counts 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    functions: dict[str, NestedEntry]
    candidates: Annotated[int, Field(ge=1, le=100)]
    weight: Annotated[float, Field(ge=0.0, le=100.0)]

    @classmethod
    def read(cls, settings: Mapping[str, JsonLike]) -> RerankSettings:
        """Return the settings of a body; raises PackageError with the first thing that is wrong with them."""
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise bad_settings(".".join(map(str, first["loc"])) or "settings", error=first["msg"]) from None


def cannot(role: str, signature: Signature, driver: str) -> bool:
    """Tell whether a function of this signature, whose body this driver runs, cannot do what a role does."""
    if role == FIND:
        return driver != INDEX_DRIVER
    texts = [takes(one, "a text") for one in signature.inputs]
    return texts != [True, True] or len(signature.outputs) != 1 or not takes(signature.outputs[0], True)


def input_names(signature: Signature) -> tuple[str, str]:
    """Return which input of `same` takes the question and which the passage: by their names, else by their order."""
    first, second = (one.name for one in signature.inputs)
    return (second, first) if first == PASSAGE else (first, second)
