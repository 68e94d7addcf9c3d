"""Pictures to try the kind with."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image

from modelwright.kinds.contract.samples import Samples


class ImageSamples(Samples[bytes]):
    """Small pictures of several formats and modes, and what is none."""

    def strict(self) -> Sequence[tuple[object, bytes]]:
        """Return base64, plain and with line breaks, and data URIs."""
        png, jpeg = picture("PNG", "RGB"), picture("JPEG", "L")
        text = base64.b64encode(png).decode()
        return [
            (text, png),
            (f"  {text[:20]}\r\n{text[20:]}\n", png),
            (text.rstrip("="), png),
            (f"data:image/png;base64,{text}", png),
            (base64.urlsafe_b64encode(jpeg).decode(), jpeg),
            (png, png),
        ]

    def lenient(self) -> Sequence[tuple[object, bytes | None]]:
        """Return bytes, as Parquet holds them."""
        gif = picture("GIF", "P")
        return [(gif, gif), (bytearray(gif), gif), ("", None)]

    def refused(self) -> Sequence[object]:
        """Return what is no picture, or only half of one."""
        png = picture("PNG", "RGB")
        texts = ["no base64!", "cat.jpg", "data:image/png,abc", base64.b64encode(b"a text").decode()]
        parts = [b"", b"a text", png[:-30], png[:20], b"%PDF-1.7", b"RIFF\x10\x00\x00\x00WAVEfmt "]
        return [*texts, *parts, 1, 1.5, True, ["a"], {"a": 1}]

    def values(self) -> Sequence[bytes | None]:
        """Return pictures of every format and several sizes, some missing."""
        kinds = (
            ("PNG", "RGB"),
            ("PNG", "L"),
            ("PNG", "RGBA"),
            ("PNG", "I;16"),
            ("JPEG", "RGB"),
            ("WEBP", "RGB"),
        )
        found = [picture(*one, size=(8 + 3 * place, 20)) for place, one in enumerate(kinds)]
        more = (("JPEG", "CMYK"), ("BMP", "1"), ("GIF", "P"), ("TIFF", "F"), ("TIFF", "RGB"))
        return [*found, None, *(picture(*one) for one in more), None]

    def column(self) -> Sequence[object]:
        """Return bytes."""
        return [*(picture("PNG", "L", seed=seed) for seed in range(20)), None, ""]


@cache
def picture(form: str, mode: str, size: tuple[int, int] = (12, 9), seed: int = 0) -> bytes:
    """Return the file of a picture of random levels: a format and a mode as Pillow names them, (width, height)."""
    width, height = size
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    if mode in {"F", "I;16"}:
        deep = levels[:, :, 0].astype(np.uint16) * 16 + 7
        image = Image.fromarray(deep if mode == "I;16" else deep.astype(np.float32))
    else:
        image = (
            Image.fromarray(levels, "RGBA")
            if mode == "RGBA"
            else Image.fromarray(levels[:, :, :3]).convert(mode)
        )
    content = io.BytesIO()
    image.save(content, form)
    return content.getvalue()
