"""Answers that were given before, by the package that gave them and the whole input: the same package says the same."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from modelwright.core.json_types import JsonLike
from modelwright.gateway.traffic.served import Served
from modelwright.runtime.worker.channel import Reply
from modelwright.runtime.worker.frames import packed
from modelwright.runtime.worker.values import Crossing

_ENTRY_BYTES = 500  # of an entry beside its key and its answers, as Python keeps them


class Cache:
    """Replies by the SHA-256 of package, rows and options; the one that was used longest ago goes first."""

    def __init__(self, most_bytes: int) -> None:
        """Keep replies of up to `most_bytes` together."""
        self._most_bytes = most_bytes
        self._bytes = 0
        self._found: OrderedDict[bytes, tuple[Reply, int]] = OrderedDict()
        # by package digest; there are as many as versions were served
        self._crossings: dict[str, Crossing] = {}

    def key(self, served: Served, rows: Sequence[Sequence[object]], options: Mapping[str, JsonLike]) -> bytes:
        """Return the key of a request. It names the package, so that no version is given the answer of another."""
        digest = served.desired.digest
        crossing = self._crossings.get(digest)
        if crossing is None:
            crossing = self._crossings[digest] = Crossing(served.signature)
        return hashlib.sha256(packed([digest, crossing.rows_out(rows), dict(options)])).digest()

    def get(self, key: bytes) -> Reply | None:
        """Return a reply that is kept, None where there is none; it took no time."""
        found = self._found.get(key)
        if found is None:
            return None
        self._found.move_to_end(key)
        return found[0]

    def put(self, key: bytes, reply: Reply) -> None:
        """Keep a reply that holds answers, in the place of those that were used longest ago."""
        if reply.answers is None or key in self._found:
            return
        size = _ENTRY_BYTES + 4 * len(repr(reply.answers))  # an upper bound of what its objects take, roughly
        if size > self._most_bytes:
            return
        self._found[key] = replace(reply, queue_s=0.0, inference_s=0.0, batch_rows=0), size
        self._bytes += size
        while self._bytes > self._most_bytes:
            _, (_, freed) = self._found.popitem(last=False)
            self._bytes -= freed
