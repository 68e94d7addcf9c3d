"""Pictures as files: what a header says, before anything is decoded, and the pixels.

Only the formats listed here are ever opened, each by its own reader: what a file begins with decides, never its name.
So no reader of another format that Pillow has (PostScript through a program beside it, say) meets a stranger's bytes,
and the bound on pixels is checked on the header, where a decompression bomb is a small number still.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from modelwright.core.messages import ValueProblem
from modelwright.kinds.image._accepted import MOST_PIXELS
from modelwright.kinds.shared.files.quiet_libraries import quiet_libraries

DEEP = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})  # grey, with more than 8 bits a pixel
GREY = frozenset({"1", "L", "LA", "La"}) | DEEP
# The modes whose pixels `_pixels` can bring to grey or to red, green and blue.
_MODES = GREY | {"P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}
ANIMATED = frozenset({"GIF", "PNG", "WebP", "TIFF"})  # the formats that can hold several pictures
# What Pillow says of a header that ends too early, or is none: its own words, of which nobody learns more.
_SAYS_NOTHING = frozenset(
    {
        *("Truncated File Read", "not identified by this driver", "could not create decoder object"),
        *(
            "not a WEBP file",
            "not a PNG file",
            "not a BMP file",
            "Not a BMP file",
            "not a GIF file",
            "not a JPEG file",
        ),
        *("not a TIFF file", "broken PNG file"),
    }
)
_ORIENTATION = 0x0112  # the tag of EXIF: 1 as it is, 2 to 8 turned or mirrored
_SIDEWAYS = frozenset({5, 6, 7, 8})  # orientations under which width and height change places

# What a file begins with → its format, and the reader of it.
_Open = Callable[[io.BytesIO], ImageFile.ImageFile]
_READERS: tuple[tuple[bytes, str, _Open], ...] = (
    (b"\xff\xd8\xff", "JPEG", JpegImagePlugin.JpegImageFile),
    (b"\x89PNG\r\n\x1a\n", "PNG", PngImagePlugin.PngImageFile),
    (b"BM", "BMP", BmpImagePlugin.BmpImageFile),
    (b"GIF87a", "GIF", GifImagePlugin.GifImageFile),
    (b"GIF89a", "GIF", GifImagePlugin.GifImageFile),
    (b"RIFF", "WebP", WebPImagePlugin.WebPImageFile),  # then its size, then "WEBP"
    (b"II*\x00", "TIFF", TiffImagePlugin.TiffImageFile),
    (b"MM\x00*", "TIFF", TiffImagePlugin.TiffImageFile),
    (b"II+\x00", "TIFF", TiffImagePlugin.TiffImageFile),
    (b"MM\x00+", "TIFF", TiffImagePlugin.TiffImageFile),
)
# What else people name so, and what a message can call it.
_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"<svg", "SVG"),
    (0, b"<?xml", "XML"),
    (0, b"<!DOCTYPE", "HTML"),
    (0, b"<html", "HTML"),
    (0, b"8BPS", "Photoshop"),
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"\x00\x00\x01\x00", "ICO"),
    (0, b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftyp", "MP4"),
    (128, b"DICM", "DICOM"),
    (0, b"version https://git-lfs", "Git LFS"),
)


@dataclass(frozen=True)
class PictureHeader:
    """What the header of a picture says: width and height are those of the upright picture, in pixels."""

    format: str
    mode: str
    width: int
    height: int


def format_of(content: bytes) -> str | None:
    """Return the format of a file by its first bytes, or None where it is no picture that is read here."""
    for begin, name, _ in _READERS:
        if content.startswith(begin):
            return name if name != "WebP" or content[8:12] == b"WEBP" else None
    return None


def opened(content: bytes) -> ImageFile.ImageFile:
    """Return a picture whose header has been read and whose pixels have not; raises ValueProblem.

    A file of several pictures stands at its first.
    """
    name = format_of(content)
    if name is None:
        raise _no_picture(content)
    reader = next(reader for begin, _, reader in _READERS if content.startswith(begin))
    if (stated := _stated_size(name, content)) is not None and 0 in stated:
        raise ValueProblem("image.no-pixels", format=name, width=stated[0], height=stated[1])
    try:
        image = reader(io.BytesIO(content))
        width, height = image.size
    except Image.DecompressionBombError as error:
        raise ValueProblem("image.damaged-header", format=name, error=str(error)[:120]) from None
    except (
        Exception
    ) as error:  # whatever a parser of foreign bytes stumbles over (struct, zlib, a key, an index)
        raise ValueProblem("image.damaged-header", format=name, error=_line(error)) from None
    if width < 1 or height < 1:
        raise ValueProblem("image.no-pixels", format=name, width=width, height=height)
    if width * height > MOST_PIXELS:
        raise ValueProblem("image.too-large", format=name, width=width, height=height, most=MOST_PIXELS)
    if image.mode not in _MODES:
        raise ValueProblem("image.damaged-header", format=name, error=image.mode)
    return image


def _stated_size(name: str, content: bytes) -> tuple[int, int] | None:
    """Return width and height where they stand at a fixed place: of none, Pillow only says that it is no picture."""
    layout, at = {"PNG": (">II", 16), "BMP": ("<ii", 18)}.get(name, ("", 0))
    if (
        not layout or len(content) < at + 8 or content[14:15] == b"\x0c"
    ):  # the header of OS/2's BMP is shorter
        return None
    width, height = struct.unpack_from(layout, content, at)
    return width, height


def header_of(content: bytes) -> PictureHeader:
    """Return what the header of a picture says; raises ValueProblem."""
    image = opened(content)
    width, height = image.size
    if orientation(image) in _SIDEWAYS:
        width, height = height, width
    return PictureHeader(format_of(content) or "", image.mode, width, height)


def require_whole(content: bytes) -> None:
    """Decode a picture once, and raise ValueProblem where that cannot be done, so that no later decoding fails."""
    image = opened(content)
    # the least that a JPEG can be decoded to: every bit of it is read, an eighth of the pixels is computed
    image.draft(None, (1, 1))
    load(image)
    orientation(image)


def load(image: ImageFile.ImageFile) -> None:
    """Decode the first picture of a file; raises ValueProblem where it ends too early or is damaged."""
    width, height = image.size
    try:
        with quiet_libraries():
            image.load()
    except Exception as error:  # as in `opened`
        raise ValueProblem(
            "image.damaged", format=image.format, width=width, height=height, error=_line(error)
        ) from None


def orientation(image: ImageFile.ImageFile) -> int:
    """Return in which of the eight ways of EXIF a picture is stored; 1, upright, where its EXIF cannot be read.

    Pillow turns a TIFF upright itself, and states its size so.
    """
    if image.format == TiffImagePlugin.TiffImageFile.format:
        return 1
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def frames(content: bytes) -> int:
    """Return how many pictures a file holds: of an animation, of a TIFF of several pages."""
    try:
        return int(getattr(opened(content), "n_frames", 1))
    except Exception:
        return 2


def _no_picture(content: bytes) -> ValueProblem:
    begin = content[:256].lstrip()
    known = next((name for at, mark, name in _OTHERS if content[at:].startswith(mark)), None)
    known = known or next((name for at, mark, name in _OTHERS if not at and begin.startswith(mark)), None)
    text = content[:40].decode("utf-8", "ignore").strip()
    is_text = known is None and bool(text) and text.isprintable()
    return ValueProblem(
        "image.not-an-image",
        size=len(content),
        format=known,
        text=repr(text) if is_text else None,
        begin=content[:8].hex(" "),
    )


def _line(error: Exception) -> str | None:
    """Return what a reader says, None where it only stumbled: "unpack_from requires a buffer" tells nobody anything."""
    # Pillow has texts of its own in these two; in the second it also wraps what a parser stumbled over
    if not isinstance(error, OSError | SyntaxError) or any(isinstance(one, Exception) for one in error.args):
        return None
    reason = (str(error).splitlines() or [""])[0][:120]
    return None if reason in _SAYS_NOTHING else reason or None
