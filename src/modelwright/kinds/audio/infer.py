"""Whether a column is of the kind `audio`."""

from __future__ import annotations

from typing import ClassVar

from modelwright.kinds.audio._magic import ENDINGS, format_of
from modelwright.kinds.contract.infer import Cells, Infer
from modelwright.kinds.shared.reading import STRAY


class AudioInfer(Infer):
    """95 % of the cells begin as such files do, or are names of such files; nothing is decoded."""

    rank: ClassVar[int] = 6

    def reads(self, cells: Cells) -> bool:
        """Tell whether nearly every cell is a sound by its first bytes, or by the ending of its name."""
        others = sum(count for cell, count in cells if not _is_sound(cell))
        return others <= STRAY * sum(count for _, count in cells)


def _is_sound(cell: object) -> bool:
    match cell:
        case bytes():
            return format_of(cell) is not None
        case str():
            return cell.strip().lower().endswith(ENDINGS)
        case _:
            return False
