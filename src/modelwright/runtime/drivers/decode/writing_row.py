"""One row on its way through the loop: what is read of its prompt, what is written of its answer, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from modelwright.core.json_types import Json
from modelwright.core.messages import Problem, RequestError
from modelwright.kinds.contract.common import Answer, WritingTimes
from modelwright.runtime.drivers.decode.answer_masks import AnswerMask
from modelwright.runtime.drivers.decode.calling.call_reading import CallReader
from modelwright.runtime.drivers.decode.choosing import chosen, log_shares, weighed
from modelwright.runtime.drivers.decode.row_options import RowOptions
from modelwright.runtime.drivers.decode.written_text import WrittenText, token_bytes

Finish = Literal["stop", "length", "time"]


class WritingRow:
    """The tokens of a prompt, and those that follow.

    read: positions that its slot holds; waits: whether it is still in the queue or being read; begun: time.monotonic.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        most: int,
        ends: frozenset[int],
        options: RowOptions,
        tokenizer: Tokenizer,
        mask: AnswerMask | None = None,
        reader: CallReader | None = None,
        marks: Mapping[int, str] | None = None,
    ) -> None:
        """most: tokens of the answer; ends: tokens after which it ends; mask: which tokens it may have where.

        reader: of calls in it; marks: control tokens that begin one, with their texts.
        """
        self.ids = list(prompt)
        self.prompt_tokens = len(prompt)
        self.options = options
        self.most = most
        self.reader = reader
        self.read = 0
        self.kept = 0  # tokens of the prompt that were kept from an earlier one
        self.finish: Finish | None = None
        self.error: Exception | None = None
        self.begun = time.monotonic()
        self._ends = ends
        self._tokenizer = tokenizer
        self._mask = mask
        self._text = WrittenText(tokenizer, options.stop, marks)
        self._logprobs: list[Json] = []
        self._seen: NDArray[np.bool_] | None = None
        self._came: list[float] = []  # when each token was chosen
        if most <= 0:
            self.finish = "length"

    @property
    def done(self) -> bool:
        """Tell whether nothing more comes."""
        return self.finish is not None or self.error is not None

    @property
    def to_read(self) -> int:
        """Return how many tokens are read before the first one is written."""
        return self.prompt_tokens

    @property
    def reserved(self) -> int:
        """Return how many positions it may have in the end: the last token that is written is never read."""
        return self.prompt_tokens + max(self.most, 1) - 1

    @property
    def answer(self) -> Answer:
        """Return the answer so far."""
        details: dict[str, Json] = {
            "finish": self.finish,
            "prompt_tokens": self.prompt_tokens,
            "tokens": len(self.ids) - self.prompt_tokens,
            "kept_tokens": self.kept,
        }
        if self.options.logprobs is not None:
            details["logprobs"] = list(self._logprobs)
        return Answer(self._text.text, details=details, times=self._times() if self.done else None)

    def places(self, begin: int, end: int) -> range:
        """Return after which of the tokens from begin to end, counted from begin, the logits are wanted."""
        return range(end - 1 - begin, end - begin) if end == self.prompt_tokens else range(0)

    def take(self, logits: NDArray[np.float32]) -> None:
        """Choose the next token by the logits after the last one, (1, words), unless the answer ends here."""
        options = self.options
        allowed = logits[0]
        if options.bias or options.presence or options.frequency:
            allowed = weighed(
                allowed, options.bias, self.ids[self.prompt_tokens :], options.presence, options.frequency
            )
        if self._mask is not None:
            may_come = self._mask.may_come()  # (words,)
            if not may_come.any():
                self.error = RequestError(Problem("schema.dead-end", error=self._mask.error))
                return
            allowed = np.where(may_come, allowed, -np.inf).astype(np.float32, copy=False)
        token = chosen(
            allowed, options.sampling, self._seen_tokens(logits.shape[1]), options.seed, len(self.ids)
        )
        if options.logprobs is not None:
            self._tell(log_shares(logits[0]), token, options.logprobs)
        self.ids.append(token)
        self._came.append(time.monotonic())
        if self._seen is not None:
            self._seen[token] = True
        if token in self._ends:
            self._end("stop")
            return
        self._text.take(token)
        if self._mask is not None and self._mask.take(token):
            self._end("stop")
            return
        if self._text.stopped:
            self.finish = "stop"
        elif len(self.ids) - self.prompt_tokens >= self.most:
            self._end("length")
        else:
            self.end_in_time()

    def end_in_time(self) -> None:
        """End the answer where its time is over."""
        most_s = self.options.max_time_s
        if most_s is not None and time.monotonic() - self.begun >= most_s:
            self._end("time")

    def _times(self) -> WritingTimes | None:
        if not self._came:
            return None
        gaps = (after - before for before, after in pairwise(self._came))
        return WritingTimes(self._came[0] - self.begun, tuple(gaps))

    def _end(self, finish: Finish) -> None:
        self._text.end()
        self.finish = finish

    def _seen_tokens(self, words: int) -> NDArray[np.int64]:
        if self.options.sampling.repetition_penalty == 1.0:
            return np.zeros(0, dtype=np.int64)
        if self._seen is None:
            self._seen = np.zeros(words, dtype=np.bool_)
            self._seen[self.ids] = True
        return np.flatnonzero(self._seen)

    def _tell(self, shares: NDArray[np.float64], token: int, likely: int) -> None:
        """Keep the log-probability of the chosen token, and of so many likely ones, likeliest first."""
        tops = _likeliest(shares, likely)
        self._logprobs.append(self._named_with(token, float(shares[token]), tops, shares[tops]))

    def _named_with(
        self, token: int, logprob: float | None, tops: NDArray[np.int64], of_tops: NDArray[np.float64]
    ) -> dict[str, Json]:
        """Return a token and likely ones in its place, (k,), with their log-probabilities, None where there is none."""
        likely = zip(tops.tolist(), of_tops.tolist(), strict=True)
        return {**self._named(token, logprob), "top": [self._named(one, its) for one, its in likely]}

    def _named(self, token: int, logprob: float | None) -> dict[str, Json]:
        text = self._tokenizer.decode([token], skip_special_tokens=False)
        named: dict[str, Json] = {"token": text, "id": token, "logprob": logprob}
        if "\N{REPLACEMENT CHARACTER}" in text and (data := token_bytes(self._tokenizer, token, text)):
            named["bytes"] = [*data]
        return named


