"""Training values varied on the way into the network: drawn from seed and step alone, so a resumed run draws the same.

Shapes: n rows of a batch, pixels (n, h, w, c) from 0 to 255.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from modelwright.kinds.contract.common import Form

Amounts = Mapping[str, float]
"""Variation → how far, as a kind's facet `augment` names them."""

_FULL = 255.0
_ERASED = 0.5  # so often is a part of a picture covered, where any is


def varied(
    arrays: Mapping[str, Tensor], form: Form, amounts: Amounts, seed: int, step: int, place: int
) -> dict[str, Tensor]:
    """Return the arrays of one input, by their own names, varied; place: of the input in the signature."""
    if not amounts:
        return dict(arrays)
    return _VARY[form](arrays, amounts, drawing(seed, step, place))


def takes(form: Form) -> bool:
    """Tell whether arrays of a form can be varied."""
    return form in _VARY


def drawing(seed: int, step: int, place: int) -> torch.Generator:
    """Return the generator of one input at one step: its draws follow from these three, and from nothing before."""
    (drawn,) = np.random.SeedSequence([seed, step, place]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(drawn) % 2**63)


def _pixels(arrays: Mapping[str, Tensor], amounts: Amounts, generator: torch.Generator) -> dict[str, Tensor]:
    """Return `pixels` varied, float32 (n, h, w, c) from 0 to 255; all else as it is."""
    pixels = arrays["pixels"].to(torch.float32).permute(0, 3, 1, 2)  # (n, c, h, w)
    pixels = _flipped(pixels, amounts, generator)
    pixels = _moved(pixels, amounts, generator)
    pixels = _lit(pixels, amounts, generator)
    pixels = _covered(pixels, amounts.get("erase", 0.0), generator)
    return {**arrays, "pixels": pixels.clamp(0.0, _FULL).permute(0, 2, 3, 1).contiguous()}


def _flipped(pixels: Tensor, amounts: Amounts, generator: torch.Generator) -> Tensor:
    for name, axis in (("flip_horizontal", 3), ("flip_vertical", 2)):
        if share := amounts.get(name, 0.0):
            chosen = torch.rand(len(pixels), generator=generator) < share  # (n,)
            pixels = torch.where(chosen.view(-1, 1, 1, 1), pixels.flip(axis), pixels)
    return pixels


def _moved(pixels: Tensor, amounts: Amounts, generator: torch.Generator) -> Tensor:
    """Return pictures (n, c, h, w) turned, sheared, zoomed and shifted about their middle, edges repeated."""
    turn, shear = (math.radians(amounts.get(name, 0.0)) for name in ("rotate", "shear"))
    zoom, shift = math.log1p(amounts.get("scale", 0.0)), amounts.get("shift", 0.0)
    if not (turn or shear or zoom or shift):
        return pixels
    count, _, height, width = pixels.shape
    # (5, n), each from -1 to 1: drawn together, so that one amount more or less changes no other draw
    angle, slant, size, across, down = _either(5 * count, generator).view(5, count)
    cosine, sine = torch.cos(angle * turn), torch.sin(angle * turn)
    tangent, scale = torch.tan(slant * shear), torch.exp(size * zoom)
    # (n, 2, 2): from a place in the result to its source: rotation · shear · zoom, in pixels
    linear = torch.stack([cosine, cosine * tangent - sine, sine, sine * tangent + cosine], dim=-1).view(
        -1, 2, 2
    )
    linear = linear / scale.view(-1, 1, 1)
    # affine_grid counts both axes from -1 to 1: a turn of a picture that is not square would shear it otherwise
    sides = torch.tensor([[1.0, height / width], [width / height, 1.0]])
    # in those units the whole width is 2
    offset = torch.stack([across, down], dim=-1) * 2.0 * shift  # (n, 2)
    theta = torch.cat([linear * sides, offset.unsqueeze(-1)], dim=-1)  # (n, 2, 3)
    grid = functional.affine_grid(theta, list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _lit(pixels: Tensor, amounts: Amounts, generator: torch.Generator) -> Tensor:
    """Return pictures with other contrast and brightness, and noise on each pixel."""
    count = len(pixels)
    if contrast := amounts.get("contrast", 0.0):
        middle = pixels.mean(
            dim=(1, 2, 3), keepdim=True
        )  # (n, 1, 1, 1): contrast is about each picture's own mean
        pixels = middle + (pixels - middle) * (1.0 + contrast * _either(count, generator)).view(-1, 1, 1, 1)
    if brightness := amounts.get("brightness", 0.0):
        pixels = pixels + brightness * _FULL * _either(count, generator).view(-1, 1, 1, 1)
    if noise := amounts.get("noise", 0.0):
        deviation = noise * _FULL * torch.rand(count, generator=generator).view(-1, 1, 1, 1)
        pixels = pixels + deviation * torch.randn(pixels.shape, generator=generator)
    return pixels


def _covered(pixels: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """Return pictures of which half have a rectangle of their mean colour (Zhong et al. 2020, random erasing)."""
    if not most:
        return pixels
    count, _, height, width = pixels.shape
    chosen, area, form, across, down = torch.rand(5, count, generator=generator)
    # a share of the area, between half and twice as wide as high (as shares of the sides)
    side, ratio = torch.sqrt(area * most), torch.exp((form - 0.5) * math.log(2.0))
    tall, wide = (side / ratio).clamp(max=1.0), (side * ratio).clamp(max=1.0)
    top, left = down * (1.0 - tall), across * (1.0 - wide)
    rows, columns = (torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width
    inside_rows = (rows >= top.view(-1, 1)) & (rows < (top + tall).view(-1, 1))  # (n, h)
    inside_columns = (columns >= left.view(-1, 1)) & (columns < (left + wide).view(-1, 1))  # (n, w)
    inside = inside_rows.unsqueeze(2) & inside_columns.unsqueeze(1)  # (n, h, w)
    inside = inside & (chosen < _ERASED).view(-1, 1, 1)
    return torch.where(inside.unsqueeze(1), pixels.mean(dim=(2, 3), keepdim=True), pixels)


def _either(count: int, generator: torch.Generator) -> Tensor:
    """Return numbers from -1 to 1, (count,)."""
    return torch.rand(count, generator=generator) * 2.0 - 1.0


_VARY: Mapping[Form, Callable[[Mapping[str, Tensor], Amounts, torch.Generator], dict[str, Tensor]]] = {
    Form.PIXELS: _pixels,
}
