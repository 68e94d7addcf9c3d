"""The settings of a body that writes, as they are sealed: strict, and checked before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from modelwright.kinds.shared.sealed_state import SealedState
from modelwright.package.body import Body
from modelwright.runtime.drivers.contract.settings_error import settings_error
from modelwright.runtime.drivers.decode.calling.tool_texts import ToolTexts

DRIVER = "decode"
bad_settings = partial(settings_error, DRIVER)
MOST_CONTEXT = 1 << 20  # positions
MOST_SLOTS = 1024
_MOST_BYTES = 1 << 50

Temperature = Annotated[float, Field(ge=0.0, le=100.0)]  # 0: always the likeliest token
TopK = Annotated[int, Field(ge=0, le=1 << 24)]  # 0: all
TopP = Annotated[float, Field(gt=0.0, le=1.0)]
MinP = Annotated[float, Field(ge=0.0, le=1.0)]
Penalty = Annotated[float, Field(ge=0.01, le=100.0)]
Tokens = Annotated[int, Field(ge=0)]


class Sampling(SealedState):
    """How a token is chosen where a request does not say otherwise; by default always the likeliest.

    max_tokens: of an answer, at most.
    """

    temperature: Temperature = 0.0
    top_k: TopK = 0
    top_p: TopP = 1.0
    min_p: MinP = 0.0
    repetition_penalty: Penalty = 1.0
    max_tokens: Tokens = 512


class Piece(SealedState):
    """A piece of a prompt: exactly one of these.

    text: stands there as it is, and alone may hold control tokens. input: the value of an input, `trim`med or not.
    content: of the turn at hand. given, pieces: pieces that are there where that input has a value. turns, roles: of
    each turn of a dialogue the pieces of its role; `opening` comes before them where the first turn is none of
    `system`.
    """

    text: str | None = None
    input: str | None = None
    content: bool = False
    given: str | None = None
    turns: str | None = None
    pieces: list[Piece] = Field(default_factory=list)
    roles: dict[str, list[Piece]] = Field(default_factory=dict)
    opening: list[Piece] = Field(default_factory=list)
    trim: bool = False

    @model_validator(mode="after")
    def _is_one(self) -> Piece:
        kinds = [self.text is not None, self.input is not None, self.content]
        kinds += [self.given is not None, self.turns is not None]
        if sum(kinds) != 1:
            raise ValueError("a piece is one of text, input, content, given, turns")
        if bool(self.roles or self.opening) != (self.turns is not None) or (
            self.pieces and self.given is None
        ):
            raise ValueError("roles belong to turns, and pieces to given")
        return self

    def inner(self) -> Iterator[Piece]:
        """Yield this piece and all pieces within it."""
        yield self
        for one in (*self.pieces, *self.opening, *(part for role in self.roles.values() for part in role)):
            yield from one.inner()


class DecodeSettings(SealedState):
    """How a body reads prompts and writes answers.

    context: tokens that a prompt and its answer have together, at most. ends: tokens after which an answer ends.
    prompt: what is read, piece by piece. chunk: tokens in which beginnings are kept, and prompts are read where
    other lengths come to other bits. slots: answers that are written at once. cache_bytes: what their caches may take
    together, those of beginnings that are kept for the next request included. answer_schema: the text of a JSON schema,
    of objects, that every answer fits; the order of its fields is that of answers. tools: the texts around
    tools and their calls, None: there are none.
    """

    context: Annotated[int, Field(ge=1, le=MOST_CONTEXT)]
    ends: Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=64)]
    prompt: Annotated[list[Piece], Field(min_length=1, max_length=1000)]
    sampling: Sampling = Sampling()
    chunk: Annotated[int, Field(ge=1, le=4096)] = 32
    slots: Annotated[int, Field(ge=1, le=MOST_SLOTS)] = 32
    cache_bytes: Annotated[int, Field(ge=1, le=_MOST_BYTES)] = 512 << 20
    answer_schema: Annotated[str, Field(max_length=1 << 20)] | None = None
    tools: ToolTexts | None = None

    @classmethod
    def of(cls, body: Body) -> DecodeSettings:
        """Return the settings of a body; raises PackageError where they are none, or do not fit its signature."""
        settings = parsed(body.settings)
        inputs = {field.name for field in body.signature.inputs}
        for piece in (inner for one in settings.prompt for inner in one.inner()):
            named = piece.input or piece.given or piece.turns
            if named is not None and named not in inputs:
                raise bad_settings("prompt", fault="input", name=named)
        return settings


def parsed(settings: Mapping[str, Any]) -> DecodeSettings:
    """Return settings that were read; raises PackageError with the first thing that is wrong with them."""
    try:
        return DecodeSettings.model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise bad_settings(".".join(map(str, first["loc"])), error=first["msg"]) from None
    except RecursionError:
        raise bad_settings("prompt", error="it is nested too deeply") from None
