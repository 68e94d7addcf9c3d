"""The bytes of all requests that are under way, and the bound on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Message, Receive

from modelwright.gateway.traffic.service_errors import too_many_bytes


class BytesUnderWay:
    """Counts what the requests that are under way have sent, and refuses what would go beyond the bound.

    A request that is alone is bounded by its own limits only.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0

    @contextmanager
    def counted(self, receive: Receive) -> Iterator[Receive]:
        """Yield how to receive a request whose bytes count until the block ends; then it raises ServiceError (503)."""
        own = 0

        async def counting() -> Message:
            nonlocal own
            message = await receive()
            size = len(message.get("body", b""))
            if self._held > own and self._held + size > self._most:
                raise too_many_bytes(self._most)
            own += size
            self._held += size
            return message

        try:
            yield counting
        finally:
            self._held -= own
