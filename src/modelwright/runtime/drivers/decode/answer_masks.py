"""Which tokens may come next, so that an answer fits a JSON schema: masks by llguidance.

A mask is a function of the tokens so far alone, so that a row whose answer is held to a schema writes the same in any
company, and rows beside it are not touched.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from modelwright.core.messages import Problem, RequestError
from modelwright.kinds.shared.schemas.answer_schema import grammar_of, missing_library, schema_problem
from modelwright.runtime.drivers.decode.row_options import SCHEMA

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

_MOST_KEPT = 64  # schemas that are known again
# What patterns may take to unfold, in the library's units: some 0.2 s, in which nobody beside writes. Its own bound, a
# million, is 2.5 s for `(a{1000}){1000}`.
_PATTERN_WORK = 200_000
_STEP_WORK = 20_000  # … and what may be unfolded of it at one token: its own bound is some 0.2 s for each


class AnswerMask:
    """Where one answer stands in its schema."""

    def __init__(self, matcher: LLMatcher, words: int) -> None:
        """words: tokens that the graph knows."""
        self._matcher = matcher
        self._words = words

    def may_come(self) -> NDArray[np.bool_]:
        """Return which tokens may come next, (words,); the end where the answer may end; none where it cannot go on."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        if self._matcher.is_error():  # then the library would have the answer end here, whole or not
            return np.zeros(self._words, dtype=np.bool_)
        # 32 tokens a word, the first in the lowest bit; the last word is filled up
        return np.unpackbits(bits, bitorder="little")[: self._words].view(np.bool_)

    def take(self, token: int) -> bool:
        """Take the token that came; return whether the answer is whole and nothing more may come."""
        return self._matcher.consume_token(token) and self._matcher.is_stopped()

    def takes_all(self, tokens: Sequence[int]) -> bool:
        """Take tokens; return whether all of them may come, and the answer may end behind them."""
        return self._matcher.try_consume_tokens(list(tokens)) == len(tokens) and self._matcher.is_accepting()

    @property
    def error(self) -> str:
        """Return why it cannot go on, as far as that is known."""
        return _first(self._matcher.get_error())


class AnswerMasks:
    """Masks of one body; a schema is read once. May be asked from any thread."""

    def __init__(self, tokenizer: Tokenizer, words: int, ends: Sequence[int]) -> None:
        """ends: tokens after which an answer ends."""
        self._tokenizer = tokenizer
        self._words = words
        self._ends = list(ends)
        self._opened: LLTokenizer | None = None
        self._known: OrderedDict[str, LLMatcher | Problem] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, schema: str | None) -> AnswerMask | None:
        """Return the mask at the beginning of an answer; raises RequestError where answers cannot be held to it."""
        if schema is None:
            return None
        found = self._once(schema, lambda: self._read(schema))
        if isinstance(found, Problem):
            raise RequestError(found)
        return AnswerMask(found.deep_copy(), self._words)

    def of_calls(self, name: str, grammar: Callable[[], str]) -> AnswerMask | None:
        """Return the mask of an answer that may call tools, None where the libraries for it are not there.

        name: by which the grammar is known again.
        """
        if missing_library() is not None:
            return None
        found = self._once(f"calls {name}", lambda: self._opened_by(grammar()))
        return None if isinstance(found, Problem) else AnswerMask(found.deep_copy(), self._words)

    def _once(self, name: str, make: Callable[[], LLMatcher | Problem]) -> LLMatcher | Problem:
        with self._lock:
            if name not in self._known:
                self._known[name] = make()
            self._known.move_to_end(name)
            if len(self._known) > _MOST_KEPT:
                self._known.popitem(last=False)
            return self._known[name]

    def fits(self, tokens: Sequence[int], schema: str) -> bool:
        """Tell whether an answer of these tokens, its end not among them, can be written; raises as `of` does."""
        mask = self.of(schema)
        return mask is not None and mask.takes_all(tokens)

    def _read(self, schema: str) -> LLMatcher | Problem:
        stated = json.loads(schema)
        problem = schema_problem(stated, SCHEMA)
        return problem or self._opened_by(grammar_of(stated))

    def _opened_by(self, grammar: str) -> LLMatcher | Problem:
        """Return a matcher of a grammar."""
        from llguidance import LLMatcher, LLParserLimits, LLTokenizer

        if self._opened is None:
            try:
                self._opened = LLTokenizer(
                    self._tokenizer.to_str(),
                    n_vocab=self._words,
                    eos_token=self._ends or None,
                    slices=LLTokenizer.json_slices(),  # tokens that may stand within a text are tried as one
                )
            except Exception as error:  # the library raises what its tokenizers raise
                return Problem("schema.tokenizer", error=_first(str(error)))
        limits = LLParserLimits(initial_lexer_fuel=_PATTERN_WORK, step_lexer_fuel=_STEP_WORK)
        found = LLMatcher(self._opened, grammar, log_level=0, limits=limits)
        if found.is_error():
            return Problem("schema.refused", name=SCHEMA, error=_first(found.get_error()), is_empty=False)
        return found


def _first(error: str) -> str:
    return (error.splitlines() or [""])[0][:200]
