"""Which kind a column of `inputs: "*"` is taken for."""

from __future__ import annotations

import pytest

from modelwright.core.signature import Field
from modelwright.stages.data.infer_kinds import infer
from modelwright.tables.series import series

NUMBERS = [str(n) for n in range(200)]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["yes", "no"] * 9, Field("x", "boolean")),
        (NUMBERS, Field("x", "number")),
        ([*NUMBERS, ""], Field("x", "number", optional=True)),
        ([*NUMBERS, "NaN", "N/A", "1,5", "-", "inf"], Field("x", "number")),
        ([*NUMBERS, *["none"] * 20], Field("x", "text")),
        (["a", "b", "c"] * 9, Field("x", "category")),
        ([f"text {n}" for n in range(200)], Field("x", "text")),
        ([[1], [2]], None),
        (["", ""], None),
    ],
)
def test_a_column_is_taken_for_what_nearly_all_of_it_is(cells: list[object], expected: Field | None) -> None:
    assert infer("x", [series("x", cells)]) == expected
