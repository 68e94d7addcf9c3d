"""The fixed texts of the report's page, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping

from modelwright.core.messages import Phrase


def prose() -> Mapping[str, str]:
    """Return the headings and sentences that stand on every page, by the names that its template uses."""
    return {
        "answer": str(Phrase("report.answer")),
        "answers_rest_on": str(Phrase("report.answers-rest-on")),
        "baselines": str(Phrase("report.baselines")),
        "comes_from": str(Phrase("report.comes-from")),
        "confidence": str(Phrase("report.confidence")),
        "difference_in": str(Phrase("report.difference-in")),
        "how_made": str(Phrase("report.how-made")),
        "input": str(Phrase("report.input")),
        "inputs": str(Phrase("report.inputs")),
        "interval": str(Phrase("report.interval")),
        "made_by": str(Phrase("report.made-by")),
        "measured_on_test": str(Phrase("report.measured-on-test")),
        "metric": str(Phrase("report.metric")),
        "metric_of_slice": str(Phrase("report.metric-of-slice")),
        "n": str(Phrase("report.n")),
        "production": str(Phrase("report.production")),
        "requirement": str(Phrase("report.requirement")),
        "requirements": str(Phrase("report.requirements")),
        "requirements_lead": str(Phrase("report.requirements-lead")),
        "row": str(Phrase("report.row")),
        "slices": str(Phrase("report.slices")),
        "speed": str(Phrase("report.speed")),
        "truth": str(Phrase("report.truth")),
        "value": str(Phrase("report.value")),
        "verdict": str(Phrase("report.verdict")),
        "where": str(Phrase("report.where")),
    }
