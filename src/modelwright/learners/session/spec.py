"""A function that calls others: what it accepts and takes."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from modelwright.kinds.contract.common import Form
from modelwright.learners.contract.spec import Spec
from modelwright.learners.session.used_function import UsedFunction


class SessionOptions(BaseModel):
    """The keys of `model:` that a session takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    use: dict[str, UsedFunction] = Field(
        {}, description="role → the function that is called; the section `use` of the project file fills it"
    )
    answer_from: float | None = Field(
        None,
        ge=0,
        le=1,
        description="the confidence of the best passage from which it answers; below it, it says that it has found "
        "nothing. None: what validation messages without a reply show, 0.3 where there are none. Where `use` names a "
        "policy, that one decides",
    )
    refused_at_most: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="the share of validation messages with a reply that may stay without one, where `answer_from` "
        "follows from those that have none",
    )
    sentences: int = Field(3, ge=1, le=1_000, description="most sentences of a passage that a reply quotes")
    passages: int = Field(
        3,
        ge=1,
        le=100,
        description="most passages that a function `reply` is shown; those that do not fit into its context are left "
        "out, and counted",
    )
    instruct: str = Field(
        "Answer the question below in one to three sentences, with what these passages say and nothing else.",
        min_length=1,
        max_length=10_000,
        description="what a function `reply` is asked to do, above the passages and the question",
    )
    refuse: str = Field(
        "I have found nothing that answers this.",
        min_length=1,
        max_length=2_000,
        description="what it says where nothing is found",
    )
    ask: str = Field(
        "Could you say a little more about what you would like to know?",
        min_length=1,
        max_length=2_000,
        description="what it says to ask back, where a policy decides so",
    )
    hand_over: str = Field(
        "A colleague will answer you.",
        min_length=1,
        max_length=2_000,
        description="what it says where a person takes over, as a policy decides",
    )


class SessionTraining(BaseModel):
    """Nothing is learned, so no key of `learn:` means anything."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SessionSpec(Spec):
    """Replies to a message with what other functions find and decide."""

    name: ClassVar[str] = "session"
    summary: ClassVar[str] = (
        "replies with sentences of the passage that another function finds, or as a language model writes on what it "
        "finds, and names the source; functions that `use` names find, decide and write, and nothing is learned"
    )
    inputs: ClassVar[frozenset[Form]] = frozenset({Form.PROMPT})
    outputs: ClassVar[frozenset[Form]] = frozenset({Form.WRITTEN})
    one_of_each: ClassVar[bool] = True
    Options: ClassVar[type[BaseModel]] = SessionOptions
    Training: ClassVar[type[BaseModel]] = SessionTraining
    brings: ClassVar[bool] = True
