"""What the package showed of the requirements on validation, which no test row is spent on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from modelwright.core.evidence.intervals import normal_quantile
from modelwright.core.evidence.verdict import evaluation_confidence
from modelwright.core.messages import Phrase
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.units import format_quantity
from modelwright.project.loop.context import Context
from modelwright.project.loop.loop import evidence_of
from modelwright.project.loop.stage_names import EVALUATE, PACKAGE


def validation_scores(context: Context) -> Mapping[str, float | None]:
    """Return requirement → its value on validation, as `package` sealed it; nothing before there is a package."""
    if PACKAGE not in context.made:
        return {}
    try:
        report = json.loads(
            (context.part(PACKAGE, "report").path / "package.json").read_text(encoding="utf-8")
        )
        taken = next(one for one in report["candidates"] if one["name"] == report["taken"])
        return {str(text): value for text, value in taken["validation"]["required"].items()}
    except (OSError, ValueError, KeyError, StopIteration):
        return {}  # of a version that kept none


def notes(context: Context) -> Iterator[str]:
    """Yield the scores as one sentence, and what evaluating these test rows again has cost."""
    scores = validation_scores(context)
    figures = [
        Phrase("note.validation-score", requirement=str(one), value=_shown(one, value))
        for one in context.opened.requirements
        if (value := scores.get(str(one))) is not None
    ]
    if figures:
        yield str(Phrase("note.validation", figures=figures))
    if EVALUATE in context.made:
        evidence = evidence_of(context.made[EVALUATE])
        if evidence.evaluation > 1:
            spent = evaluation_confidence(evidence.confidence, evidence.evaluation)
            wider = normal_quantile(spent) / normal_quantile(evidence.confidence) - 1
            yield str(Phrase("note.evaluation", number=evidence.evaluation, wider=f"{100 * wider:.0f} %"))


def _shown(requirement: Requirement, value: float) -> str:
    return format_quantity(value, requirement.metric.unit)
