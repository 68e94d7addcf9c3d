"""Whether a column is of the kind `image`."""

from __future__ import annotations

from typing import ClassVar

from modelwright.kinds.contract.infer import Cells, Infer
from modelwright.kinds.image import _files
from modelwright.kinds.image._accepted import ENDINGS
from modelwright.kinds.shared.reading import STRAY

_DATA_URI = "data:image/"


class ImageInfer(Infer):
    """95 % of the cells are files of pictures, by their first bytes, or names of such files, by their endings.

    Tried first: nothing else reads bytes, and a name such as `a.jpg` would be a text to any other kind.
    """

    rank: ClassVar[int] = 5

    def reads(self, cells: Cells) -> bool:
        """Tell whether nearly every cell is a picture, or names one."""
        others = sum(count for cell, count in cells if not _is_picture(cell))
        return others <= STRAY * sum(count for _, count in cells)


def _is_picture(cell: object) -> bool:
    match cell:
        case bytes():
            return _files.format_of(cell) is not None
        case str():
            text = cell.strip().lower()
            return text.startswith(_DATA_URI) or (text.endswith(ENDINGS) and "://" not in text)
        case _:
            return False
