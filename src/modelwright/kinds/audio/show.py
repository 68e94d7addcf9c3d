"""Sounds for people."""

from __future__ import annotations

import numpy as np

from modelwright.core.picture import Picture
from modelwright.core.units import format_duration
from modelwright.kinds.audio._decoding import header, samples
from modelwright.kinds.contract.show import Show

_WIDTH, _HEIGHT = 192, 48  # of a waveform, in pixels
_STEP = 2  # pixels for each bar
_COLOUR = "#5b7db1"  # seen on light and on dark pages


class AudioShow(Show[bytes]):
    """The format, the length, the rate and the channels; and the waveform."""

    def text(self, value: bytes | None) -> str:
        """Return `WAV, 0.6 s, 8 kHz × 1`."""
        if value is None:
            return ""
        found = header(value)
        return (
            f"{found.format}, {format_duration(found.seconds)}, {found.rate / 1000:g} kHz × {found.channels}"
        )

    def picture(self, value: bytes) -> Picture | None:
        """Return the waveform of the mean of all channels: from the least to the most of each piece of time.

        Full scale is the height of the picture, so that a quiet sound looks quiet.
        """
        heard, _ = samples(value)
        bars = []
        for place, piece in enumerate(np.array_split(np.clip(heard, -1.0, 1.0), _WIDTH // _STEP)):
            if not len(piece):
                continue
            # from full scale up to full scale down; nothing is drawn as a line of one pixel
            top, bottom = ((1.0 - end) / 2 * _HEIGHT for end in (piece.max(), piece.min()))
            middle, height = (top + bottom) / 2, max(1.0, bottom - top)
            bars.append(f"M{place * _STEP} {middle - height / 2:.1f}v{height:.1f}h1v-{height:.1f}z")
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
            f'<path fill="{_COLOUR}" d="{"".join(bars)}"/></svg>'
        )
        return Picture.of("image/svg+xml", svg.encode(), _WIDTH, _HEIGHT)
