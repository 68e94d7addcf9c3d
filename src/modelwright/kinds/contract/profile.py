"""The facet `profile`: what is worth knowing of a column, for the plan, the report and the pages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any


class Profile(ABC):
    """Describes the values of the training and validation rows."""

    @abstractmethod
    def describe(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return figures as JSON, of values (None: missing)."""
