"""A learning-rate range test as a drawing, drawn as the report draws how learning went."""

from __future__ import annotations

from pathlib import Path

from modelwright.core.messages import Phrase
from modelwright.project.rates.rate_report import RateReport
from modelwright.reports import learning_charts, page
from modelwright.storage import disk

SUFFIX = ".svg"


def write(report: RateReport, path: Path) -> None:
    """Write the drawing into a file, whole or not at all; raises OSError where it cannot be written."""
    points = [(one.rate, one.loss, one.smoothed) for one in report.points]
    title = str(Phrase("screen.rates", learner=report.learner))
    disk.write_atomically(path, learning_charts.rate_test(points, report.rate, title, page.style()))
