"""Pictures as pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.arrays import Arrays
from modelwright.kinds.contract.common import Array, ArraySpec, Dumped, Form
from modelwright.kinds.image import _files, _pixels
from modelwright.kinds.image._pixels import Fit, Scale, Sizing
from modelwright.kinds.shared.files.file_bytes import present
from modelwright.kinds.shared.sealed_state import SealedState

LIMIT = 128  # the longer side, where neither the learner nor the project says more
MOST_SIDE = 2048
_USUAL_SIDE = 64  # where training has no picture
_STEP, _EXACT = 8, 64  # beyond this side, sides are multiples of a step that suits strided layers
_SIZED, _MEASURED = 10_000, 1_024  # so many training pictures, evenly spaced, decide the size, and the rest
_GREY_WITHIN = 3  # levels by which the channels of a grey picture may differ: a JPEG rounds them
_DEEP_RANGE = (0.1, 99.9)  # percentiles of the training pixels with more than 8 bits
_LEAST_DEVIATION = 1.0  # of levels from 0 to 255: pictures of one level stay finite


@dataclass(frozen=True)
class ImageState:
    """How pictures are brought to one form, and the mean and deviation of each channel, in levels from 0 to 255."""

    sizing: Sizing
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @property
    def margin(self) -> NDArray[np.uint8]:
        """Return the levels (channels,) around a picture and in place of a missing one: the mean."""
        return np.rint(self.mean).astype(np.uint8)


_Side = Annotated[int, Field(ge=1, le=MOST_SIDE)]
_Level = Annotated[float, Field(ge=0.0, le=255.0)]


class _SealedImage(SealedState):
    height: _Side
    width: _Side
    channels: Literal[1, 3]
    fit: Fit
    scale: Scale
    background: Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=3, max_length=3)]
    deep: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    mean: list[_Level]
    deviation: list[Annotated[float, Field(ge=_LEAST_DEVIATION, le=255.0)]]


class ImageArrays(Arrays[ImageState, bytes]):
    """`pixels` uint8 (batch, height, width, channels), `missing` float32 (batch,)."""

    input_form: ClassVar[Form | None] = Form.PIXELS

    def fit(
        self,
        values: Sequence[bytes | None],
        *,
        limit: int = LIMIT,
        least: int = 1,
        side: int | None = None,
        channels: Literal[1, 3] | None = None,
        fit: Fit = "letterbox",
        scale: Scale = "full",
        background: tuple[int, int, int] = (255, 255, 255),
        size: tuple[int, int] | None = None,
        **options: Any,
    ) -> ImageState:
        """Return the state: the median size of the training pictures, and what their pixels are.

        limit, least: the longer side is at most, and at least, so many pixels; side: it is exactly so many (then the
        two say nothing); size: height and width, whatever the pictures have; channels: 1 or 3; None: 1 where all
        training pictures are grey. fit, scale, background: see `_pixels.Sizing`. Raises ValueProblem for a side beyond
        2,048.
        """
        there = present(values)
        height, width = size or _size([_files.header_of(value) for value in _spread(there, _SIZED)])
        longer = max(size) if size else side or min(max(height, width, least), limit)
        if not 1 <= longer <= MOST_SIDE:
            raise ValueProblem("state.side", side=longer, most=MOST_SIDE)
        if size is None:
            height, width = _scaled(height, width, longer)
        sample = _spread(there, _MEASURED)
        if channels is None:
            channels = 1 if there and all(_is_grey(value) for value in sample) else 3
        sizing = Sizing(height, width, channels, fit, scale, background)
        sizing = Sizing(height, width, channels, fit, scale, background, _deep_range(sample, sizing))
        mean, deviation = _moments(sample, sizing)
        return ImageState(sizing, mean, deviation)

    def dump(self, state: ImageState) -> Dumped:
        """Return all of it as JSON."""
        sizing = state.sizing
        return Dumped(
            {
                "height": sizing.height,
                "width": sizing.width,
                "channels": sizing.channels,
                "fit": sizing.fit,
                "scale": sizing.scale,
                "background": list(sizing.background),
                "deep": None if sizing.deep is None else list(sizing.deep),
                "mean": list(state.mean),
                "deviation": list(state.deviation),
            },
            {},
        )

    def load(self, dumped: Dumped) -> ImageState:
        """Read what `dump` returned; raises ValueProblem."""
        sealed = _SealedImage.read(dumped.data)
        for key, found in (("mean", sealed.mean), ("deviation", sealed.deviation)):
            if len(found) != sealed.channels:
                raise ValueProblem("state.absurd-length", key=key, count=len(found), wanted=sealed.channels)
        red, green, blue = sealed.background
        deep = None if sealed.deep is None else (sealed.deep[0], sealed.deep[1])
        sizing = Sizing(
            sealed.height,
            sealed.width,
            sealed.channels,
            sealed.fit,
            sealed.scale,
            (red, green, blue),
            deep,
        )
        return ImageState(sizing, tuple(sealed.mean), tuple(sealed.deviation))

    def specs(self, state: ImageState) -> dict[str, ArraySpec]:
        """Return `pixels` (batch, height, width, channels), with mean and deviation by channel, and `missing`."""
        sizing = state.sizing
        shape = ("batch", sizing.height, sizing.width, sizing.channels)
        return {
            "pixels": ArraySpec("uint8", shape, mean=state.mean, deviation=state.deviation),
            "missing": ArraySpec("float32", ("batch",)),
        }

    def encode(self, values: Sequence[bytes | None], state: ImageState) -> dict[str, Array]:
        """Return the pixels; those of a missing picture are the mean."""
        sizing, margin = state.sizing, state.margin
        found = np.empty((len(values), sizing.height, sizing.width, sizing.channels), dtype=np.uint8)
        for row, value in enumerate(values):
            found[row] = (
                margin if value is None else _pixels.placed(_pixels.pixels(value, sizing), sizing, margin)
            )
        missing = np.array([value is None for value in values], dtype=np.float32)
        return {"pixels": found, "missing": missing}


def _spread(values: Sequence[bytes], most: int) -> Sequence[bytes]:
    """Return at most so many values, evenly spaced."""
    return values[:: math.ceil(len(values) / most) or 1]


def _size(headers: Sequence[_files.PictureHeader]) -> tuple[int, int]:
    """Return the median height and the median width of the upright pictures."""
    if not headers:
        return _USUAL_SIDE, _USUAL_SIDE
    height, width = np.median([(one.height, one.width) for one in headers], axis=0)
    return int(height), int(width)


def _scaled(height: int, width: int, longer: int) -> tuple[int, int]:
    """Return a size of about these proportions whose longer side is `longer`, the other in steps beyond 64."""
    factor = longer / max(height, width)
    return _stepped(height * factor, longer), _stepped(width * factor, longer)


def _stepped(side: float, longer: int) -> int:
    if side >= longer or longer <= _EXACT:
        return max(1, min(longer, round(side)))
    return max(_STEP, round(side / _STEP) * _STEP) if side > _EXACT else max(1, round(side))


def _is_grey(value: bytes) -> bool:
    """Tell whether a picture has no colour: by its mode, or by its pixels, small."""
    if _files.header_of(value).mode in _files.GREY:
        return True
    small = _pixels.pixels(value, Sizing(32, 32, 3)).astype(np.int16)  # (h, w, 3)
    return int((small.max(axis=2) - small.min(axis=2)).max()) <= _GREY_WITHIN


def _deep_range(sample: Sequence[bytes], sizing: Sizing) -> tuple[float, float] | None:
    """Return the levels of pictures with more than 8 bits that become 0 and 255; None where there is none."""
    deep = [value for value in sample if _files.header_of(value).mode in _files.DEEP]
    if not deep:
        return None
    found = np.concatenate([_pixels.resized(value, sizing)[0].ravel() for value in deep])
    low, high = np.percentile(found, _DEEP_RANGE)
    return float(low), float(high)


def _moments(sample: Sequence[bytes], sizing: Sizing) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of each channel over the pixels of a sample, margins left out."""
    if not sample:
        return (127.5,) * sizing.channels, (64.0,) * sizing.channels
    count, total, squares = 0, np.zeros(sizing.channels), np.zeros(sizing.channels)
    for value in sample:
        levels = _pixels.pixels(value, sizing).reshape(-1, sizing.channels).astype(np.float64)
        count += len(levels)
        total += levels.sum(axis=0)
        squares += (levels**2).sum(axis=0)
    mean = total / count
    # E[x²] − E[x]² in float64: levels are whole numbers up to 255, so nothing cancels
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0.0)).clip(min=_LEAST_DEVIATION)
    return tuple(mean.tolist()), tuple(deviation.tolist())
