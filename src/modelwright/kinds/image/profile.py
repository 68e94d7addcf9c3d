"""What is worth knowing of a column of pictures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from modelwright.core.json_types import Json
from modelwright.core.messages import Notice
from modelwright.core.messages.setting import setting
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.image import _files, _pixels
from modelwright.kinds.shared.figures import spread

_MEASURED = 1_024  # so many pictures, evenly spaced, are decoded for their brightness
_SMALL = _pixels.Sizing(32, 32, 1)


class ImageProfile(Profile):
    """Formats, modes, sizes and brightness; how many are animated or have more than 8 bits a pixel."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `distinct`, counts by `formats` and `modes`, the spread of `width`, `height`, `bytes`, `brightness`.

        brightness: the mean grey level of each picture, from 0 to 255, of at most 1,024 of them.
        """
        headers = [_files.header_of(value) for value in values]
        sample = values.gather_every(math.ceil(len(values) / _MEASURED))
        grey = [float(_pixels.pixels(value, _SMALL).mean()) for value in sample]
        animated = sum(
            _files.frames(value) > 1
            for value, header in zip(values, headers, strict=True)
            if header.format in _files.ANIMATED
        )
        return {
            "distinct": values.n_unique(),
            "formats": _counted(header.format for header in headers),
            "modes": _counted(header.mode for header in headers),
            "width": spread(np.array([header.width for header in headers], dtype=np.float64)),
            "height": spread(np.array([header.height for header in headers], dtype=np.float64)),
            "bytes": spread(values.bin.size().to_numpy().astype(np.float64)),
            "brightness": spread(np.array(grey)),
            "animated": animated,
            "deep": sum(header.mode in _files.DEEP for header in headers),
        }

    def remarks(self, column: str, figures: Mapping[str, Json]) -> Iterator[Notice]:
        """Yield that only the first picture of an animation is read, and how deep pictures become 8 bits."""
        animated, deep = figures.get("animated"), figures.get("deep")
        if isinstance(animated, int) and animated:
            yield Notice("data.first-picture", column=column, count=animated)
        if isinstance(deep, int) and deep:
            line = setting("model.pixels", {"scale": "percentile"})
            yield Notice("data.deep-pictures", column=column, count=deep, line=line)


def _counted(names: Iterator[str]) -> dict[str, Json]:
    counts = Counter(names)
    return {name: counts[name] for name in sorted(counts, key=lambda name: (-counts[name], name))}
