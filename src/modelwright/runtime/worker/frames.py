"""How the gateway and a worker talk: messages of JSON and bytes, each behind its length, over a socket pair.

    gateway → worker   ["read", package]                                      before the next: it is likely to be loaded
                       ["open", order]                                        load this package, and say so
                       ["ask", id, [row, …], sent, options]                   answer these rows
                       ["leave", id]                                          nobody waits for these any more
                       ["ping", 0]                                            do you still work?
    worker → gateway   ["ready", signature, digest, streams, confined, form, settled, classes, layout, options]
                       ["refused", [problem, …]]                              instead of the line above
                       ["part", id, [place, …], [row answer, …]]              the answers so far of some rows
                       ["end", id, [row answer, …], queue_s, inference_s, batch_rows, [[place, [input, …]], …], times]
                       ["failed", id, queue_s, inference_s, batch_rows]       the body cannot answer these
                       ["load", 0, load]                                      what there is to do, and was done
                       ["pong", 0]                                            yes: sent between two passes

The end names the rows with inputs that training never showed, each with these inputs. `times`, which may be left out:
of each row that was written token by token the ms from `sent` to its first token, and then from each to the next.

A row is a list of values in the order of the signature's inputs, as `Value.to_wire` gives them; `sent` is when it was
sent (the monotonic clock is one for a whole machine); a row answer has a value and a confidence for each output, and
the probability of every label where the option `probabilities` is set and the kind has them. In a part, a list that has
grown since the part before crosses as `growing_lists` has it.

A frame is its length (4 bytes) and that many bytes of JSON. Where a message holds bytes, they lie behind its JSON, and
the JSON has `{"MARK": n}` in place of the n-th; an empty line begins the frame, and the next one tells the mark, which
occurs nowhere else in the JSON, and the sizes. Compact JSON has no line breaks of its own.
Both ends are ours, and nothing more is checked.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

_LENGTH = struct.Struct(">I")
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_MARK = "bytes"
_LINE = b"\n"

Message: TypeAlias = list[Any]
"""Its kind and what that kind says, as listed above."""


def packed(message: Message) -> bytes:
    """Return a message as its frame; raises ValueError for NaN and infinity, which JSON cannot hold."""
    try:
        data = _ENCODER.encode(message).encode()
    except TypeError:  # it holds bytes, which few do
        data = _with_bytes(message)
    return _LENGTH.pack(len(data)) + data


def _with_bytes(message: Message) -> bytes:
    mark = _MARK
    while True:
        segments: list[bytes] = []
        text = _encoded(message, mark, segments)
        if text.count(f'"{mark}"') == len(segments):
            break
        mark += "*"  # a text or a key of the message reads like the mark
    head = _ENCODER.encode([mark, len(text.encode()), [len(one) for one in segments]])
    return b"".join([_LINE, head.encode(), _LINE, text.encode(), *segments])


def _encoded(message: Message, mark: str, segments: list[bytes]) -> str:
    def marked(value: object) -> dict[str, int]:
        if not isinstance(value, bytes | memoryview):
            raise TypeError(f"a {type(value).__name__} cannot be sent")
        segments.append(bytes(value))
        return {mark: len(segments) - 1}

    return json.dumps(message, separators=(",", ":"), allow_nan=False, default=marked)


class Unpacker:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that `data` completes."""
        self._rest += data
        while len(self._rest) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._rest)
            end = _LENGTH.size + length
            if len(self._rest) < end:
                return
            frame = bytes(self._rest[_LENGTH.size : end])
            del self._rest[:end]
            yield _unpacked(frame)


def _unpacked(frame: bytes) -> Message:
    message: Message
    if not frame.startswith(_LINE):
        message = json.loads(frame.decode())
        return message
    head, _, rest = frame[1:].partition(_LINE)
    mark, length, sizes = json.loads(head)
    segments, place = [], length
    for size in sizes:
        segments.append(rest[place : place + size])
        place += size

    def restored(found: Mapping[str, int]) -> object:
        return segments[found[mark]] if mark in found else found

    message = json.loads(rest[:length], object_hook=restored)
    return message
