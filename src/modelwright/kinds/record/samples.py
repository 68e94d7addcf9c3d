"""Records to try the kind with."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from modelwright.kinds.contract.samples import Samples

_ORDER = '{"address": {"city": "Köln"}, "count": 3, "items": ["一", null, 2.5]}'


class RecordSamples(Samples[str]):
    """Objects with fields of every type."""

    def strict(self) -> Sequence[tuple[object, str]]:
        """Return objects."""
        return [
            ({"count": 3.0, "items": ["一", None, 2.5], "address": {"city": "Köln"}}, _ORDER),
            ({}, "{}"),
            ({"yes": True, "a b": "line\n"}, '{"a b": "line\\n", "yes": true}'),
        ]

    def lenient(self) -> Sequence[tuple[object, str | None]]:
        """Return JSON as texts, and blanks."""
        return [(json.dumps({"b": 1, "a": 2}), '{"a": 2, "b": 1}'), ("", None), (" \n", None)]

    def refused(self) -> Sequence[object]:
        """Return what is no object, and what no JSON has."""
        deep: object = {}
        for _ in range(40):
            deep = {"a": deep}
        wrong: list[object] = [math.nan, math.inf, b"x", "half \ud800", 10**400]
        return ["text", 3, True, [], [{}], "[1]", deep, {3: 4}, *({"a": one} for one in wrong)]

    def refused_strictly(self) -> Sequence[object]:
        """Return the JSON of an object as a text."""
        return ["{}"]

    def values(self) -> Sequence[str | None]:
        """Return some records, one missing."""
        return [*(f'{{"count": {one}, "name": "item {one}"}}' for one in range(20)), None, _ORDER, "{}"]