class EchoedRow(WritingRow):
    """A row whose answer says, too, how likely each token of what the row says was after all that stands before it.

    What is kept of a token are a few numbers, whatever its vocabulary; their names are given when the row is done.
    """

    def __init__(self, *args: Any, given: Sequence[int], **more: Any) -> None:
        """given: where in the prompt the texts of the row stand; all else as of any row."""
        super().__init__(*args, **more)
        self._given = frozenset(given)
        self._first = min(given, default=self.prompt_tokens)
        self._last = max(given, default=0)
        no_tokens, no_shares = np.zeros(0, dtype=np.int64), np.zeros(0)
        self._prompt_shares: list[tuple[int, float | None, NDArray[np.int64], NDArray[np.float64]]] = []
        if self._first == 0:  # the first of all has nothing before it
            self._prompt_shares.append((self.ids[0], None, no_tokens, no_shares))
        if self.most <= 0 and self._last:
            self.finish = None  # the prompt is read, although no answer is written

    @property
    def to_read(self) -> int:
        """Return the tokens of the prompt, without an answer those before the last one that is told of."""
        return self.prompt_tokens if self.most > 0 else self._last

    @property
    def answer(self) -> Answer:
        """Return the answer so far; once it is done with what is known of the prompt."""
        found = super().answer
        if not self.done:
            return found
        shares: list[Json] = [self._named_with(*one) for one in self._prompt_shares]
        return replace(found, details={**(found.details or {}), "prompt_logprobs": shares})

    def places(self, begin: int, end: int) -> range:
        """Return the places before tokens that are told of, and before the first one of the answer."""
        return range(max(self._first - 1, begin) - begin, max(end - begin, 0))

    def take(self, logits: NDArray[np.float32]) -> None:
        """Keep what is wanted of the tokens that follow the last ones read, (k, words), and go on as any row."""
        if self.read > self.prompt_tokens:
            super().take(logits)
            return
        likely = self.options.prompt_logprobs or 0
        first = self.read - len(logits) + 1  # the place of the token that follows the first of them
        for place in range(first, min(first + len(logits), self.prompt_tokens)):
            if place in self._given:
                shares = log_shares(
                    logits[place - first]
                )  # (words,): one place at a time takes little memory
                tops, token = _likeliest(shares, likely), self.ids[place]
                self._prompt_shares.append((token, float(shares[token]), tops, shares[tops]))
        if self.read == self.prompt_tokens:
            super().take(logits[-1:])
        elif self.read == self.to_read:
            self._end("length")


class ScoredRow(WritingRow):
    """A row whose answer is known: it is read like a prompt, and the log-probabilities of its tokens are added up."""

    def __init__(
        self, prompt: Sequence[int], answer: Sequence[int], options: RowOptions, tokenizer: Tokenizer
    ) -> None:
        """answer: its tokens, its end among them."""
        super().__init__([*prompt, *answer], 1, frozenset(), options, tokenizer)
        self.answer_tokens = len(answer)
        self.log_likelihood = 0.0
        self._answer_begin = len(prompt)

    @property
    def to_read(self) -> int:
        """Return all tokens but the last, after which nothing is wanted."""
        return self.prompt_tokens - 1

    def places(self, begin: int, end: int) -> range:
        """Return the places before tokens of the answer."""
        return range(max(self._answer_begin - 1, begin) - begin, max(end - begin, 0))

    def take(self, logits: NDArray[np.float32]) -> None:
        """Add up ln p of the tokens that follow the last ones read, (k, words)."""
        first = self.read - len(logits) + 1
        following = self.ids[first : first + len(logits)]
        for one in log_shares(logits)[np.arange(len(logits)), following].tolist():
            self.log_likelihood += one  # one by one: the same sum in whatever pieces they come
        if self.read == self.to_read:
            self.finish = "stop"


def _likeliest(shares: NDArray[np.float64], likely: int) -> NDArray[np.int64]:
    """Return so many likely tokens, (k,), likeliest first."""
    return np.argsort(-shares, kind="stable")[:likely]


def scored_pieces(
    prompt: Sequence[int], answer: Sequence[int], context: int, *, is_document: bool
) -> list[tuple[Sequence[int], Sequence[int]]]:
    """Return the pieces in which a known answer is scored, each with what is read before it; none where it cannot be.

    is_document: whether nothing asks for it; one that is longer than the context is read in several pieces then, each
    from the last token of the one before it on, as it is learned.
    """
    if not prompt or not answer:
        return []
    ids = [*prompt, *answer]
    if len(ids) <= context:
        return [(prompt, answer)]
    if not is_document or len(prompt) >= context:
        return []
    later = range(context - 1, len(ids) - 1, context - 1)
    first: tuple[Sequence[int], Sequence[int]] = (prompt, answer[: context - len(prompt)])
    return [first, *((ids[at : at + 1], ids[at + 1 : at + context]) for at in later)]
