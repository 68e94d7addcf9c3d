"""What a function that writes is shown: passages that were found, as many as its context holds, and the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from modelwright import kinds
from modelwright.core.json_types import Json
from modelwright.package.packages import Package
from modelwright.runtime.drivers.decode.decode_settings import DecodeSettings
from modelwright.runtime.drivers.session.roles import takes_turns
from modelwright.runtime.function import Function

_SHARE = 4  # of the context, 1 / _SHARE stays free for what is written, where it may be as long as that


@dataclass(frozen=True)
class GroundedPrompt:
    """The value of the function's input, the passages that stand in it, and how many were cut or left out for room."""

    value: object
    sources: Sequence[Mapping[str, Json]]
    cut: int


class GroundedPrompts:
    """Puts passages before questions; raises PackageError for settings that are none of a function that writes."""

    def __init__(self, package: Package, function: Function, instruct: str, passages: int) -> None:
        settings = DecodeSettings.of(package.body)
        (self._input,) = function.signature.inputs
        self._function, self._instruct, self._passages = function, instruct, passages
        self._context = settings.context
        self._answer = min(settings.sampling.max_tokens, settings.context // _SHARE)

    @property
    def name(self) -> str:
        """Return the name of the function's input."""
        return self._input.name

    def of(self, question: str, turns: Json, choices: Sequence[Mapping[str, Json]]) -> GroundedPrompt:
        """Return the prompt of a question, which is the last of the turns, and of what was found, the best first.

        Where not all of it fits into the context beside an answer, the last passages are left out, and the first one,
        where it does not fit alone, is cut at its end. Raises RequestError for a role that the template has not.
        """
        wanted = list(choices[: self._passages])
        texts = [str(one["passage"]) for one in wanted]
        kept = len(texts)
        while kept > 1 and not self._fits(question, turns, texts[:kept]):
            kept -= 1
        texts, cut = texts[:kept], len(texts) - kept
        if texts and not self._fits(question, turns, texts):
            texts, cut = [self._shortened(question, turns, texts[0])], cut + 1
        return GroundedPrompt(self.value(question, turns, texts), wanted[:kept], cut)

    def value(self, question: str, turns: Json, passages: Sequence[str]) -> object:
        """Return the value of the input that shows these passages."""
        numbered = [f"[{number}] {passage}" for number, passage in enumerate(passages, 1)]
        if not takes_turns(self._input):
            # a text as it is read by a person, with its lines
            return "\n\n".join([self._instruct, *numbered, question])
        *before, last = cast("list[dict[str, str]]", turns)
        content = "\n\n".join([self._instruct, *numbered, last["content"]])
        return cast("Any", kinds.value(self._input.kind)).parse([*before, {**last, "content": content}])

    def _fits(self, question: str, turns: Json, passages: Sequence[str]) -> bool:
        value = self.value(question, turns, passages)
        tokens = self._function.prompt_tokens({self.name: [value]})
        return tokens is None or tokens[0] + self._answer <= self._context

    def _shortened(self, question: str, turns: Json, passage: str) -> str:
        """Return as many of the first words of a passage as fit."""
        spoken = passage.split(" ")
        least, most = 0, len(spoken)
        while least < most - 1:  # `least` words fit, or none does, and `most` do not
            middle = (least + most) // 2
            fits = self._fits(question, turns, [" ".join(spoken[:middle])])
            least, most = (middle, most) if fits else (least, middle)
        return " ".join(spoken[:least])
