"""A plain text file as rows: pieces of bounded length, cut where the text itself has a break."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

TEXT = ".txt"
COLUMN = "text"
PIECE = 1_000  # characters, where nobody says more
_BLOCK = 1 << 20


def pieces(text: TextIO, most: int) -> Iterator[str]:
    """Yield the text in pieces of at most `most` characters.

    A piece ends at the last blank line that it can, else at the last end of a line, else after `most` characters.
    Pieces without a character but white space are left out.
    """
    rest = ""
    while True:
        block = text.read(_BLOCK)
        rest += block
        begin = 0
        # the last piece of a block is cut when what follows is known
        while len(rest) - begin > most or (not block and begin < len(rest)):
            end = _end(rest, begin, most)
            if piece := rest[begin:end].strip():
                yield piece
            begin = end
        if not block:
            return
        rest = rest[begin:]


def _end(text: str, begin: int, most: int) -> int:
    """Return where a piece that begins at `begin` ends."""
    if len(text) - begin <= most:
        return len(text)
    for border in ("\n\n", "\n"):
        # the break belongs to the piece before it
        found = text.rfind(border, begin, begin + most)
        if found >= begin and text[begin:found].strip():
            return found + len(border)
    return begin + most
