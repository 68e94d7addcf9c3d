from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright import kinds
from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.cells import CellOptions
from modelwright.kinds.contract.column import Column
from modelwright.kinds.contract.common import FAR
from modelwright.kinds.contract.infer import Infer, distinct
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.contract.show import Show
from modelwright.kinds.vector.arrays import VectorState
from modelwright.outcomes import metrics
from modelwright.outcomes.vectors.outcomes import VectorOutcomes, cosines
from modelwright.testing.kinds.column_checks import assert_column
from modelwright.testing.kinds.tried import quick

VECTOR = kinds.value("vector")
ARRAYS = kinds.arrays("vector")
COLUMN = kinds.facet("vector", Column)


def refusal(raw: object, *, lenient: bool = True) -> tuple[str, dict[str, object]]:
    with pytest.raises(ValueProblem) as problem:
        VECTOR.parse(raw, lenient=lenient)
    return problem.value.message.id, dict(problem.value.message.values)


def test_what_is_wrong_is_said_with_its_place() -> None:
    assert refusal([1, None])[0] == "value.not-in-a-vector"
    assert refusal([1, 2, math.nan]) == ("value.not-finite-in-a-vector", refusal([1, 2, math.nan])[1])
    assert refusal([1, 2, math.nan])[1]["place"] == 3
    assert refusal([])[0] == "value.no-numbers"
    assert refusal([0.0] * 65_537)[0] == "value.too-many-numbers"
    assert refusal("1,5;2,5")[0] == "value.not-a-vector"
    assert refusal("[1, 2]", lenient=False)[0] == "value.not-a-vector"


NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64) | st.none()


@given(
    st.lists(st.none() | st.lists(NUMBERS, max_size=4), max_size=8),
    st.sampled_from([None, 2, 3]),
    st.sampled_from([pl.Float64, pl.Float32]),
)
@quick
def test_a_column_of_lists_reads_as_its_cells_do(
    cells: list[list[float | None] | None], length: int | None, dtype: type[pl.DataType]
) -> None:
    column = pl.Series("x", cells, dtype=pl.List(dtype))
    options = CellOptions(length=length)
    parsed = COLUMN.parse(column, options)
    by_cell = COLUMN.parse(pl.Series("x", column.to_list(), dtype=pl.Object), options)  # one by one
    assert COLUMN.values(parsed.values) == COLUMN.values(by_cell.values)
    assert {place: one.message for place, one in parsed.refused.items()} == {
        place: one.message for place, one in by_cell.refused.items()
    }
    assert_column(COLUMN, column.to_list(), options)


def test_arrays_of_one_width_and_whole_numbers_are_read() -> None:
    fixed = pl.Series("x", [[1.0, 2.0], [3.0, 4.0]], dtype=pl.Array(pl.Float64, 2))
    assert COLUMN.values(COLUMN.parse(fixed).values) == [(1.0, 2.0), (3.0, 4.0)]
    whole = pl.Series("x", [[1, 2], None, [3, 4]], dtype=pl.List(pl.Int32))
    assert COLUMN.values(COLUMN.parse(whole).values) == [(1.0, 2.0), None, (3.0, 4.0)]


def test_the_lengths_of_a_column_are_counted() -> None:
    cells = pl.Series("x", ["[1, 2]", "[1, 2, 3]", "4;5", None, "x"])
    assert COLUMN.survey(lambda: [cells]).lengths == {2: 2, 3: 1}


def test_each_dimension_has_its_own_mean_and_deviation() -> None:
    state = ARRAYS.fit([(1.0, 5.0, 1e300), (3.0, 5.0, -1e300), None])
    assert state.means == pytest.approx((2.0, 5.0, 0.0))
    assert state.deviations == pytest.approx((1.0, 1.0, 1e300))
    encoded = ARRAYS.encode([(3.0, 6.0, 1e300), None], state)
    assert encoded["values"].tolist() == [pytest.approx([1.0, 1.0, 1.0]), [0.0, 0.0, 0.0]]
    assert encoded["missing"].tolist() == [0.0, 1.0]
    (answer,) = ARRAYS.decode({"values": np.array([[1.0, 0.0, 0.0]], np.float32)}, state, {})
    assert answer.value == pytest.approx((3.0, 5.0, 0.0))


