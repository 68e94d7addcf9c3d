"""The report: one HTML page that anyone can open, with every number's interval and n.

The page is a pure function of sealed evidence, its details, and verdicts. `evaluate` seals it without
verdicts, because bars are no part of the evidence; whoever has judged renders it again with them.
"""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import Verdict
from modelwright.core.messages import Phrase, catalog, visible
from modelwright.core.signature import Signature
from modelwright.core.units import Unit
from modelwright.reports import charts, learning_charts, search_charts, wording
from modelwright.reports.frontier import Form, frontier
from modelwright.reports.prose import prose
from modelwright.reports.search_charts import TriedSearch
from modelwright.reports.sections import SHORT_DIGEST, row, section
from modelwright.storage.formats.evidence import Details, Evidence
from modelwright.storage.formats.learning_curves import LearningCurves

TEMPLATES = Path(__file__).parent / "templates"
LONG_SIGNATURE = 160  # characters; beyond that it would fill the first screen of a phone
MATTER = 4  # inputs of a mistake that are shown, those first on which most rests; the others are folded
ORDER = ("met", "unmet", "inconclusive", "pending")


@cache
def _template() -> Template:
    """Return the template, compiled once: that takes longer than to fill it."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


def render_report(
    evidence: Evidence,
    details: Details,
    verdicts: Sequence[Verdict] = (),
    curves: LearningCurves | None = None,
    forms: Sequence[Form] = (),
    search: TriedSearch | None = None,
) -> str:
    """Return the report as one HTML page without scripts or requests; equal arguments give equal text.

    curves: how learning went, where it is known; forms: those of the package that were tried, as the summary of
    `package` has them; search: what was tried before, where something was.
    """
    inputs = [field.name for field in Signature.parse(evidence.signature).inputs]
    outputs = [section(evidence, found, inputs) for found in details.outputs]
    page = _template().render(
        purpose=evidence.purpose,
        style=Markup(style()),  # noqa: S704 - our own file
        say=prose(),
        language=catalog.language(),
        made_by=str(
            Phrase(
                "report.footer",
                version=importlib.metadata.version("modelwright"),
                judged="" if verdicts else Phrase("report.not-judged"),
            )
        ),
        against_production=str(
            Phrase("report.against-production", champion=(evidence.champion or "")[:SHORT_DIGEST])
        ),
        more_fields=str(Phrase("report.more-fields", count=max(len(inputs) - MATTER, 0))),
        warnings=[wording.notice(one) for one in evidence.warnings],
        facts=_facts(evidence, details),
        counts=_counts(verdicts),
        judged=[_judged(verdict) for verdict in verdicts],
        differences=[row(m) for m in evidence.differences],
        outputs=outputs,
        learned=learning_charts.section(curves),
        search=search_charts.section(search),
        matter=MATTER,
        **_heading(evidence.signature),
        speed_lead=str(Phrase("report.speed-lead", load=wording.load(details.load))),
        package_metrics=[row(m) for m in evidence.measurements if m.phase is Phase.PACKAGE],
        **_latency(details),
        **frontier(forms),
        methods=_methods(evidence),
        made=[tuple(map(wording.safe, wording.made(*one))) for one in details.made.items()],
    )
    return visible(page.strip()) + "\n"


def style() -> str:
    """Return the style sheet of a page, by whose classes charts are drawn."""
    return (TEMPLATES / "style.css").read_text(encoding="utf-8")


def _heading(signature: str) -> dict[str, object]:
    """Return how the signature stands on top: whole where it is short, else folded, by name and outputs."""
    read = Signature.parse(signature)
    outputs = ", ".join(map(str, read.outputs))
    folded = len(signature) > LONG_SIGNATURE
    return {
        "signature": signature,
        "folded": str(Phrase("report.signature", name=read.name, count=len(read.inputs), outputs=outputs))
        if folded
        else None,
        "fields": [(field.name, str(field).partition(": ")[2]) for field in read.inputs],
    }


def _facts(evidence: Evidence, details: Details) -> list[tuple[str, str, bool]]:
    """Return names, values, and whether a value is a digest."""
    rows = ", ".join(f"{wording.count(n)} {wording.word(name)}" for name, n in details.rows.items())
    return [
        (str(Phrase("report.fact-package")), evidence.package[:SHORT_DIGEST], True),
        (str(Phrase("report.fact-test")), evidence.test[:SHORT_DIGEST], True),
        (str(Phrase("report.fact-rows")), rows, False),
        (str(Phrase("report.fact-evaluations")), str(evidence.evaluation), False),
        (str(Phrase("report.fact-confidence")), f"{evidence.confidence:g}", False),
    ]


def _counts(verdicts: Sequence[Verdict]) -> list[tuple[str, int, str]]:
    found = Counter(str(verdict.outcome) for verdict in verdicts)
    return [(name, found[name], str(Phrase("screen.word", word=name))) for name in ORDER if found[name]]


def _judged(verdict: Verdict) -> dict[str, object]:
    measurement = verdict.measurement
    unit = verdict.requirement.metric.unit
    word = str(verdict.outcome)
    text = verdict.requirement.text
    return {
        "requirement": wording.safe(text),
        "phase": str(Phrase("report.phase", phase=str(verdict.phase))),
        "value": wording.figure(measurement.value, unit) if measurement else wording.DASH,
        "interval": wording.interval(measurement, unit) if measurement else wording.DASH,
        "n": wording.sample(measurement) if measurement else wording.DASH,
        "verdict": word,
        "word": str(Phrase("screen.word", word=word)),
        "needed": _needed(verdict),
        "strip": ""
        if measurement is None or measurement.value is None
        else charts.strip(
            measurement.value, measurement.low, measurement.high, verdict.requirement.bar.value, word,
            f"{text}: {wording.with_interval(measurement, unit)}",
        ),
    }  # fmt: skip


def _needed(verdict: Verdict) -> str:
    """Say what would decide an inconclusive verdict, or what else there is to say."""
    if verdict.needed:
        groups = verdict.measurement is not None and verdict.measurement.groups is not None
        return str(Phrase("report.more-would-decide", count=verdict.needed, groups=groups))
    return "" if verdict.note is None else str(verdict.note)


def _latency(details: Details) -> dict[str, object]:
    if not details.latencies_s:
        return {"latency": None, "latency_note": ""}
    samples = np.array(details.latencies_s)
    marks = [(f"p{p}", float(np.quantile(samples, p / 100))) for p in (50, 95, 99)]
    shown: Callable[[float], str] = lambda seconds: wording.figure(seconds, Unit.SECONDS)  # noqa: E731 - a short name for it
    return {
        "latency": charts.histogram(samples, marks, shown, wording.word("how latency spreads")),
        "latency_note": str(Phrase("report.latency", count=len(samples), load=wording.load(details.load))),
    }


def _methods(evidence: Evidence) -> list[tuple[str, str]]:
    every = [
        *evidence.measurements,
        *evidence.differences,
        *(m for b in evidence.baselines for m in b.measurements),
    ]
    names = sorted({m.method for m in every})
    confidence = Phrase(
        "report.intervals-at",
        confidence=f"{evidence.confidence:g}",
        evaluations=Phrase("report.evaluations", evaluation=evidence.evaluation),
    )
    return [
        (str(Phrase("report.confidence")), str(confidence)),
        *((name, wording.method(name)) for name in names),
    ]
