"""Whether a column is of the kind `text`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from modelwright.core.messages import Notice
from modelwright.core.messages.setting import setting
from modelwright.kinds.contract.infer import Cells, Infer
from modelwright.kinds.shared.reading import nearly_all_read
from modelwright.kinds.text.value import TextValue


class TextInfer(Infer):
    """Every cell is a text; tried last."""

    rank: ClassVar[int] = 90
    of: ClassVar[TextValue] = TextValue()

    def reads(self, cells: Cells) -> bool:
        """Tell whether every cell reads as one."""
        return nearly_all_read(self.of, cells, stray=0.0)

    def remarks(self, column: str, cells: Cells) -> Iterator[Notice]:
        """Yield a notice: a text is read by an encoder, which makes the package many times larger."""
        yield Notice(
            "data.free-text",
            column=column,
            count=sum(count for _, count in cells),
            distinct=len(cells),
            line=setting("data.drop", [column]),
        )
