"""How the gateway and a worker talk: JSON messages, each behind its length, over a socket pair.

    gateway → worker   [id, [row, …], asked]                              answer these rows
                       [id]                                               nobody waits for these any more
    worker → gateway   ["ready", signature, digest]  or  ["failed", [problem, …]]
                       [id, answers, queue_s, inference_s, batch_rows]    answers null: a fault

A row is a list of canonical values in the order of the signature's inputs; `asked` is when it was sent (the
monotonic clock is one for a whole machine); an answer is, for each output, its value and its confidence.
Both ends are ours, so a message needs no more checking than JSON gives.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

_LENGTH = struct.Struct(">I")
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def packed(message: Any) -> bytes:
    """Return a message as its frame; raises ValueError for NaN and infinity, which JSON cannot hold."""
    data = _ENCODER.encode(message).encode()
    return _LENGTH.pack(len(data)) + data


class Unpacker:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        """Yield the messages that `data` completes."""
        self._rest += data
        while len(self._rest) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._rest)
            end = _LENGTH.size + length
            if len(self._rest) < end:
                return
            message = bytes(self._rest[_LENGTH.size : end])
            del self._rest[:end]
            yield json.loads(message)
