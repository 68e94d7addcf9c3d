"""Whether a column is of the kind `tags`."""

from __future__ import annotations

import json
from typing import ClassVar

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.infer import Cells, Infer
from modelwright.kinds.tags.value import TagsValue


class TagsInfer(Infer):
    """Every cell is a list of texts, or the JSON of one. Texts with a separator are not taken for sets."""

    rank: ClassVar[int] = 70
    of: ClassVar[TagsValue] = TagsValue()

    def reads(self, cells: Cells) -> bool:
        """Tell whether every cell is such a list."""
        return all(self._is_list(cell) for cell, _ in cells)

    def _is_list(self, cell: object) -> bool:
        try:
            found = json.loads(cell) if isinstance(cell, str) and cell.lstrip().startswith("[") else cell
            return isinstance(found, list) and self.of.parse(found) is not None
        except (ValueProblem, json.JSONDecodeError, RecursionError):
            return False
