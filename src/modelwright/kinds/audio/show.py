"""Sounds for people."""

from __future__ import annotations

import math

import numpy as np

from modelwright.core.picture import Picture
from modelwright.core.units import format_duration
from modelwright.kinds.audio._decoding import SILENT, header, samples
from modelwright.kinds.contract.show import Show

_WIDTH, _HEIGHT = 192, 48  # of a waveform, in pixels
_STEP = 2  # pixels for each bar
_COLOUR = "#5b7db1"  # seen on light and on dark pages
# Of full scale: what is loudest below this is drawn larger, and how quiet it is stands beside it.
_QUIET = 0.5


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

        A quiet sound is drawn as high as its loudest moment, which is written beside it in dB of full scale: many
        recordings lie 30 dB below it, and would be a line.
        """
        heard, _ = samples(value)
        peak = float(np.abs(heard).max(initial=0.0))
        quiet = SILENT < peak < _QUIET
        if quiet:
            heard = heard / peak
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
            f'<path fill="{_COLOUR}" d="{"".join(bars)}"/>{_level(peak) if quiet else ""}</svg>'
        )
        return Picture.of("image/svg+xml", svg.encode(), _WIDTH, _HEIGHT)


def _level(peak: float) -> str:
    """Return how loud the loudest moment is, as text in the corner."""
    decibels = f"{20 * math.log10(peak):.0f} dB".replace("-", "\N{MINUS SIGN}")
    return (
        f'<text x="{_WIDTH - 1}" y="9" text-anchor="end" font-family="sans-serif" font-size="9" '
        f'fill="{_COLOUR}">{decibels}</text>'
    )
