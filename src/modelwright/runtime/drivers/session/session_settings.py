"""What the manifest says of a session, typed strictly."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from modelwright.core.json_types import JsonLike
from modelwright.runtime.drivers.contract.settings_error import settings_error
from modelwright.runtime.drivers.index.driver import EVIDENCE

DRIVER = "session"
SURENESS = 1 + len(EVIDENCE)
bad_settings = partial(settings_error, DRIVER)

Sentence = Annotated[str, Field(min_length=1, max_length=2_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class FieldState(_Strict):
    """The state of a field as it is stored: JSON, and assets by name, each a file of the package."""

    state: dict[str, JsonValue]
    assets: dict[str, str] = {}


class NestedEntry(_Strict):
    """A function within the package: its signature, the digest of the package that it was, and what is its own.

    graphs, files: under the names that it knows, how the package names them.
    """

    signature: str
    package: str
    driver: str
    graphs: dict[str, str]
    files: dict[str, str]
    settings: dict[str, JsonValue]
    states: dict[str, FieldState]


class SessionTexts(_Strict):
    """What is said where no passage answers: nothing was found, it is asked back, a person takes over."""

    refuse: Sentence
    ask: Sentence
    hand_over: Sentence


class SessionSettings(_Strict):
    """functions: by role; answer_from: the confidence from which a passage answers, where no policy decides.

    sentences: most of a passage that a reply quotes. passages: most that a function which writes the reply is shown,
    below what `instruct` asks of it. sureness: the weights of a logistic regression (constant first) by which evidence
    for the best passage says how likely a question is answered at all; None: the confidence of `find` says it.
    """

    functions: dict[str, NestedEntry]
    answer_from: Annotated[float, Field(ge=0.0, le=1.0)]
    sentences: Annotated[int, Field(ge=1, le=1_000)]
    texts: SessionTexts
    passages: Annotated[int, Field(ge=1, le=100)] = 3
    instruct: Annotated[str, Field(max_length=10_000)] = ""
    sureness: Annotated[list[float], Field(min_length=SURENESS, max_length=SURENESS)] | None = None

    @classmethod
    def read(cls, settings: Mapping[str, JsonLike]) -> SessionSettings:
        """Return the settings of a body; raises PackageError with the first thing that is wrong with them."""
        try:
            return cls.model_validate(dict(settings))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise bad_settings(".".join(map(str, first["loc"])) or "settings", error=first["msg"]) from None