def test_another_length_is_a_misfit() -> None:
    state = VectorState((0.0, 0.0), (1.0, 1.0))
    assert ARRAYS.misfit((1.0, 2.0), state) is None
    problem = ARRAYS.misfit((1.0, 2.0, 3.0), state)
    assert problem is not None
    assert problem.message.id == "value.other-length"
    with pytest.raises(ValueProblem, match="from 2 to 3 numbers"):
        ARRAYS.fit([(1.0, 2.0), (1.0, 2.0, 3.0)])


def test_cosine_and_rmse_at_known_values() -> None:
    truth = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 2.0], [0.0, 0.0], [np.nan, np.nan], [1e300, 1e300]])
    answer = np.array([[6.0, 8.0], [0.0, 5.0], [0.0, -1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    outcomes = VectorOutcomes(truth, answer)
    found = cosines(outcomes)
    assert found[[0, 1, 2, 5]] == pytest.approx([1.0, 0.0, -1.0, 0.0])
    assert np.isnan(found[[3, 4]]).all()
    cosine = metrics().of("cosine", "vectors")
    assert cosine is not None
    assert cosine.measure is not None
    assert cosine.measure(outcomes, None, 0.95).value == pytest.approx(0.0)
    rmse = metrics().of("rmse", "vectors")
    assert rmse is not None
    assert rmse.measure is not None
    measured = rmse.measure(outcomes.take(np.array([0, 1])), None, 0.95)
    assert measured.value == pytest.approx(math.sqrt((25 / 2 + 26 / 2) / 2))


def test_lists_of_one_length_are_taken_for_vectors() -> None:
    infer = kinds.facet("vector", Infer)
    assert infer.reads(distinct(["[1, 2]", "[3, 4.5]"]))
    assert not infer.reads(distinct(["[1, 2]", "[3, 4, 5]"]))
    assert not infer.reads(distinct(["1;2", "3;4"]))  # a code, a set
    assert not infer.reads(distinct([[1], [2]]))
    assert not infer.reads(distinct([["a", "b"], ["c", "d"]]))


def test_profile_and_text() -> None:
    values = pl.Series([[3.0, 4.0], [3.0, 0.0]])
    figures = kinds.facet("vector", Profile).describe(values)
    assert (figures["numbers"], figures["constant"], figures["lengths"]["most"]) == (2, 1, 5.0)  # type: ignore[index, call-overload]
    show = kinds.facet("vector", Show)
    assert show.text((1.0, 2.5)) == "1, 2.5"
    assert show.text(tuple(map(float, range(9)))) == "0, 1, 2, 3, 4, 5 … (9)"


@pytest.mark.parametrize(("fill", "count"), [(1e37, 10), (-1e37, 10), (-9999.0, 40)])
def test_fill_values_do_not_flatten_a_dimension_and_stand_out(fill: float, count: int) -> None:
    usual = np.random.default_rng(0).normal(size=(400, 2))
    rows = [tuple(row) for row in usual.tolist()] + [(fill, 1.0)] * count
    state = ARRAYS.fit(rows)
    values = ARRAYS.encode(rows, state)["values"]
    assert values[:400, 0].std() == pytest.approx(1, abs=0.2)
    assert abs(values[400, 0]) == FAR
    assert ARRAYS.standing_out(rows) == [(f"{fill:.0f}" if abs(fill) < 1e15 else repr(fill), count)]


def test_vectors_without_far_values_keep_their_mean_and_deviation() -> None:
    rng = np.random.default_rng(1)
    table = np.stack(
        [rng.normal(5, 2, 500), rng.random(500) < 0.03, rng.exponential(size=500), np.ones(500)], 1
    )
    state = ARRAYS.fit([tuple(row) for row in table.tolist()])
    np.testing.assert_allclose(state.means, table.mean(axis=0))
    np.testing.assert_allclose(state.deviations[:3], table.std(axis=0)[:3])
    assert ARRAYS.standing_out([tuple(row) for row in table.tolist()]) == []
