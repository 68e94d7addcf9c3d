"""The text of an answer as its tokens come: whole characters, and nothing that may be the beginning of a stop text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

# GPT-2 (Radford et al. 2019): a byte that prints is its own letter, and the others are the letters from 256 on.
_PRINTING = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_HIDDEN = [one for one in range(0x100) if one not in _PRINTING]
_BYTES = {chr(one): one for one in _PRINTING} | {chr(0x100 + place): one for place, one in enumerate(_HIDDEN)}
_FALLBACK = re.compile(r"<0x([0-9A-F]{2})>")  # SentencePiece (Kudo & Richardson 2018)


class WrittenText:
    """Takes tokens one by one; `text` is what can be shown of them."""

    def __init__(
        self, tokenizer: Tokenizer, stops: Sequence[str], marks: Mapping[int, str] | None = None
    ) -> None:
        """marks: control tokens that have a text all the same."""
        self.stopped = False
        self._tokenizer = tokenizer
        self._stops = stops
        self._marks = marks or {}
        self._stream = DecodeStream(skip_special_tokens=True)
        self._whole = ""  # all whole characters so far
        self._shown = 0  # of them, how many can be shown

    @property
    def text(self) -> str:
        """Return what is certain of the text so far."""
        return self._whole[: self._shown]

    def take(self, token: int) -> None:
        """Take the next token; `stopped` tells whether the text has reached a stop, before which it then ends."""
        more = self._stream.step(self._tokenizer, token) or self._marks.get(token)
        if not more:
            return  # a character needs several tokens, or a control token has no text
        searched = max(0, len(self._whole) - max(map(len, self._stops), default=1) + 1)
        self._whole += more
        found = [place for stop in self._stops if (place := self._whole.find(stop, searched)) >= 0]
        if found:
            self.stopped = True
            self._whole = self._whole[: min(found)]
            self._shown = len(self._whole)
            return
        self._shown = len(self._whole) - self._held()

    def end(self) -> None:
        """Show what was held back: the answer ends here, and no stop text came. Half a character is left out."""
        self._shown = len(self._whole)

    def _held(self) -> int:
        """Return how many characters at the end may be the beginning of a stop text."""
        longest = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(self._whole)), longest, -1):
                if self._whole.endswith(stop[:length]):
                    longest = length
                    break
        return longest


def token_bytes(tokenizer: Tokenizer, token: int, text: str) -> list[int] | None:
    """Return the bytes of a token whose text is `text`, None where the vocabulary does not tell them."""
    name = tokenizer.id_to_token(token) or ""
    if found := _FALLBACK.fullmatch(name):
        return [int(found[1], 16)]
    if not all(letter in _BYTES for letter in name):
        return None
    data = bytes(_BYTES[letter] for letter in name)
    return list(data) if data.decode("utf-8", "replace") == text else None
