"""What every family of outcomes and every metric must hold. Each check takes a family and outcomes to try it with.

from modelwright.testing import outcomes as checks

TRIED = checks.TriedOutcomes(some_outcomes, flawless_outcomes)

@pytest.mark.parametrize("check", checks.CHECKS, ids=checks.title)
def test_my_family(check):
    check("my_family", TRIED)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright import outcomes
from modelwright.core.evidence.measure import measure, measure_difference
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.evidence.metric import Metric
from modelwright.core.outcomes import Outcomes
from modelwright.core.units import Unit
from modelwright.outcomes.contract.gap import BodyGap, Gap
from modelwright.outcomes.contract.section import Section, TestRows

CONFIDENCE = 0.95


@dataclass(frozen=True)
class TriedOutcomes:
    """Outcomes to try a family with: at least 50 rows, some of them wrong, and as many that are all right."""

    some: Outcomes
    flawless: Outcomes


Check = Callable[[str, TriedOutcomes], None]


def check_outcomes_are_taken_by_row(family: str, tried: TriedOutcomes) -> None:
    """A mask and positions take the same rows, and no row is still a number of rows."""
    n = len(tried.some)
    mask = np.arange(n) % 3 == 0
    by_mask, by_place = tried.some.take(mask), tried.some.take(np.flatnonzero(mask))
    assert len(by_mask) == len(by_place) == int(mask.sum())
    assert type(by_mask) is type(tried.some)
    for field in fields(by_mask):  # type: ignore[arg-type] # every family is a dataclass
        left, right = getattr(by_mask, field.name), getattr(by_place, field.name)
        same = (
            np.array_equal(left, right, equal_nan=_is_float(left))
            if isinstance(left, np.ndarray)
            else left == right
        )
        assert same, field.name
    assert len(tried.some.take(np.zeros(n, dtype=bool))) == 0


def check_columns_have_a_row_each(family: str, tried: TriedOutcomes) -> None:
    """What is kept of each row has n entries, the answer among them."""
    columns = tried.some.columns()
    assert "answer" in columns
    assert {len(column) for column in columns.values()} == {len(tried.some)}


def check_outcomes_align_with_themselves(family: str, tried: TriedOutcomes) -> None:
    """Aligned with outcomes of the same labels, answers stay as they are."""
    aligned = tried.some.aligned(to=tried.some)
    for metric in _metrics(family):
        assert _value(metric, aligned) == _value(metric, tried.some)


def check_metrics_say_what_they_are(family: str, tried: TriedOutcomes) -> None:
    """Every metric of the family is measured on test rows, and has words for a reader."""
    assert _metrics(family)
    for metric in _metrics(family):
        assert metric.summary
        assert metric.interval
        assert Phase.TEST in metric.phases
        assert metric.measure is not None
        assert metric.influence is not None
        assert metric.per_class is False or tried.some.labels, (
            f"{metric.name} takes a label, and there is none"
        )
        assert metric.as_share is None or metric.as_share(1.0) == 1.0


def check_one_name_means_one_unit_and_direction(family: str, tried: TriedOutcomes) -> None:
    """A metric that other families have too has their unit and their direction, and takes a label as theirs do."""
    for metric in _metrics(family):
        for other in outcomes.metrics().named(metric.name):
            assert (other.unit, other.better) == (metric.unit, metric.better), metric.name
            assert other.per_class == metric.per_class, metric.name


def check_intervals_hold_their_value(family: str, tried: TriedOutcomes) -> None:
    """Value between the ends, ends open where all is right unless there is no spread at all, n of at most the rows."""
    for metric in _metrics(family):
        for found_outcomes in (tried.some, tried.flawless):
            for of in _labels(metric, found_outcomes):
                found = _measured(metric, found_outcomes, of)
                if found.value is None:
                    assert found.n == 0, f"{metric.name}: rows and no finite value"
                    continue
                assert found.n >= 1
                assert found.low is None or found.low <= found.value
                assert found.high is None or found.value <= found.high
                if metric.unit is Unit.FRACTION:
                    assert 0 <= found.value <= 1
                    assert found.low is None or found.low >= 0
                    assert found.high is None or found.high <= 1


def check_more_confidence_is_a_wider_interval(family: str, tried: TriedOutcomes) -> None:
    """The interval at 0.99 holds that at 0.8."""
    for metric in _metrics(family):
        assert metric.measure is not None
        wide, narrow = (metric.measure(tried.some, None, confidence) for confidence in (0.99, 0.8))
        if None in (wide.low, wide.high, narrow.low, narrow.high):
            continue
        assert wide.low is not None and narrow.low is not None and wide.low <= narrow.low + 1e-9  # noqa: PT018
        assert wide.high is not None and narrow.high is not None and wide.high >= narrow.high - 1e-9  # noqa: PT018


def check_nothing_to_measure_has_no_value(family: str, tried: TriedOutcomes) -> None:
    """On no rows, and for a label that there is none of, the value is None and n is 0."""
    nothing = tried.some.take(np.zeros(len(tried.some), dtype=bool))
    for metric in _metrics(family):
        assert _measured(metric, nothing, None) == _nothing(metric, None)
        if metric.per_class:
            assert _measured(metric, tried.some, "never heard of") == _nothing(metric, "never heard of")


def check_influences_are_those_of_a_row_left_out(family: str, tried: TriedOutcomes) -> None:
    """A metric's influences have mean 0, one a row, and forecast what leaving a row out does to its value."""
    n = len(tried.some)
    for metric in _metrics(family):
        assert metric.influence is not None
        if metric.priced_only and not tried.some.priced:
            continue
        whole = metric.influence(tried.some, None)
        assert whole is not None
        assert whole.rows.shape == (n,)
        scale = float(np.abs(whole.rows).max()) or 1.0
        assert abs(float(whole.rows.mean())) <= 1e-6 * scale + 1e-12
        places = np.unique(np.linspace(0, n - 1, 24).astype(np.int64))
        moved = []
        for row in places.tolist():
            left = metric.influence(tried.some.take(np.delete(np.arange(n), row)), None)
            assert left is not None
            moved.append(whole.value - left.value)
        expected = whole.rows[places] / n
        if not np.abs(expected).max() > 0:  # a metric that no row moves (coverage, where all are answered)
            assert np.allclose(moved, 0)
            continue
        # Not equal to the last digit: an influence is the first term, and groups (calibration) change with a row.
        if np.ptp(expected) > 0:  # rows that all move it alike tell nothing of the order
            assert np.corrcoef(moved, expected)[0, 1] > 0.9, metric.name
        off, usual = np.median(np.abs(moved - expected)), np.median(np.abs(expected))
        assert off <= 0.5 * usual + 0.02 * scale / n, metric.name


