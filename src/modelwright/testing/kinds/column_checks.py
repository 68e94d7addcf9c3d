"""Checks of the facets `column`, `infer` and `profile`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from modelwright import kinds
from modelwright.core.digests import canonical_json
from modelwright.core.messages import Problem, ValueProblem
from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions
from modelwright.kinds.contract.column import Column
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.infer import Infer, distinct
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.contract.show import Show
from modelwright.testing.kinds.tried import present_values, quick, raw_values, samples_of


def check_a_column_reads_as_its_cells_do(name: str) -> None:
    """A column of raw cells, of any type that Polars gives it, has the values and refusals of its cells."""
    column = kinds.facet(name, Column)
    cells: list[object] = [*raw_values(name), None, *raw_values(name)[:3]]
    pools: list[list[object]] = [cells, [one for one in cells if isinstance(one, str) and _is_whole(one)]]
    pools += [[one for one in cells if type(one) is of] for of in (bool, int, float)]

    @given(draw=st.data())
    @quick
    def check(draw: st.DataObject) -> None:
        pool = draw.draw(st.sampled_from([pool for pool in pools if pool]))
        found = draw.draw(st.lists(st.sampled_from([*pool, None]), max_size=12))
        assert_column(column, found)

    for pool in pools:
        assert_column(column, pool)
    check()


def assert_column(
    column: Column[Any], cells: Sequence[object], options: CellOptions = DEFAULT_OPTIONS
) -> None:
    """Compare what `parse` reads of a column with what `read` reads of each cell."""
    parsed = column.parse(as_series(cells), options)
    assert parsed.values.dtype == column.dtype()
    values = column.values(parsed.values)
    refused: dict[int, Problem] = {}
    expected: list[Any] = []
    for place, cell in enumerate(cells):
        try:
            expected.append(column.read(cell, options))
        except ValueProblem as problem:
            expected.append(None)
            refused[place] = problem.message
    assert values == expected
    assert [type(one) for one in values] == [type(one) for one in expected]
    assert {place: problem.message for place, problem in parsed.refused.items()} == refused
    assert list(parsed.refused) == sorted(refused)


def as_series(cells: Sequence[object]) -> pl.Series:
    """Return raw cells as a reader of tables gives them: of one type, or of the type Object."""
    types = {type(cell) for cell in cells if cell is not None}
    if types <= {str} and all(_is_whole(cell) for cell in cells if isinstance(cell, str)):
        return pl.Series("cells", cells, dtype=pl.String)
    if types in ({bool}, {float}) or (
        types == {int} and all(abs(cell) < 2**63 for cell in cells if isinstance(cell, int))
    ):
        return pl.Series("cells", cells)
    return pl.Series("cells", cells, dtype=pl.Object)


def _is_whole(text: str) -> bool:
    """Tell whether a text has no half of a character, which Polars cannot hold."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def check_a_column_is_inferred(name: str) -> None:
    """The column that the samples give is taken for the kind before any other, where the kind is inferred at all."""
    column = samples_of(name).column()
    assert bool(column) == kinds.has(name, Infer)
    if column:
        assert Role.INPUT in kinds.value(name).roles
        ranked = sorted(kinds.having(Infer), key=lambda kind: kinds.facet(kind, Infer).rank)
        cells = distinct(column)
        assert next(kind for kind in ranked if kinds.facet(kind, Infer).reads(cells)) == name


def check_is_profiled(name: str) -> None:
    """The figures of a column are JSON, the same each time, and an example of them, if any, is a value of the kind."""
    column, show = kinds.facet(name, Column), kinds.facet(name, Show)
    examples = [show.example({})]
    if kinds.has(name, Profile):
        profile = kinds.facet(name, Profile)
        stored = pl.Series([column.store(value) for value in present_values(name)], dtype=column.dtype())
        described = profile.describe(stored)
        assert canonical_json(described) == canonical_json(profile.describe(stored))
        assert described
        assert not {"kind", "rows", "missing"} & described.keys()
        assert profile.describe(stored[:1])
        examples.append(show.example(described))
        quantiles = described.get("quantiles")
        for end in quantiles.values() if isinstance(quantiles, dict) else ():
            assert isinstance(end, str | float)
            assert show.end(end), "the page of a function says between which values most lie"
    for example in examples:
        assert example is None or kinds.value(name).parse(json.loads(json.dumps(example))) is not None
