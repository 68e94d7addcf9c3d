"""Sets of tags to try the kind with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelwright.kinds.contract.samples import Samples


class TagsSamples(Samples[frozenset[str]]):
    """Sets in several scripts, the empty one among them."""

    def strict(self) -> Sequence[tuple[object, frozenset[str]]]:
        """Return lists."""
        pair = frozenset({"urgent", "汽车"})
        return [
            (["urgent", "汽车"], pair),
            (["汽车", " urgent ", "urgent"], pair),
            ([], frozenset()),
            (["a;b"], frozenset({"a;b"})),
            (["Cafe\u0301"], frozenset({"Caf\u00e9"})),
        ]

    def lenient(self) -> Sequence[tuple[object, frozenset[str] | None]]:
        """Return cells of text."""
        return [
            ("urgent; 汽车;", frozenset({"urgent", "汽车"})),
            ('["urgent", "a;b"]', frozenset({"urgent", "a;b"})),
            ("[]", frozenset()),
            (";", frozenset()),
            ("[draft]", frozenset({"[draft]"})),
            ("", None),
            (" \n", None),
        ]

    def refused(self) -> Sequence[object]:
        """Return what is no set of names."""
        return [
            1,
            True,
            math.nan,
            {"a": 1},
            [1],
            [None],
            [[]],
            [""],
            ["a", " "],
            ["x" * 1_001],
            ["\udfff"],
            b"a",
        ]

    def refused_strictly(self) -> Sequence[object]:
        """Return texts."""
        return ["urgent", "a;b", "[]"]

    def values(self) -> Sequence[frozenset[str] | None]:
        """Return a few sets many times, some missing, some empty."""
        urgent, both, one = frozenset({"urgent"}), frozenset({"urgent", "汽车"}), frozenset({"汽车"})
        return [urgent, both, None, frozenset(), one, urgent] * 6

    def column(self) -> Sequence[object]:
        """Return lists as JSON."""
        return ['["urgent"]', "[]", "", '["urgent", "汽车"]'] * 6
