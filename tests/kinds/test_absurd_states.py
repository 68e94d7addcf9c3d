"""A sealed state with an absurd value anywhere is refused when it is loaded, or its kind can work with it."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.common import Dumped, Role
from modelwright.kinds.contract.samples import Samples

ABSURD: tuple[Any, ...] = (
    *(
        None,
        "text",
        "",
        math.nan,
        math.inf,
        -math.inf,
        -1,
        -0.5,
        0,
        2**31,
        2**63,
        2**70,
        1.5,
        True,
        [],
        [None],
    ),
    *({}, {"a": 1}, [math.nan], [1e308] * 3, ["a", "a"], [-1], 10**6, [[1]], "\ud800", [2**40]),
)
MOST_NUMBERS = 50_000_000  # of one row
MOST_SECONDS = 5.0  # of the processor
REFUSALS = (
    ValueProblem,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
)  # what `package` makes a message of


def ways(inside: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the way to every value of some JSON; of a list to its first two."""
    pairs: Any = ()
    if isinstance(inside, dict):
        pairs = inside.items()
    elif isinstance(inside, list):
        pairs = enumerate(inside[:2])
    for key, value in pairs:
        yield (*way, key)
        yield from ways(value, (*way, key))


def changed(data: Any, way: tuple[Any, ...], *absurd: Any) -> Any:
    """Return the JSON with another value there; none where nothing is given."""
    found = copy.deepcopy(data)
    at = found
    for key in way[:-1]:
        at = at[key]
    if absurd:
        at[way[-1]] = absurd[0]
    else:
        del at[way[-1]]
    return found


@pytest.mark.parametrize(
    ("kind", "role"),
    [(kind, role) for kind in sorted(kinds.names()) for role in sorted(kinds.value(kind).roles)],
)
def test_an_absurd_state_is_refused_or_works(kind: str, role: Role) -> None:
    arrays, samples = kinds.arrays(kind), kinds.facet(kind, Samples)
    dumped = arrays.dump(arrays.fit(samples.values(), role=role, **samples.options()))
    data = json.loads(json.dumps(dict(dumped.data)))
    for way in ways(data):
        for absurd in (*((one,) for one in ABSURD), ()):
            begun = time.process_time()
            try:
                state = arrays.load(Dumped(changed(data, way, *absurd), dumped.assets))
                arrays.require(state, role)
            except REFUSALS:
                continue
            if role is Role.OUTPUT:
                assert arrays.answers(state)
            else:
                specs = arrays.specs(state).values()
                wide = max(math.prod(axis for axis in one.shape if isinstance(axis, int)) for one in specs)
                assert wide <= MOST_NUMBERS, (way, absurd)
                for value in (arrays.example(state), arrays.longest(state)):
                    if value is not None:
                        arrays.encode([value], state)
                        arrays.unseen([value], state)
            assert time.process_time() - begun < MOST_SECONDS, (way, absurd)
