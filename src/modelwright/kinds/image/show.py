"""Pictures for people."""

from __future__ import annotations

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.show import Show
from modelwright.kinds.image import _files


class ImageShow(Show[bytes]):
    """Format and size: `PNG 640 × 480`."""

    def text(self, value: bytes | None) -> str:
        """Return the format and the size of the upright picture."""
        if value is None:
            return ""
        try:
            header = _files.header_of(value)
        except ValueProblem:  # nothing that was read as a picture; a report says what it can
            return f"{len(value):,} B"
        return f"{header.format} {header.width} × {header.height}"
