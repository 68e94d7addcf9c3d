"""The report: one HTML page that anyone can open, with every number's interval and n.

The page is a pure function of sealed evidence, its details, and verdicts. `evaluate` seals it without
verdicts, because bars are no part of the evidence; whoever has judged renders it again with them.
"""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.verdict import Verdict
from modelwright.core.messages import visible
from modelwright.core.signature import Signature
from modelwright.core.units import Unit
from modelwright.reports import charts, wording
from modelwright.reports.sections import SHORT_DIGEST, row, section
from modelwright.storage.formats.evidence import Details, Evidence

TEMPLATES = Path(__file__).parent / "templates"
LONG_SIGNATURE = 160  # characters; beyond that it would fill the first screen of a phone
MATTER = 4  # inputs of a mistake that are shown, those first on which most rests; the others are folded
ORDER = ("met", "unmet", "inconclusive", "pending")


def render_report(evidence: Evidence, details: Details, verdicts: Sequence[Verdict] = ()) -> str:
    """Return the report as one HTML page without scripts or requests; equal arguments give equal text."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    inputs = [field.name for field in Signature.parse(evidence.signature).inputs]
    outputs = [section(evidence, found, inputs) for found in details.outputs]
    page = environment.get_template(
        "report.html.j2"
    ).render(
        purpose=evidence.purpose,
        style=Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        version=importlib.metadata.version("modelwright"),
        evidence_note="" if verdicts else "; verdicts are added where the requirements are judged",
        warnings=[wording.notice(one) for one in evidence.warnings],
        facts=_facts(evidence, details),
        counts=_counts(verdicts),
        judged=[_judged(verdict) for verdict in verdicts],
        champion=(evidence.champion or "")[:SHORT_DIGEST],
        differences=[row(m) for m in evidence.differences],
        outputs=outputs,
        matter=MATTER,
        **_heading(evidence.signature),
        load=wording.load(details.load),
        package_metrics=[row(m) for m in evidence.measurements if m.phase is Phase.PACKAGE],
        **_latency(details),
        methods=_methods(evidence),
        made=[(wording.safe(k), wording.safe(v)) for k, v in details.made.items()],
    )
    return visible(page.strip()) + "\n"


def _heading(signature: str) -> dict[str, object]:
    """Return how the signature stands on top: whole where it is short, else folded, by name and outputs."""
    read = Signature.parse(signature)
    outputs = ", ".join(map(str, read.outputs))
    folded = len(signature) > LONG_SIGNATURE
    return {
        "signature": signature,
        "folded": f"{read.name}({len(read.inputs)} inputs) → {outputs}" if folded else None,
        "fields": [(field.name, str(field).partition(": ")[2]) for field in read.inputs],
    }


def _facts(evidence: Evidence, details: Details) -> list[tuple[str, str]]:
    rows = ", ".join(f"{wording.count(n)} {name}" for name, n in details.rows.items())
    return [
        ("package", evidence.package[:SHORT_DIGEST]),
        ("test set", evidence.test[:SHORT_DIGEST]),
        ("rows", rows),
        ("packages evaluated on this test set", str(evidence.evaluation)),
        ("confidence of intervals", f"{evidence.confidence:g}"),
    ]


def _counts(verdicts: Sequence[Verdict]) -> list[tuple[str, int]]:
    found = Counter(str(verdict.outcome) for verdict in verdicts)
    return [(name, found[name]) for name in ORDER if found[name]]


def _judged(verdict: Verdict) -> dict[str, object]:
    measurement = verdict.measurement
    unit = verdict.requirement.metric.unit
    word = str(verdict.outcome)
    text = verdict.requirement.text
    return {
        "requirement": wording.safe(text),
        "phase": PHASES[verdict.phase],
        "value": wording.figure(measurement.value, unit) if measurement else wording.DASH,
        "interval": wording.interval(measurement, unit) if measurement else wording.DASH,
        "n": wording.count(measurement.n) if measurement else wording.DASH,
        "verdict": word,
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
        return f"{wording.count(verdict.needed)} more would decide"
    return "" if verdict.note is None else str(verdict.note)


PHASES = {
    Phase.TEST: "test rows",
    Phase.PACKAGE: "package",
    Phase.LIVE: "live traffic",
    Phase.TRAINING: "training",
}


def _latency(details: Details) -> dict[str, object]:
    if not details.latencies_s:
        return {"latency": None, "latency_note": ""}
    samples = np.array(details.latencies_s)
    marks = [(f"p{p}", float(np.quantile(samples, p / 100))) for p in (50, 95, 99)]
    shown: Callable[[float], str] = lambda seconds: wording.figure(seconds, Unit.SECONDS)  # noqa: E731 - a short name for it
    return {
        "latency": charts.histogram(samples, marks, shown, "how latency spreads"),
        "latency_note": f"Time from request to answer of {wording.count(len(samples))} requests, "
        f"{wording.load(details.load)}.",
    }


def _methods(evidence: Evidence) -> list[tuple[str, str]]:
    every = [
        *evidence.measurements,
        *evidence.differences,
        *(m for b in evidence.baselines for m in b.measurements),
    ]
    names = sorted({m.method for m in every})
    confidence = (
        f"Intervals ask for confidence {evidence.confidence:g}. This is package number {evidence.evaluation} "
        "evaluated on this test set; the k-th takes a share 6/(π²k²) of the permitted error, so its intervals on test "
        "rows are wider, and evaluating again and again cannot wear the test set out."
    )
    return [("confidence", confidence), *((name, wording.method(name)) for name in names)]
