"""Records for people."""

from __future__ import annotations

import json
from typing import ClassVar

from modelwright.kinds.contract.show import Show, Widget

SHOWN = 400  # characters


class RecordShow(Show[str]):
    """One field a line."""

    widget: ClassVar[Widget] = "json"

    def text(self, value: str | None) -> str:
        """Return `field: value` a line, with `…` where there is more."""
        fields = {} if value is None else json.loads(value)
        text = "\n".join(
            f"{name}: {one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)}"
            for name, one in fields.items()
        )
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
