"""From the file of a picture to its pixels: upright, in one size, in 8 bits a channel. One code path, always the same.

A picture is decoded (a JPEG to the smallest of its own scales that is at least the size wanted), laid over the
background where it is transparent, brought to grey or to red, green and blue, resized with Pillow's antialiased
bilinear filter, turned upright, and scaled to levels from 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modelwright.kinds.image import _files

Levels = NDArray[np.uint8]
Fit = Literal["letterbox", "stretch"]
Scale = Literal["full", "percentile"]

# Of its own range, as microscopy is scaled: the darkest 1 % become 0, the brightest 0.2 % become 255.
_OWN_RANGE = (1.0, 99.8)
_JPEG_GAP = (
    1  # a JPEG is decoded to at least so many times the size wanted: its own scales are averages already
)
_GAP = 2.0  # and any picture is first averaged down to so many times the size (Pillow's `reducing_gap`)
# The range of what has more than 8 bits a pixel, where training showed none of its sort.
_USUAL_RANGE = {"F": (0.0, 255.0)}
_DEEP_RANGE = (0.0, 65535.0)
_FAR = 1e30  # beyond it, sums of neighbouring pixels are no longer floats

_Turn = Image.Transpose
_TURNS = {  # the orientations of EXIF, and what turns each upright
    2: _Turn.FLIP_LEFT_RIGHT,
    3: _Turn.ROTATE_180,
    4: _Turn.FLIP_TOP_BOTTOM,
    5: _Turn.TRANSPOSE,
    6: _Turn.ROTATE_270,
    7: _Turn.TRANSVERSE,
    8: _Turn.ROTATE_90,
}
_SIDEWAYS = frozenset({5, 6, 7, 8})


@dataclass(frozen=True)
class Sizing:
    """How pictures are brought to one form.

    height, width, channels (1: grey, 3: red, green, blue): of the array; fit: whole within its margins, or stretched;
    scale: by the range of the type, or by each picture's own (1 % to 99.8 %); background: red, green and blue under
    what is transparent; deep: the levels that become 0 and 255 of a picture with more than 8 bits a pixel.
    """

    height: int
    width: int
    channels: int
    fit: Fit = "letterbox"
    scale: Scale = "full"
    background: tuple[int, int, int] = (255, 255, 255)
    deep: tuple[float, float] | None = None


def pixels(content: bytes, sizing: Sizing) -> Levels:
    """Return the pixels of a picture, uint8 (height, width, channels), without the margins of a letterbox."""
    raw, mode = resized(content, sizing)
    if raw.dtype != np.uint8:
        low, high = sizing.deep or _USUAL_RANGE.get(mode, _DEEP_RANGE)
        if sizing.scale == "percentile":
            low, high = _own_range(raw)
        raw = stretched(raw, low, high)
    elif sizing.scale == "percentile":
        raw = stretched(raw.astype(np.float32), *_own_range(raw))
    return raw


def resized(content: bytes, sizing: Sizing) -> tuple[NDArray[Any], str]:
    """Return the pixels as `pixels` does, in the levels of the file, and the mode in which the file has them.

    uint8, or float32 of a picture with more than 8 bits a pixel.
    """
    image = _files.opened(content)
    turned = _files.orientation(image)
    stored = image.size[::-1] if turned in _SIDEWAYS else image.size
    width, height = _fitted(stored, sizing)
    target = (height, width) if turned in _SIDEWAYS else (width, height)
    image.draft("L" if sizing.channels == 1 else None, (target[0] * _JPEG_GAP, target[1] * _JPEG_GAP))
    _files.load(image)
    mode = image.mode
    plain = _plain(image, sizing)
    if plain.size != target:
        plain = plain.resize(target, Image.Resampling.BILINEAR, reducing_gap=_GAP)
    if turned in _TURNS:
        plain = plain.transpose(_TURNS[turned])
    found = np.asarray(plain)
    if found.ndim == 2:  # (height, width): grey, of which a picture of three channels has three alike
        found = np.repeat(found[:, :, None], sizing.channels, axis=2)
    return found, mode


def stretched(raw: NDArray[Any], low: float, high: float) -> Levels:
    """Return levels as uint8, `low` as 0 and `high` as 255; beyond them is cut, and a flat picture is 0."""
    if not high > low:
        return np.zeros(raw.shape, dtype=np.uint8)
    share = (raw.astype(np.float64) - low) * (255.0 / (high - low))
    return np.rint(np.clip(share, 0.0, 255.0)).astype(np.uint8)


def placed(content: Levels, sizing: Sizing, margin: Levels) -> Levels:
    """Return pixels in the middle of the array (height, width, channels); margin (channels,): what fills the rest."""
    height, width = content.shape[:2]
    if (height, width) == (sizing.height, sizing.width):
        return content
    whole = np.empty((sizing.height, sizing.width, sizing.channels), dtype=np.uint8)
    whole[:] = margin
    top, left = (sizing.height - height) // 2, (sizing.width - width) // 2
    whole[top : top + height, left : left + width] = content
    return whole


def _fitted(size: tuple[int, int], sizing: Sizing) -> tuple[int, int]:
    """Return the width and height of the upright picture within the array."""
    if sizing.fit == "stretch":
        return sizing.width, sizing.height
    factor = min(sizing.width / size[0], sizing.height / size[1])
    width, height = (max(1, round(side * factor)) for side in size)
    return min(width, sizing.width), min(height, sizing.height)


def _plain(image: Image.Image, sizing: Sizing) -> Image.Image:
    """Return a picture as grey or as red, green and blue, without transparency; of more than 8 bits as floats."""
    if image.mode in _files.DEEP:
        # by way of whole numbers: Pillow converts no 16-bit mode to floats itself
        found = image if image.mode in {"I", "F"} else image.convert("I")
        return Image.fromarray(_finite(np.asarray(found, dtype=np.float32)))
    if image.has_transparency_data:
        whole = image.convert("RGBA")
        under = Image.new("RGBA", whole.size, (*sizing.background, 255))
        image = Image.alpha_composite(under, whole)
    if sizing.channels == 1:
        return image.convert("L")
    return image if image.mode == "L" else image.convert("RGB")


def _finite(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return levels (height, width) with the darkest that there is for NaN, and the brightest for infinity."""
    there = np.isfinite(levels)
    if there.all():
        return levels.clip(-_FAR, _FAR)
    low, high = (levels[there].min(), levels[there].max()) if there.any() else (0.0, 0.0)
    return np.nan_to_num(levels, nan=low, posinf=high, neginf=low).clip(-_FAR, _FAR)


def _own_range(raw: NDArray[Any]) -> tuple[float, float]:
    low, high = np.percentile(raw, _OWN_RANGE)
    return float(low), float(high)
