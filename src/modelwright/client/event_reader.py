"""Reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) of a gateway."""

from __future__ import annotations

from collections.abc import Iterator


class EventReader:
    """Takes bytes as they come, and gives the events that are whole."""

    def __init__(self) -> None:
        self._left = b""

    def events(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the data of each event that ends within `data`."""
        *whole, self._left = (self._left + data).split(b"\n\n")
        for block in whole:
            fields = dict(line.partition(b": ")[::2] for line in block.split(b"\n") if line[:1] != b":")
            yield fields.get(b"event", b"message").decode(), fields.get(b"data", b"")
