"""A metric of another distribution is found by its entry point, without a line changed here."""

from __future__ import annotations

import os
import subprocess
import sys

METRIC = """
from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import Metric, share
from modelwright.core.evidence.shares import share_influence, share_of
from modelwright.core.units import Unit


def _certain(outcomes):
    return outcomes.probabilities.max(axis=1) >= 0.9


def _measure(outcomes, of, confidence):
    return share_of(_certain(outcomes), None, confidence)


def _influence(outcomes, of):
    return share_influence(_certain(outcomes), outcomes.truth >= -1)


METRICS = (
    Metric(
        name="certainty", better="higher", unit=Unit.FRACTION, phases=frozenset({Phase.TEST}), family="classes",
        per_class=False, interval="mid-P", summary="share of rows answered with confidence 0.9",
        measure=_measure, influence=_influence, as_share=share,
    ),
)
"""
ASKED = """
from modelwright import outcomes
from modelwright.core.requirements.requirement import parse
from modelwright.core.signature import Signature
from modelwright.kinds.outputs import outputs

targets = outputs(Signature.parse("f(x: text) -> y: category"))
print(parse("certainty", ">= 0.5", outcomes.metrics(), targets).metric.summary)
print(outcomes.foreign_metrics())
"""


def test_a_metric_from_outside_is_found(tmp_path):
    (tmp_path / "certainty.py").write_text(METRIC, encoding="utf-8")
    info = tmp_path / "certainty-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: certainty\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[modelwright.metrics]\ncertainty = certainty\n", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    found = subprocess.run(
        [sys.executable, "-c", ASKED], env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert found.stdout.splitlines() == ["share of rows answered with confidence 0.9", "('certainty',)"]
