"""The fields of a record, as figures compare them.

A record is the text of a JSON object with sorted keys, so that equal objects are equal texts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any


def top(record: str | None) -> Mapping[str, Any]:
    """Return the fields of a record by name; none of nothing."""
    found: Mapping[str, Any] = {} if record is None else json.loads(record)
    return found


def shares_right(truth: str, answer: str | None) -> Mapping[str, float]:
    """Return for each field of the truth or the answer whether both have it alike (1), or not (0)."""
    # over the union of names: a field that is wanted and missing is wrong, and so is one that nobody wanted
    wanted, given = top(truth), top(answer)
    return {name: float(_same(wanted, given, name)) for name in {**wanted, **given}}


def field_f1(truth: str, answer: str | None) -> float:
    """Return the F1 of leaves (a path and the value there): 2·both/(wanted + given); items of a list in any order."""
    if answer is None:
        return 0.0
    wanted, given = Counter(_leaves(top(truth), "")), Counter(_leaves(top(answer), ""))
    # |T ∩ A| of multisets; two empty objects are alike
    both = (wanted & given).total()
    return 2 * both / (wanted.total() + given.total()) if wanted or given else 1.0


def _same(wanted: Mapping[str, Any], given: Mapping[str, Any], name: str) -> bool:
    # as texts: in Python True equals 1
    return name in wanted and name in given and json.dumps(wanted[name]) == json.dumps(given[name])


def _leaves(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield each value that is no object and no list, with its path; an empty one of these is a leaf."""
    # a path has names and `[]`, so that the same value at another place is another leaf
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}")
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _leaves(inner, f"{path}[]")
    elif path:
        yield path, json.dumps(value)
