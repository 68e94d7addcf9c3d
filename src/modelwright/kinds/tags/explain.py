"""The members of a set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from modelwright.kinds.contract.explain import Explain, ValuePart


class TagsExplain(Explain[frozenset[str]]):
    """Its tags."""

    def parts(self, value: frozenset[str]) -> Sequence[ValuePart]:
        """Return the tags, sorted."""
        return [ValuePart(tag) for tag in sorted(value)]

    def without_each(
        self, value: frozenset[str], parts: Sequence[ValuePart], state: Any
    ) -> Iterator[frozenset[str] | None]:
        """Yield the set, and it without each tag."""
        yield value
        for part in parts:
            yield value - {part.name}
