"""Replies that a function writes on passages: as they are written, each with its sources and what they do not hold."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import cast

from modelwright.core.json_types import Json, JsonLike
from modelwright.core.messages import Problem
from modelwright.kinds.contract.common import Answer
from modelwright.runtime.drivers.session.grounded_prompt import GroundedPrompt, GroundedPrompts
from modelwright.runtime.drivers.session.roles import ANSWER, PASSAGE, SENTENCE
from modelwright.runtime.drivers.session.supporting import stands_by_words, unsupported
from modelwright.runtime.function import Function

_SEED = "seed"  # the option of a call that may be a list, one for each row


@dataclass(frozen=True)
class WritingReply:
    """A reply that is to be written: its prompt, and how likely the first passage is right."""

    prompt: GroundedPrompt
    confidence: float

    def answer(self, written: Answer) -> Answer:
        """Return what was written so far, with its sources."""
        details: dict[str, Json] = {"act": ANSWER, "sources": [dict(one) for one in self.prompt.sources]}
        if self.prompt.cut:
            details["passages_cut"] = self.prompt.cut
        whole = {**details, **(written.details or {})}
        return replace(written, confidence=self.confidence, details=whole)


class WrittenReplies:
    """The function that writes, its prompts, and the one that says what a passage holds (None: words tell)."""

    def __init__(self, function: Function, prompts: GroundedPrompts, entails: Function | None) -> None:
        self.function, self.prompts, self._entails = function, prompts, entails

    def misfits(
        self, given: Mapping[int, tuple[str, Json]], options: Mapping[str, JsonLike]
    ) -> dict[int, Problem]:
        """Return by row why nothing can be written about it; given: question and turns.

        Its passages are not looked at: those are cut to what fits.
        """
        values = [self.prompts.value(question, turns, ()) for question, turns in given.values()]
        rows = list(given)
        refused = self.function.misfits({self.prompts.name: values}, _of_rows(options, rows))
        return {rows[place]: problems[0] for place, problems in refused.items()}

    def parts(
        self, replies: Mapping[int, WritingReply], options: Mapping[str, JsonLike]
    ) -> Generator[dict[int, Answer], None, None]:
        """Yield the answers so far, by row; the last part has every row, whole, and what stands in no passage."""
        rows = list(replies)
        (output,) = self.function.signature.outputs
        columns = {self.prompts.name: [one.prompt.value for one in replies.values()]}
        answers: dict[int, Answer] = {}
        with closing(self.function.parts(columns, _of_rows(options, rows))) as parts:
            for part in parts:
                news = {rows[place]: one[output.name] for place, one in part.items()}
                answers = {row: replies[row].answer(one) for row, one in news.items()}
                yield answers
        yield {row: self._judged(answers[row]) for row in rows}

    def _judged(self, answer: Answer) -> Answer:
        """Return a whole answer that names its sentences which stand in no passage that it cites."""
        details = dict(answer.details or {})
        sources = cast("Sequence[Mapping[str, Json]]", details["sources"])
        passages = [str(one["passage"]) for one in sources]
        stands = stands_by_words if self._entails is None else self._is_entailed
        details["unsupported"] = list(unsupported(str(answer.value or ""), passages, stands))
        return replace(answer, details=details)

    def _is_entailed(self, sentence: str, passages: Sequence[str]) -> bool:
        assert self._entails is not None, "asked where it is there"
        (output,) = self._entails.signature.outputs
        given: dict[str, list[object]] = {PASSAGE: [*passages], SENTENCE: [sentence] * len(passages)}
        columns = {one.name: given[one.name] for one in self._entails.signature.inputs}
        return any(row[output.name].value is True for row in self._entails.answer(columns))


def _of_rows(options: Mapping[str, JsonLike], rows: Sequence[int]) -> Mapping[str, JsonLike]:
    """Return the options of some rows of a call."""
    seeds = options.get(_SEED)
    return {**options, _SEED: [seeds[row] for row in rows]} if isinstance(seeds, list) else options
