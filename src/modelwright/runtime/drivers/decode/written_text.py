"""The text of an answer as its tokens come: whole characters, and nothing that may be the beginning of a stop text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream


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
