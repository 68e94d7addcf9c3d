"""Files of pictures, good and bad: what is read, and the one clear message for what is not."""

from __future__ import annotations

import base64
import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.show import Show
from modelwright.kinds.image.samples import picture

VALUE = kinds.value("image")


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG of any size that its header states, with no more pixels than fit into a few bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    begin = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return begin + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def jpeg_header(width: int, height: int) -> bytes:
    """A JPEG whose header states another size than its data has."""
    content = bytearray(saved(Image.new("RGB", (16, 16)), "JPEG"))
    place = content.index(b"\xff\xc0")
    content[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def bmp_header(width: int, height: int) -> bytes:
    content = bytearray(saved(Image.new("RGB", (4, 4)), "BMP"))
    content[18:26] = struct.pack("<ii", width, height)
    return bytes(content)


def gif_header(width: int, height: int) -> bytes:
    content = bytearray(saved(Image.new("P", (4, 4)), "GIF"))
    content[6:10] = struct.pack("<HH", width, height)
    return bytes(content)


def refusal(content: object) -> ValueProblem:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueProblem) as refused:
            VALUE.parse(content)
    assert refused.value.message.found
    return refused.value


@pytest.mark.parametrize(
    "content",
    [
        png_header(30_000, 30_000),
        jpeg_header(30_000, 30_000),
        bmp_header(30_000, 30_000),
        gif_header(30_000, 30_000),
    ],
    ids=["PNG", "JPEG", "BMP", "GIF"],
)
def test_a_decompression_bomb_is_refused_by_its_header(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    message = refusal(content).message
    assert message.id == "image.too-large"
    assert (message.values["width"], message.values["height"]) == (30_000, 30_000)
    assert "50,000,000" in str(message)


@pytest.mark.parametrize("content", [png_header(8_000, 7_000), png_header(12_000, 12_000)])
def test_what_pillow_only_warns_of_is_refused_too(content: bytes) -> None:
    assert refusal(content).message.id == "image.too-large"


@pytest.mark.parametrize(
    "content", [png_header(0, 0), png_header(0, 10), jpeg_header(0, 0), bmp_header(0, 5)]
)
def test_a_picture_without_pixels_is_refused(content: bytes) -> None:
    assert refusal(content).message.id in {"image.no-pixels", "image.damaged-header"}


FORMS = [
    ("JPEG", "RGB"),
    ("PNG", "RGB"),
    ("PNG", "P"),
    ("BMP", "RGB"),
    ("GIF", "P"),
    ("WEBP", "RGB"),
    ("TIFF", "RGB"),
]


@pytest.mark.parametrize(("form", "mode"), FORMS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_truncated_picture_is_refused(form: str, mode: str, share: float) -> None:
    whole = picture(form, mode, size=(60, 60))
    assert VALUE.parse(whole) == whole
    message = refusal(whole[: int(len(whole) * share)]).message
    assert message.id in {"image.damaged", "image.damaged-header"}


@pytest.mark.parametrize(
    ("content", "id", "text"),
    [
        (b"", "value.empty-file", "0 bytes"),
        (b"Hello, this is a text file named .jpg", "image.not-an-image", "'Hello, this"),
        (b"%PDF-1.7\n", "image.not-an-image", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "image.not-an-image", "PostScript"),
        (b"\n<svg xmlns='x'>", "image.not-an-image", "SVG"),
        (b"\x00\x00\x00\x18ftypheic", "image.not-an-image", "HEIC"),
        (b"version https://git-lfs.github.com/spec/v1\n", "image.not-an-image", "Git LFS"),
        (bytes(range(128, 200)), "image.not-an-image", "80 81 82"),
        ("pictures/cat.JPG", "value.path-of-a-file", "@"),
        ("http://x/y", "value.not-base64", "base64"),
    ],
)
def test_what_is_no_picture_is_said_by_what_it_is(content: object, id: str, text: str) -> None:  # noqa: A002
    message = refusal(content).message
    assert message.id == id
    assert text in str(message)


@pytest.mark.parametrize(
    "form", ["ICO", "PPM", "TGA", "PCX", "EPS", "SGI", "ICNS", "DDS", "JPEG2000", "AVIF"]
)
def test_formats_that_are_not_listed_are_not_opened(form: str) -> None:
    image = Image.new("RGB", (32, 32), (200, 10, 10))
    try:
        content = saved(image, form)
    except (OSError, KeyError):
        pytest.skip(f"this Pillow writes no {form}")
    assert refusal(content).message.id == "image.not-an-image"


@pytest.mark.parametrize("seed", range(200))
def test_damage_is_refused_or_decodes_and_never_raises_anything_else(seed: int) -> None:
    draw = np.random.default_rng(seed)
    form, mode = FORMS[seed % len(FORMS)]
    content = bytearray(picture(form, mode, size=(40, 30)))
    for place in draw.integers(0, len(content), draw.integers(1, 12)):
        content[place] = draw.integers(0, 256)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow has to say of odd metadata
        try:
            value = VALUE.parse(bytes(content))
        except ValueProblem:
            return
        arrays = kinds.arrays("image")
        state = arrays.fit([value], channels=draw.choice([1, 3]).item(), side=int(draw.integers(4, 50)))
        assert arrays.encode([value], state)["pixels"].dtype == np.uint8
        assert kinds.facet("image", Show).text(value)


def test_a_picture_is_shown_by_format_and_size() -> None:
    assert kinds.facet("image", Show).text(picture("WEBP", "RGB", size=(12, 9))) == "WebP 12 × 9"


@pytest.mark.parametrize(("form", "mode"), [*FORMS, ("PNG", "I;16"), ("TIFF", "F"), ("PNG", "RGBA")])
@pytest.mark.parametrize("size", [(12, 9), (400, 3), (300, 200), (1, 1)])
def test_a_thumbnail_is_small_and_of_the_same_proportions(
    form: str, mode: str, size: tuple[int, int]
) -> None:
    value = picture(form, mode, size=size)
    show = kinds.facet("image", Show)
    found = show.picture(value)
    assert found is not None
    assert found == show.picture(value)
    assert max(found.width, found.height) <= 96
    assert len(found.uri) < 30_000
    content = base64.b64decode(found.uri.partition(",")[2])
    with Image.open(io.BytesIO(content)) as image:
        assert abs(image.width / image.height - found.width / found.height) < 0.01


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_file_cut_anywhere_is_refused_in_plain_words(form):
    whole = picture(form, "RGB" if form != "GIF" else "P", size=(40, 30))
    for length in (*range(8, min(len(whole), 120)), len(whole) // 2):
        try:
            VALUE.parse(whole[:length])
        except ValueProblem as problem:
            said = str(problem)
            for word in ("buffer", "unpack", "index", "NoneType", "argument", "Error"):
                assert word not in said, (length, said)
