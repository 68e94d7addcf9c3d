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
        self._stops = [_Stop(text) for text in stops]
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
        begin = len(self._whole)
        self._whole += more
        ends = [(stop, count) for stop in self._stops if (count := stop.take(more)) is not None]
        if ends:
            self.stopped = True
            self._whole = self._whole[: min(begin + count - len(stop.text) for stop, count in ends)]
            self._shown = len(self._whole)
            return
        self._shown = len(self._whole) - max((stop.held for stop in self._stops), default=0)

    def end(self) -> None:
        """Show what was held back: the answer ends here, and no stop text came. Half a character is left out."""
        self._shown = len(self._whole)


class _Stop:
    """Looks for a text in one that comes piece by piece (Knuth, Morris & Pratt 1977).

    held: how many of its first characters stand at the end of what has come. A character of what comes costs two steps
    at most, on average, whatever the text: to try each of its beginnings took 3 ms a token for 16 texts of 1,000.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.held = 0
        self._borders = [0]  # of its first 1, 2, … characters: how many of its first ones they end with

    def take(self, more: str) -> int | None:
        """Take what comes next; return how much of it there is up to the end of the text, where that is there."""
        text, held = self.text, self.held
        if not held and text[0] not in more:
            return None
        for count, letter in enumerate(more, 1):
            while held and text[held] != letter:
                held = self._border(held)
            held += text[held] == letter
            if held == len(text):
                return count
        self.held = held
        return None

    def _border(self, length: int) -> int:
        """Return the border of its first characters; these are found as far as they are needed."""
        text, borders = self.text, self._borders
        while len(borders) < length:
            letter, found = text[len(borders)], borders[-1]
            while found and text[found] != letter:
                found = borders[found - 1]
            borders.append(found + (text[found] == letter))
        return borders[length - 1]


def token_bytes(tokenizer: Tokenizer, token: int, text: str) -> list[int] | None:
    """Return the bytes of a token whose text is `text`, None where the vocabulary does not tell them."""
    name = tokenizer.id_to_token(token) or ""
    if found := _FALLBACK.fullmatch(name):
        return [int(found[1], 16)]
    if not all(letter in _BYTES for letter in name):
        return None
    data = bytes(_BYTES[letter] for letter in name)
    return list(data) if data.decode("utf-8", "replace") == text else None
