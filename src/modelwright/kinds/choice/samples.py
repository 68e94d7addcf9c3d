"""Choices to try the kind with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelwright.kinds.contract.samples import Samples


class ChoiceSamples(Samples[frozenset[str]]):
    """Ids in several scripts, alone and together."""

    def strict(self) -> Sequence[tuple[object, frozenset[str]]]:
        """Return ids and lists of them."""
        return [
            ("p1", frozenset({"p1"})),
            (" 理赔 ", frozenset({"理赔"})),
            (["p1"], frozenset({"p1"})),
            (["p2", "p1", "p2"], frozenset({"p1", "p2"})),
            ("a;b", frozenset({"a;b"})),
        ]

    def lenient(self) -> Sequence[tuple[object, frozenset[str] | None]]:
        """Return cells of tables."""
        return [
            (7, frozenset({"7"})),
            ('["p1", "p2"]', frozenset({"p1", "p2"})),
            ("[draft]", frozenset({"[draft]"})),
            ("", None),
            (" \n", None),
        ]

    def refused(self) -> Sequence[object]:
        """Return what names no passage."""
        return [1.5, True, math.nan, {"a": 1}, [None], [["p1"]], "x" * 1_001, "\udfff", b"p1"]

    def refused_strictly(self) -> Sequence[object]:
        """Return numbers."""
        return [7]

    def values(self) -> Sequence[frozenset[str] | None]:
        """Return a few choices many times, some missing."""
        one, two, three = frozenset({"p1"}), frozenset({"p2"}), frozenset({"理赔"})
        return [one, two, None, three, one, two] * 6

    def right(self, truth: frozenset[str], answer: frozenset[str]) -> bool:
        """Tell whether the answer is one of the passages that are right."""
        return answer <= truth
