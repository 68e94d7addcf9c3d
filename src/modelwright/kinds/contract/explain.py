"""The facet `explain`: a value taken apart, so that one can ask what each part of it adds to an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from modelwright.core.json_types import Json

V = TypeVar("V")  # the type of a canonical value


@dataclass(frozen=True)
class ValuePart:
    """A part of a value: what people call it (a word, `0.5 s to 0.6 s`), and where it lies, as JSON."""

    name: str
    place: Mapping[str, Json] = field(default_factory=dict)


class Explain(Generic[V]):
    """Leaves parts of a value out. These defaults suit a value that has none; a kind without the facet has them.

    The order of calls: `parts`, then `without_each` with what it returned, then `picture` with the effect of each.
    """

    def parts(self, value: V) -> Sequence[ValuePart]:
        """Return the parts, in their order; at most a few hundred, each large enough to tell something."""
        return ()

    def without_each(self, value: V, parts: Sequence[ValuePart], state: Any) -> Iterator[V | None]:
        """Yield the whole value, then the value without each part; None where nothing is left.

        All in the form in which parts are left out (a picture as PNG, a sound as WAV), so that nothing else differs.
        state: the kind's own, for what its values are brought to.
        """
        yield from ()

    def picture(self, value: V, effects: Sequence[tuple[ValuePart, float]]) -> bytes | None:
        """Return a PNG of the value with the effect of each part laid over it; None of a kind without pictures.

        effects: above 0 where a part speaks for the answer, below 0 where it speaks against it.
        """
        return None
