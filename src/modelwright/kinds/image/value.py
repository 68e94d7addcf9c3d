"""What a picture is."""

from __future__ import annotations

from typing import ClassVar

from modelwright.core.json_types import JsonObject
from modelwright.kinds.contract.common import Role
from modelwright.kinds.image._accepted import ENDINGS, MOST_PIXELS
from modelwright.kinds.shared.files.file_bytes import FileValue


class ImageValue(FileValue):
    """A picture: JPEG, PNG, BMP, GIF, WebP or TIFF. Its header is checked before it is decoded."""

    name: ClassVar[str] = "image"
    summary: ClassVar[str] = "a picture: JPEG, PNG, BMP, GIF, WebP or TIFF"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT})
    synonyms: ClassVar[tuple[str, ...]] = ("picture", "photo", "img", "jpeg", "png")
    operators: ClassVar[frozenset[str]] = frozenset()
    endings: ClassVar[tuple[str, ...]] = ENDINGS

    def schema(self) -> JsonObject:
        """Return the JSON Schema of a picture: its file in base64, or as a data URI."""
        return {
            "type": "string",
            "contentEncoding": "base64",
            "contentMediaType": "image/*",
            "description": "The file of a picture (JPEG, PNG, BMP, GIF, WebP or TIFF) in base64, or as a data URI; "
            f"at most {MOST_PIXELS // 1_000_000} megapixels. Of an animation, the first picture.",
        }

    def require_whole(self, content: bytes) -> None:
        """Decode the picture once; raises ValueProblem for what is no picture, too large, or damaged."""
        from modelwright.kinds.image._files import require_whole  # Pillow, for which a table has no use

        require_whole(content)
