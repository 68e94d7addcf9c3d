"""The patches of a picture, and a heat map of them (Zeiler and Fergus 2014, section 2.1: occlusion)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modelwright.kinds.contract.explain import Explain, ValuePart
from modelwright.kinds.image import _files, _pixels
from modelwright.kinds.image._pixels import Sizing

_CELLS = 10  # on the longer side; a patch is two by two cells, and patches overlap by one
_MOST_SIDE = 512  # a larger picture is made smaller first: what a body sees of it is smaller still
_SHOWN_SIDE = 448
_PLAIN = Sizing(1, 1, 3)
_FOR, _AGAINST = (220.0, 40.0, 20.0), (30.0, 90.0, 230.0)  # red, blue
_STRONGEST = 0.65  # of the colour, where the effect is largest


class ImageExplain(Explain[bytes]):
    """Overlapping patches; without one there is the mean colour of the picture."""

    def parts(self, value: bytes) -> Sequence[ValuePart]:
        """Return the patches, row by row; places are shares of the upright picture's width and height."""
        header = _files.header_of(value)
        longer = max(header.width, header.height)
        columns, rows = (
            max(1, min(side, round(_CELLS * side / longer))) for side in (header.width, header.height)
        )
        return [
            ValuePart(
                f"{left / columns:.0%}, {top / rows:.0%}",
                {
                    "left": left / columns,
                    "top": top / rows,
                    "right": min(left + 2, columns) / columns,
                    "bottom": min(top + 2, rows) / rows,
                },
            )
            for top in range(max(1, rows - 1))
            for left in range(max(1, columns - 1))
        ]

    def without_each(self, value: bytes, parts: Sequence[ValuePart], state: Any) -> Iterator[bytes | None]:
        """Yield the picture as PNG, and it with its mean colour in place of each patch."""
        levels = _levels(value, _MOST_SIDE, state.sizing)
        mean = np.rint(levels.mean(axis=(0, 1))).astype(np.uint8)
        yield _png(levels)
        for part in parts:
            hidden = levels.copy()
            hidden[_box(part, levels.shape)] = mean
            yield _png(hidden)

    def picture(self, value: bytes, effects: Sequence[tuple[ValuePart, float]]) -> bytes | None:
        """Return the picture in grey, red where it speaks for the answer and blue where it speaks against it."""
        levels = _levels(value, _SHOWN_SIDE)
        height, width = levels.shape[:2]
        scale = max(1, round(_SHOWN_SIDE / 2 / max(height, width)))  # a tiny picture is shown larger
        levels = levels.repeat(scale, axis=0).repeat(scale, axis=1)
        total, count = np.zeros(levels.shape[:2]), np.zeros(levels.shape[:2])
        for part, effect in effects:
            box = _box(part, levels.shape)
            total[box] += effect
            count[box] += 1
        heat = total / np.maximum(count, 1)
        heat /= np.abs(heat).max() or 1.0
        strength = (_STRONGEST * np.abs(heat))[:, :, None]
        colour = np.where((heat > 0)[:, :, None], _FOR, _AGAINST)
        grey = levels.mean(axis=2, keepdims=True)
        return _png(np.rint(grey * (1 - strength) + colour * strength).astype(np.uint8))


def _levels(value: bytes, most: int, sizing: Sizing = _PLAIN) -> NDArray[np.uint8]:
    """Return the upright picture, uint8 (height, width, 3), whose longer side is at most so long.

    sizing: of the state, for the background and the range of more than 8 bits a pixel.
    """
    header = _files.header_of(value)
    factor = min(1.0, most / max(header.width, header.height))
    height, width = (max(1, round(side * factor)) for side in (header.height, header.width))
    wanted = replace(sizing, height=height, width=width, channels=3, fit="stretch", scale="full")
    return _pixels.pixels(value, wanted)


def _box(part: ValuePart, shape: Sequence[int]) -> tuple[slice, slice]:
    """Return the rows and columns of a patch."""
    place: Any = part.place
    height, width = shape[:2]
    return (
        slice(round(place["top"] * height), round(place["bottom"] * height)),
        slice(round(place["left"] * width), round(place["right"] * width)),
    )


def _png(levels: NDArray[np.uint8]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(levels).save(content, "PNG", compress_level=1)
    return content.getvalue()
