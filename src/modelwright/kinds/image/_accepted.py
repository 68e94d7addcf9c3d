"""Which files are pictures, and how large one may be: what is known without a library that reads them."""

from __future__ import annotations

MOST_PIXELS = 50_000_000
ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