def check_a_body_is_no_better_than_itself(family: str, tried: TriedOutcomes) -> None:
    """The paired difference of outcomes with themselves is 0, and lies in its interval."""
    for metric in _metrics(family):
        found = measure_difference(Subject(metric.name, "y"), metric, tried.some, tried.some, CONFIDENCE)
        assert found.value == 0
        assert found.low is None or found.low <= 0
        assert found.high is None or found.high >= 0


def check_the_gap_to_itself_is_nothing(family: str, tried: TriedOutcomes) -> None:
    """A body lies no way apart from itself, and some way from one that answers otherwise; it has a main metric."""
    compare = outcomes.facet(family, BodyGap)
    n = len(tried.some)
    assert compare.between(tried.some, tried.some) == Gap(n, 0, 0.0, 0.0)
    other = compare.between(tried.some, tried.some.take(np.arange(n)[::-1]))
    assert other.labels > 0 or other.probability > 0
    assert outcomes.metrics().of(compare.main, family) is not None
    assert compare.most_lost > 0


def check_findings_are_json_and_are_drawn(family: str, tried: TriedOutcomes) -> None:
    """Findings survive being sealed as JSON, are the same each time, and are drawn and warned of from it."""
    section, n = outcomes.facet(family, Section), len(tried.some)
    rows = TestRows(
        [str(row) for row in range(n)], lambda row: f"truth {row}", lambda row: {"x": f"{row}"}, {}
    )
    first, second = (
        section.findings(tried.some, rows, confidence=CONFIDENCE, most_mistakes=5) for _ in range(2)
    )
    sealed = json.loads(json.dumps(first, allow_nan=False))
    assert sealed == json.loads(json.dumps(second))
    measured = [_measured(m, tried.some, of) for m in _metrics(family) for of in _labels(m, tried.some)]
    drawn = section.draw("y", sealed, measured)
    assert drawn.lead
    assert drawn.card_lead
    assert all(block.title for block in drawn.blocks)
    assert all(notice.found for notice in section.notices("y", sealed))


CHECKS: tuple[Check, ...] = (
    check_outcomes_are_taken_by_row,
    check_columns_have_a_row_each,
    check_outcomes_align_with_themselves,
    check_metrics_say_what_they_are,
    check_one_name_means_one_unit_and_direction,
    check_intervals_hold_their_value,
    check_more_confidence_is_a_wider_interval,
    check_nothing_to_measure_has_no_value,
    check_influences_are_those_of_a_row_left_out,
    check_a_body_is_no_better_than_itself,
    check_the_gap_to_itself_is_nothing,
    check_findings_are_json_and_are_drawn,
)


def title(check: Check) -> str:
    """Return what a check is called in the list of tests."""
    return check.__name__.removeprefix("check_").replace("_", " ")


def _metrics(family: str) -> tuple[Metric, ...]:
    return outcomes.metrics().in_family(family)


def _labels(metric: Metric, of_rows: Outcomes) -> Iterator[str | None]:
    yield None
    if metric.per_class:
        yield from of_rows.labels


def _measured(metric: Metric, of_rows: Outcomes, of: str | None) -> Measurement:
    return measure(Subject(metric.name, "y", of), metric, of_rows, CONFIDENCE)


def _value(metric: Metric, of_rows: Outcomes) -> float | None:
    return _measured(metric, of_rows, None).value


def _nothing(metric: Metric, of: str | None) -> Measurement:
    return Measurement(Subject(metric.name, "y", of), Phase.TEST, None, None, None, 0, "none", CONFIDENCE)


def _is_float(array: NDArray[Any]) -> bool:
    return bool(np.issubdtype(array.dtype, np.floating))
