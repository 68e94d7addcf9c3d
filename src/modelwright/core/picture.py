"""A small picture of a value, as a page shows it: a thumbnail, a waveform, a curve."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Literal, Self

Media = Literal["image/png", "image/jpeg", "image/svg+xml"]

MOST_BYTES = 20_000  # of one picture: twenty of them leave a page that opens at once
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


@dataclass(frozen=True)
class Picture:
    """Its file in base64, and the size in pixels at which a page shows it.

    In an `img` element nothing in it runs or is fetched, an SVG's scripts and links included.
    """

    media: Media
    data: str
    width: int
    height: int

    @classmethod
    def of(cls, media: Media, content: bytes, width: int, height: int) -> Self | None:
        """Return the picture, or None where it has more than MOST_BYTES."""
        if len(content) > MOST_BYTES:
            return None
        return cls(media, base64.b64encode(content).decode("ascii"), width, height)

    @property
    def uri(self) -> str:
        """Return it as a data URI; nothing but base64 is ever in it, whatever a sealed file says."""
        return f"data:{self.media};base64,{self.data if _BASE64.fullmatch(self.data) else ''}"
