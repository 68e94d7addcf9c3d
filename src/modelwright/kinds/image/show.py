"""Pictures for people."""

from __future__ import annotations

import io

from PIL import Image

from modelwright.core.messages import ValueProblem
from modelwright.core.picture import Picture
from modelwright.kinds.contract.show import Show
from modelwright.kinds.image import _files, _pixels

_SIDE = 96  # of a thumbnail, the longer one
_SMALL = 48  # up to this side a picture is kept to the pixel, and shown larger
_QUALITY = 80


class ImageShow(Show[bytes]):
    """Format and size, `PNG 640 × 480`, and a thumbnail."""

    def text(self, value: bytes | None) -> str:
        """Return the format and the size of the upright picture."""
        if value is None:
            return ""
        try:
            header = _files.header_of(value)
        except ValueProblem:  # nothing that was read as a picture; a report says what it can
            return f"{len(value):,} B"
        return f"{header.format} {header.width} × {header.height}"

    def picture(self, value: bytes) -> Picture | None:
        """Return a thumbnail with a longer side of 96 pixels; of a small picture each pixel, enlarged by the page."""
        try:
            header = _files.header_of(value)
            longer = max(header.width, header.height)
            side = min(longer, _SIDE)
            height, width = (max(1, round(one * side / longer)) for one in (header.height, header.width))
            channels = 1 if header.mode in _files.GREY else 3
            deep = header.mode in _files.DEEP
            sizing = _pixels.Sizing(height, width, channels, "stretch", "percentile" if deep else "full")
            pixels = _pixels.pixels(value, sizing)
        except ValueProblem:
            return None
        content = io.BytesIO()
        image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
        times = max(1, _SIDE // longer) if longer <= _SMALL else 1
        if longer <= _SMALL:
            image.save(content, "PNG")
            return Picture.of("image/png", content.getvalue(), width * times, height * times)
        image.save(content, "JPEG", quality=_QUALITY)
        return Picture.of("image/jpeg", content.getvalue(), width, height)
