"""What the checks of kinds share: the values that a kind is tried with, and what each of them must be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from modelwright import kinds
from modelwright.core.digests import canonical_json
from modelwright.kinds.contract.common import ArraySpec, Dumped, Form, Role
from modelwright.kinds.contract.samples import Samples
from modelwright.kinds.contract.show import Show

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
# The machine that tests may be busy: how long an example takes is no finding.
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

Shapes = Mapping[Form, Mapping[str, tuple[str, int]]]  # name of an array → type and number of axes


def samples_of(name: str) -> Samples[Any]:
    assert kinds.has(name, Samples), (
        f"the kind `{name}` needs samples.py; `kinds/contract/samples.py` says why"
    )
    return kinds.facet(name, Samples)


def raw_values(name: str) -> list[object]:
    samples = samples_of(name)
    read = [raw for raw, _ in (*samples.strict(), *samples.lenient())]
    return [*read, *samples.refused(), *samples.refused_strictly()]


def present_values(name: str) -> list[Any]:
    """Return different canonical values, at least two."""
    samples = samples_of(name)
    values = [*(expected for _, expected in samples.strict()), *samples.values()]
    return list(dict.fromkeys(value for value in values if value is not None))


def lists_of_values(name: str) -> st.SearchStrategy[list[Any]]:
    """Return lists of canonical values, some missing, with at least two different ones."""
    two = present_values(name)[:2]
    pool = st.sampled_from([*present_values(name), None])
    return st.lists(pool, max_size=8).map(lambda values: [*values, *two])


def fitted(name: str, values: Sequence[Any], role: Role = Role.INPUT, form: Form | None = None) -> Any:
    given = {} if form is None else {"form": form}
    return kinds.arrays(name).fit(values, role=role, **given, **samples_of(name).options())


def through_json(dumped: Dumped) -> Dumped:
    return Dumped(json.loads(canonical_json(dict(dumped.data))), dict(dumped.assets))


def assert_same(found: Any, expected: Any) -> None:
    assert type(found) is type(expected), f"{found!r} is no {type(expected).__name__}"
    assert found == expected


def assert_whole_value(name: str, value: Any) -> None:
    kind = kinds.value(name)
    assert hash(value) == hash(kind.parse(kind.to_json(value)))
    through = json.loads(json.dumps(kind.to_json(value), allow_nan=False))
    assert_same(kind.parse(through), value)
    assert kind.size(value) >= 0
    assert all(isinstance(label, str) for label in kind.labels(value))
    assert kind.labelled or not kind.labels(value)
    assert isinstance(kind.comparable(value), str | int | float | bool | frozenset)
    assert isinstance(kinds.facet(name, Show).text(value), str)


def assert_form(specs: Mapping[str, ArraySpec], form: Mapping[str, tuple[str, int]]) -> None:
    assert {name: (spec.dtype, len(spec.shape)) for name, spec in specs.items()} == form
