"""Charts of how learning went."""

from __future__ import annotations

import re

import pytest

from modelwright.core.progress import LearningPoint
from modelwright.reports import learning_charts
from modelwright.storage.formats.learning_curves import LearningCurves


def _steps(of: str | None = None, count: int = 5) -> list[LearningPoint]:
    points = [
        LearningPoint(
            step, {"loss": 1 / step, "learning-rate": 1e-5 * step, "validation-loss": 2.0 - step}, of
        )
        for step in range(1, count + 1)
    ]
    return [*points, LearningPoint(2, of=of, kept=True)]


def test_both_losses_share_a_chart_and_the_kept_step_is_marked() -> None:
    section = learning_charts.section(LearningCurves.of(_steps()))
    assert section is not None
    (part,) = section["parts"]  # type: ignore[misc, attr-defined]
    assert [chart["title"] for chart in part["charts"]] == ["loss", "learning rate"]
    assert [name for _, name in part["charts"][0]["legend"]] == ["loss while learning", "loss on validation"]
    assert all(str(chart["figure"]).count("kept: 2") == 1 for chart in part["charts"])
    points = re.findall(r"[-\d.]+", re.findall(r'points="([^"]*)"', str(part["charts"][0]["figure"]))[0])
    assert all(0 <= float(one) <= 320 for one in points)


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5], [0.0, 0.0], [-1e9, 1e9]])
def test_one_point_and_equal_values_are_drawn(values: list[float]) -> None:
    points = [LearningPoint(step, {"loss": value}) for step, value in enumerate(values, start=1)]
    section = learning_charts.section(LearningCurves.of(points))
    assert "nan" not in str(section)
    assert "inf" not in str(section)


def test_fits_are_a_table_with_the_kept_one_marked() -> None:
    points = [
        LearningPoint(number, {"l2": 10.0**-number, "validation-loss": 0.1 * number}, "y", "fit", number == 2)
        for number in (1, 2, 3)
    ]
    section = learning_charts.section(LearningCurves.of(points))
    assert section is not None
    (part,) = section["parts"]  # type: ignore[misc, attr-defined]
    cells = [[cell["text"] for cell in row] for row in part["table"]["rows"]]
    assert cells == [["1", "0.1", "0.1"], ["2 ✓", "0.01", "0.2"], ["3", "0.001", "0.3"]]


def test_of_many_outputs_some_are_drawn_and_the_rest_is_counted() -> None:
    points = [point for number in range(9) for point in _steps(f"<b>{number}")]
    section = learning_charts.section(LearningCurves.of(points))
    assert section is not None
    assert len(section["parts"]) == learning_charts.MOST_PARTS  # type: ignore[arg-type]
    assert section["more"] == "3 more parts were learned in this way."
    assert "<b>" not in str([chart["figure"] for part in section["parts"] for chart in part["charts"]])  # type: ignore[attr-defined]


def test_nothing_recorded_is_no_section() -> None:
    assert learning_charts.section(None) is None
    assert learning_charts.section(LearningCurves()) is None
