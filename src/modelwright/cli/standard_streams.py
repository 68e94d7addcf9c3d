"""The standard streams: whatever they are connected to, and in whatever encoding, an answer is whole.

A stream that is closed is none of our business, nor a reader that has gone: the work goes on, and the exit code is
that of the work. What programs read is JSON in UTF-8, or with `\\u` escapes where the stream has another encoding.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import select
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from modelwright.core.messages.visible import visible_json

_GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF})  # the reader, the terminal, the descriptor
_READABLE = "modelwright.readable"
# What our screens are drawn with, for a terminal without Unicode; all else is escaped, so that nothing is lost.
_SIMPLE = {"–": "-", "—": "-", "−": "-", "→": "->", "…": "...", "“": '"', "”": '"', "’": "'", "≥": ">=", "≤": "<=",
           "±": "+/-", "×": "x", "·": "-", "✓": "ok", "─": "-", "━": "-", "│": "|"}  # fmt: skip


def prepare() -> None:
    """Make stdin, stdout and stderr usable: called once, before anything else opens a file.

    What libraries warn their callers of (Pillow, of each odd tag of a file) is not for the user's eyes, unless
    `python -W` or PYTHONWARNINGS asks for it.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    # A file that is opened later would else become descriptor 1 or 2, and what is printed would go into it.
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - as long as we live
    codecs.register_error(_READABLE, _readable)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_READABLE)


def print_json(value: object) -> None:
    """Print a value as one line of JSON on stdout. Raises ValueError for a number that is not finite."""
    line = json_line(value)
    with tolerant(sys.stdout):
        print(line, flush=True)


def json_line(value: object) -> str:
    """Return a value as one line of JSON, which stdout can write as it is.

    Readable where stdout is UTF-8; else in ASCII, which every encoding that a terminal has writes the same way.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if _is_utf8(sys.stdout):
        with suppress(UnicodeEncodeError):  # half a surrogate pair, from a name that is no UTF-8
            text.encode("utf-8")
            return visible_json(text)  # the same value; and a terminal shows it as it is
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


@contextmanager
def tolerant(*streams: TextIO) -> Iterator[None]:
    """Write within the block; where a reader has gone, what it would have read is dropped, now and later."""
    try:
        yield
        for stream in streams:
            stream.flush()
    except OSError as error:
        if error.errno not in _GONE:
            raise
        for stream in streams:
            abandon(stream)


def abandon(stream: TextIO) -> None:
    """Send what is written to a stream from now on nowhere, so that nobody meets its end again, not even Python."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def reader_gone() -> bool:
    """Return whether nobody reads stdout or stderr any more."""
    waiting = select.poll()
    for number in (1, 2):
        waiting.register(number, 0)  # an error is told whatever is asked for
    return any(event & select.POLLERR for _, event in waiting.poll(0))


def _is_utf8(stream: TextIO) -> bool:
    try:
        return codecs.lookup(stream.encoding or "").name == "utf-8"
    except LookupError:
        return False


def _readable(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_written, error.object[error.start : error.end])), error.end


def _written(character: str) -> str:
    return _SIMPLE.get(character) or character.encode("ascii", "backslashreplace").decode("ascii")
