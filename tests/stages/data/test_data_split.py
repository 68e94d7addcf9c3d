from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwright.stages.data.config import Shares, Split
from modelwright.stages.data.split import (
    as_text,
    canonical_inputs,
    numbered,
    percent_reaching,
    place,
    position,
    row_id,
)

CELLS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=4)
ROWS = st.dictionaries(st.text(max_size=4), CELLS | st.lists(CELLS, max_size=2), max_size=4)
ORDER = ["test", "validation", "train"]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (None, None),
        ("", None),
        ("a", "a"),
        (" a", " a"),
        (3, "3"),
        (3.5, "3.5"),
        (True, "true"),
        (b"\x01\xff", "01ff"),
        (date(2024, 1, 2), "2024-01-02"),
        (datetime(2024, 1, 2, 3), "2024-01-02T03:00:00"),
        ([1, {"b": float("inf"), "a": None}], '[1,{"a":null,"b":"inf"}]'),
    ],
)
def test_a_cell_means_the_same_in_csv_json_and_parquet(raw: Any, text: str | None) -> None:
    assert as_text(raw) == text


def test_ids_and_positions_are_what_they_were_last_year() -> None:
    """A change here moves every row of every project: it needs a migration, and not a new number."""
    inputs = canonical_inputs({"question": "What is it?", "age": 3})
    assert inputs == '{"age":"3","question":"What is it?"}'
    assert row_id(inputs) == "de811a237b4df7a7"
    assert position(inputs, "") == 0.9133699216128702
    assert position(inputs, "salt") == 0.08448906648983678


@given(ROWS, st.text(max_size=16))
def test_a_position_lies_in_the_unit_interval_and_depends_on_the_row_alone(
    row: dict[str, Any], key: str
) -> None:
    inputs = canonical_inputs(row)
    assert canonical_inputs(dict(reversed(row.items()))) == inputs
    assert 0.0 <= position(inputs, key) < 1.0
    assert position(inputs, key) == position(inputs, key)
    assert len(row_id(inputs)) == 16


@given(st.lists(st.sampled_from("abc")))
def test_repeats_are_numbered_in_order_and_later_rows_change_none(ids: list[str]) -> None:
    unique = numbered(ids)
    assert len(set(unique)) == len(ids)
    assert [one.partition("-")[0] for one in unique] == ids
    assert numbered([*ids, "a"])[: len(ids)] == unique


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 30), st.integers(1, 30), st.integers(0, 20))
def test_a_larger_test_share_gives_no_test_row_back(
    where: float, test: int, validation: int, more: int
) -> None:
    def shares(test: int) -> Shares:
        return Shares(train=100 - test - validation, validation=validation, test=test)

    before, after = place(where, shares(test)), place(where, shares(test + more))
    assert ORDER.index(after) <= ORDER.index(before)


def test_shares_are_met_and_the_key_draws_anew() -> None:
    texts = [canonical_inputs({"text": f"row {number}"}) for number in range(20_000)]
    drawn = [place(position(text, ""), Split()) for text in texts]
    counts = Counter(drawn)
    assert counts["train"] == pytest.approx(14_000, abs=300)
    assert counts["validation"] == pytest.approx(4_000, abs=250)
    assert counts["test"] == pytest.approx(2_000, abs=200)
    again = [place(position(text, "salt"), Split()) for text in texts]
    both = sum(a == b == "test" for a, b in zip(drawn, again, strict=True))
    assert both == pytest.approx(200, abs=60)  # a tenth of a tenth: independent


@given(st.lists(st.floats(0, 0.98), min_size=1))
def test_the_percent_that_reaches_a_row_reaches_it(positions: list[float]) -> None:
    percent = percent_reaching(min(positions))
    shares = Shares(train=(100 - percent) * 0.75, validation=(100 - percent) * 0.25, test=percent)
    assert place(min(positions), shares) == "test"
    assert min(positions) * 100 >= percent - 1
