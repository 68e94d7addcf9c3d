"""Texts in windows of tokens, each token with the characters that it stands for.

Shapes: w windows, l tokens of the longest of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from modelwright.kinds.contract.common import Array
from modelwright.kinds.shared.files.tokenizer_opening import opened
from modelwright.runtime.drivers.locate.locate_settings import LocateSettings, misread

Ints = NDArray[np.int64]
_PROBE = "a"  # any text of at least one token, around which the tokenizer puts what it puts around


@dataclass(frozen=True)
class TextTokens:
    """The tokens of a text: ids, and the characters `starts` to `ends` of each, (t,); of white space starts = ends."""

    ids: Ints
    starts: Ints
    ends: Ints

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class TextWindow:
    """A window over a text: all token ids in it, and where those of the text lie.

    row: of the text; offset: of the first token of the text in the window; first, count: which tokens of the text.
    """

    row: int
    ids: Sequence[int]
    offset: int
    first: int
    count: int


class WindowReader:
    """Cuts texts into windows. Encoding changes nothing in the tokenizer, so that threads share it."""

    def __init__(self, tokenizer: bytes, settings: LocateSettings) -> None:
        """Open a tokenizer; raises PackageError for what is none."""
        try:
            self._tokenizer = opened(tokenizer)
        except ValueError as error:
            raise misread(str(error)) from None
        self.settings = settings
        self._probe = self._tokenizer.encode(_PROBE, add_special_tokens=False)
        if not self._probe.ids:
            raise misread("the tokenizer makes no token of a letter")
        self._around = lru_cache(maxsize=4096)(self._put_around)
        if self._cap(self._around("")) < 1:
            raise misread("a window has no room for a text")

    def tokens(self, texts: Sequence[str]) -> list[TextTokens]:
        """Return the tokens of each text."""
        encodings = (
            [self._tokenizer.encode(texts[0], add_special_tokens=False)]
            if len(texts) == 1
            else self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        )
        return [_tokens(text, one) for text, one in zip(texts, encodings, strict=True)]

    def windows(self, row: int, tokens: TextTokens, question: str) -> Iterator[TextWindow]:
        """Yield the windows over the tokens of a text; none over one without a token."""
        before, after = around = self._around(question)
        cap = self._cap(around)
        # two windows share as many tokens as the settings say, and at most half of one
        step = cap - min(self.settings.stride, cap // 2)
        first = 0
        while first < len(tokens):
            count = min(cap, len(tokens) - first)
            ids = [*before, *tokens.ids[first : first + count].tolist(), *after]
            yield TextWindow(row, ids, len(before), first, count)
            if first + count >= len(tokens):
                return
            first += step

    def arrays(self, windows: Sequence[TextWindow]) -> Mapping[str, Array]:
        """Return `ids` and `mask` of some windows, int64 (w, l), padded to the longest."""
        longest = max((len(one.ids) for one in windows), default=1)
        ids = np.full((len(windows), longest), self.settings.pad, dtype=np.int64)
        mask = np.zeros((len(windows), longest), dtype=np.int64)
        for place, one in enumerate(windows):
            ids[place, : len(one.ids)] = one.ids
            mask[place, : len(one.ids)] = 1
        return {"ids": ids, "mask": mask}

    def _cap(self, around: tuple[Sequence[int], Sequence[int]]) -> int:
        """Return how many tokens of a text a window has room for."""
        return self.settings.window - len(around[0]) - len(around[1])

    def _put_around(self, question: str) -> tuple[Sequence[int], Sequence[int]]:
        """Return the tokens before and after those of a text: a question, and what the tokenizer puts around both."""
        if not question:
            whole = self._tokenizer.post_process(self._probe, None, True)
            own = 0
        else:
            beside = self._tokenizer.encode(question, add_special_tokens=False)
            # a question leaves at least half of a window to the text
            beside.truncate(max(1, min(self.settings.question, self.settings.window // 2 - 2)))
            whole = self._tokenizer.post_process(beside, self._probe, True)
            own = 1
        places = [place for place, of in enumerate(whole.sequence_ids) if of == own]
        begin, end = (places[0], places[-1] + 1) if places else (0, len(whole.ids))
        return whole.ids[:begin], whole.ids[end:]


def _tokens(text: str, encoding: Encoding) -> TextTokens:
    """Return tokens with their characters, less the white space that some tokenizers count to them."""
    spans = [_stripped(text, begin, end) for begin, end in encoding.offsets]
    places = np.array(spans, dtype=np.int64).reshape(len(spans), 2)
    return TextTokens(np.array(encoding.ids, dtype=np.int64), places[:, 0], places[:, 1])


def _stripped(text: str, begin: int, end: int) -> tuple[int, int]:
    while begin < end and text[begin].isspace():
        begin += 1
    while begin < end and text[end - 1].isspace():
        end -= 1
    return begin, end
