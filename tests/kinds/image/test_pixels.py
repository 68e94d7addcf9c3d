"""From files to pixels: modes, depths, turning, fitting, and that training and serving see the same."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from modelwright import kinds
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.image.samples import picture

ARRAYS = kinds.arrays("image")
RED = (220, 30, 40)


def saved(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def encoded(content: bytes, **options: Any) -> np.ndarray:
    return ARRAYS.encode([content], ARRAYS.fit([content], **options))["pixels"][0]


@pytest.mark.parametrize(
    ("form", "mode", "within"),
    [
        ("PNG", "RGB", 0),
        ("PNG", "P", 0),
        ("PNG", "RGBA", 0),
        ("JPEG", "RGB", 4),
        ("JPEG", "CMYK", 4),
        ("BMP", "RGB", 0),
        ("GIF", "P", 0),
        ("WEBP", "RGB", 4),
        ("WEBP", "RGBA", 4),
        ("TIFF", "RGB", 0),
        ("TIFF", "CMYK", 0),
        ("TIFF", "RGBA", 0),
    ],
)
def test_a_colour_is_the_same_in_every_format(form: str, mode: str, within: int) -> None:
    content = saved(Image.new("RGB", (32, 24), RED).convert(mode, palette=Image.Palette.ADAPTIVE), form)
    pixels = encoded(content, channels=3).astype(int)
    assert pixels.shape == (24, 32, 3)
    assert np.abs(pixels - RED).max() <= within


@pytest.mark.parametrize(
    ("form", "mode"), [("PNG", "1"), ("PNG", "L"), ("PNG", "LA"), ("BMP", "1"), ("TIFF", "L")]
)
def test_grey_pictures_have_one_channel(form: str, mode: str) -> None:
    pixels = encoded(saved(Image.new("L", (10, 10), 255).convert(mode), form))
    assert pixels.shape == (10, 10, 1)
    assert (pixels == 255).all()


def test_grey_pictures_stored_in_colour_have_one_channel_and_others_three() -> None:
    grey = saved(Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert("RGB"), "JPEG")
    assert encoded(grey).shape[2] == 1
    assert ARRAYS.fit([grey, picture("PNG", "RGB")]).sizing.channels == 3


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_lies_over_the_background(mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode)
    content = saved(image)
    assert (encoded(content, channels=3) == 255).all()
    assert (encoded(content, channels=3, background=(10, 20, 30)) == (10, 20, 30)).all() or mode == "LA"


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_more_than_8_bits_are_scaled_by_the_range_of_training(mode: str) -> None:
    levels = np.linspace(100, 4000, 64 * 64).reshape(64, 64)
    image = Image.fromarray(levels.astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]))
    content = saved(image, "TIFF")
    pixels = encoded(content)[:, :, 0]
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert (np.diff(pixels.ravel().astype(int)) >= 0).all()
    # a darker picture of the same sort stays darker
    state = ARRAYS.fit([content])
    darker = saved(Image.fromarray((levels / 2).astype(np.float32)), "TIFF")
    assert ARRAYS.encode([darker], state)["pixels"].mean() < pixels.mean() * 0.6


def test_percentile_scales_each_picture_by_its_own_range() -> None:
    rows = np.repeat(np.arange(40, dtype=np.uint8)[:, None], 40, axis=1)
    dark, bright = saved(Image.fromarray(rows)), saved(Image.fromarray(rows * 5))
    state = ARRAYS.fit([dark, bright], scale="percentile")
    first, second = ARRAYS.encode([dark, bright], state)["pixels"].astype(int)
    assert np.abs(first - second).max() <= 1
    assert first.max() == 255
    assert encoded(saved(Image.new("L", (9, 9), 77)), scale="percentile").max() == 0  # flat: no range at all


def test_a_float_picture_with_nan_and_infinity_is_encoded() -> None:
    levels = np.arange(100, dtype=np.float32).reshape(10, 10)
    levels[0, 0], levels[0, 1], levels[9, 9] = np.nan, -np.inf, np.inf
    content = saved(Image.fromarray(levels), "TIFF")
    for scale in ("full", "percentile"):
        assert encoded(content, scale=scale).dtype == np.uint8


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_turns_upright(form: str, orientation: int) -> None:
    """The stored pixels are turned so that they come out as the upright picture, twice as wide as high."""
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = RED  # the upper left corner
    turn = Image.Transpose
    back = {2: turn.FLIP_LEFT_RIGHT, 3: turn.ROTATE_180, 4: turn.FLIP_TOP_BOTTOM, 5: turn.TRANSPOSE}
    back |= {6: turn.ROTATE_90, 7: turn.TRANSVERSE, 8: turn.ROTATE_270}
    image = Image.fromarray(upright)
    stored = image.transpose(back[orientation]) if orientation in back else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = (
        {"quality": 95, "subsampling": 0} if form == "JPEG" else {"lossless": True} if form == "WEBP" else {}
    )
    pixels = encoded(saved(stored, form, exif=exif, **options))
    assert pixels.shape == (16, 32, 3)
    assert np.abs(pixels.astype(int) - upright).mean() < 3


def test_a_letterbox_keeps_proportions_and_fills_with_the_mean() -> None:
    wide, tall = saved(Image.new("L", (40, 20), 200)), saved(Image.new("L", (20, 40), 100))
    state = ARRAYS.fit([wide, tall])
    assert (state.sizing.height, state.sizing.width) == (30, 30)
    first, second = ARRAYS.encode([wide, tall], state)["pixels"]
    assert (first[8:22] == 200).all()
    assert (first[:7] == round(state.mean[0])).all()
    assert (second[:, 8:22] == 100).all()
    stretched = ARRAYS.fit([wide, tall], fit="stretch")
    assert (ARRAYS.encode([wide], stretched)["pixels"] == 200).all()


@pytest.mark.parametrize(
    ("sizes", "options", "expected"),
    [
        ([(28, 28)] * 3, {}, (28, 28)),
        ([(640, 480)] * 3, {}, (96, 128)),
        ([(640, 480)] * 3, {"limit": 64}, (48, 64)),
        ([(28, 28)] * 3, {"least": 56}, (56, 56)),
        ([(100, 60)], {"side": 50}, (30, 50)),
        ([], {}, (64, 64)),
        ([(1, 400)], {}, (128, 1)),
    ],
)
def test_the_size_is_the_median_within_bounds(
    sizes: list[tuple[int, int]], options: dict[str, Any], expected: tuple[int, int]
) -> None:
    state = ARRAYS.fit([saved(Image.new("RGB", size)) for size in sizes], **options)
    assert (state.sizing.height, state.sizing.width) == expected


def test_a_jpeg_is_decoded_to_a_scale_and_hardly_differs() -> None:
    draw = np.random.default_rng(0)
    smooth = Image.fromarray(draw.integers(0, 256, (20, 20, 3), dtype=np.uint8)).resize((640, 640))
    jpeg, png = saved(smooth, "JPEG", quality=95), saved(smooth)
    state = ARRAYS.fit([png], side=64)
    first, second = ARRAYS.encode([jpeg, png], state)["pixels"].astype(int)
    assert np.abs(first - second).mean() < 2


def test_a_missing_picture_is_the_mean() -> None:
    state = ARRAYS.fit([picture("PNG", "RGB")])
    found = ARRAYS.encode([None], state)
    assert found["missing"].tolist() == [1.0]
    assert (found["pixels"] == np.rint(state.mean).astype(np.uint8)).all()


def animation(form: str) -> bytes:
    first, second = Image.new("RGB", (9, 9), RED), Image.new("RGB", (9, 9), (0, 255, 0))
    return saved(first, form, save_all=True, append_images=[second])


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_picture_is_read_and_that_is_counted(form: str) -> None:
    content = animation(form)
    assert np.abs(encoded(content).astype(int) - RED).max() <= 4
    profile = kinds.facet("image", Profile)
    figures = profile.describe(pl.Series([content, picture("PNG", "RGB")]))
    assert figures["animated"] == 1
    assert [notice.id for notice in profile.remarks("photo", figures)] == ["data.first-picture"]


def test_the_profile_counts_formats_modes_and_depth() -> None:
    values = [picture("PNG", "RGB"), picture("PNG", "L"), picture("JPEG", "L"), picture("PNG", "I;16")]
    profile = kinds.facet("image", Profile)
    figures = profile.describe(pl.Series(values))
    assert figures["formats"] == {"PNG": 3, "JPEG": 1}
    assert figures["modes"] == {"L": 2, "I;16": 1, "RGB": 1}
    assert figures["deep"] == 1
    assert figures["width"]["most"] == 12
    assert [notice.id for notice in profile.remarks("photo", figures)] == ["data.deep-pictures"]
