"""Sounds for people."""

from __future__ import annotations

from modelwright.core.units import format_duration
from modelwright.kinds.audio._decoding import header
from modelwright.kinds.contract.show import Show


class AudioShow(Show[bytes]):
    """The format, the length and the rate."""

    def text(self, value: bytes | None) -> str:
        """Return `WAV, 0.6 s, 8 kHz, 1 channel`."""
        if value is None:
            return ""
        found = header(value)
        return (
            f"{found.format}, {format_duration(found.seconds)}, {found.rate / 1000:g} kHz × {found.channels}"
        )
