"""Checks of the facet `explain`."""

from __future__ import annotations

from modelwright import kinds
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.explain import Explain
from modelwright.testing.kinds.tried import fitted, present_values

_MOST_PARTS = 500
_PNG = b"\x89PNG"


def check_parts_can_be_left_out(name: str) -> None:
    """Of each value there is the whole and one without each part, in one form, and each is a value that encodes."""
    kind, facet = kinds.value(name), kinds.facet(name, Explain)
    if Role.INPUT not in kind.roles:
        return
    values = present_values(name)
    state = fitted(name, values)
    for value in values:
        parts = facet.parts(value)
        assert len(parts) <= _MOST_PARTS
        assert all(part.name for part in parts)
        if not parts:
            continue
        whole, *others = facet.without_each(value, parts, state)
        assert len(others) == len(parts)
        assert type(whole) is type(value)
        for other in (whole, *others):
            if other is not None:
                assert kind.parse(kind.to_json(other)) == other
        assert list(facet.without_each(value, parts, state)) == [whole, *others], "it is the same each time"
        kinds.arrays(name).encode([whole, *others], state)
        picture = facet.picture(value, [(part, place - 1.0) for place, part in enumerate(parts)])
        assert picture is None or picture.startswith(_PNG)
