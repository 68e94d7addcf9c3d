"""The fixed texts of the report's page and of the model card, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping

from modelwright.core.messages import Phrase


def prose() -> Mapping[str, str]:
    """Return the headings and sentences that stand on every page of the report, by the names that its template uses."""
    return {
        "answer": str(Phrase("report.answer")),
        "answers_rest_on": str(Phrase("report.answers-rest-on")),
        "baselines": str(Phrase("report.baselines")),
        "comes_from": str(Phrase("report.comes-from")),
        "confidence": str(Phrase("report.confidence")),
        "difference_in": str(Phrase("report.difference-in")),
        "form": str(Phrase("report.form")),
        "forms": str(Phrase("report.forms")),
        "how_made": str(Phrase("report.how-made")),
        "input": str(Phrase("report.input")),
        "inputs": str(Phrase("report.inputs")),
        "inputs_move_answers": str(Phrase("report.inputs-move-answers")),
        "interval": str(Phrase("report.interval")),
        "made_by": str(Phrase("report.made-by")),
        "measured_on_test": str(Phrase("report.measured-on-test")),
        "metric": str(Phrase("report.metric")),
        "metric_of_slice": str(Phrase("report.metric-of-slice")),
        "n": str(Phrase("report.n")),
        "on_validation": str(Phrase("report.on-validation")),
        "other_answers": str(Phrase("report.other-answers")),
        "production": str(Phrase("report.production")),
        "request": str(Phrase("report.request")),
        "requirement": str(Phrase("report.requirement")),
        "requirements": str(Phrase("report.requirements")),
        "requirements_lead": str(Phrase("report.requirements-lead")),
        "row": str(Phrase("report.row")),
        "size": str(Phrase("report.size")),
        "slices": str(Phrase("report.slices")),
        "speed": str(Phrase("report.speed")),
        "truth": str(Phrase("report.truth")),
        "value": str(Phrase("report.value")),
        "verdict": str(Phrase("report.verdict")),
        "where": str(Phrase("report.where")),
    }


def card_prose() -> Mapping[str, str]:
    """Return the headings that stand on every model card, by the names that its template uses."""
    return {
        "data": str(Phrase("card.data")),
        "groups": str(Phrase("card.groups")),
        "intended_use": str(Phrase("card.intended-use")),
        "interval": str(Phrase("report.interval")),
        "limits": str(Phrase("card.limits")),
        "made_by": str(Phrase("report.made-by")),
        "metric": str(Phrase("report.metric")),
        "n": str(Phrase("report.n")),
        "package": str(Phrase("report.fact-package")),
        "requirement": str(Phrase("report.requirement")),
        "requirements": str(Phrase("report.requirements")),
        "rows": str(Phrase("report.fact-rows")),
        "signature": str(Phrase("card.signature")),
        "speed": str(Phrase("report.speed")),
        "split": str(Phrase("card.split")),
        "test": str(Phrase("report.fact-test")),
        "used_for": str(Phrase("card.used-for")),
        "value": str(Phrase("report.value")),
        "verdict": str(Phrase("report.verdict")),
        "where": str(Phrase("report.where")),
    }
