"""The model card (Mitchell et al. 2019, Model Cards for Model Reporting), as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from modelwright import outcomes
from modelwright.core.evidence.measurement import Measurement, Phase
from modelwright.core.evidence.verdict import Verdict
from modelwright.core.signature import Signature
from modelwright.core.units import Unit
from modelwright.reports import phrases as wording
from modelwright.reports.phrases import markdown
from modelwright.storage.formats.evidence import ClassDetails, Details, Evidence, NumberDetails

TEMPLATES = Path(__file__).parent / "templates"
WORST = 10
USES = {
    "train": "learning",
    "validation": "choices: checkpoint, temperature, compression",
    "test": "the figures of this card, and nothing else",
}


def render_card(evidence: Evidence, details: Details, verdicts: Sequence[Verdict] = ()) -> str:
    """Return the model card; equal arguments give equal text, and texts of users cannot become markup."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 - Markdown: every text of a user goes through `wording.markdown`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    signature = Signature.parse(evidence.signature)
    text = environment.get_template("card.md.j2").render(
        name=markdown(signature.name),
        purpose=markdown(evidence.purpose) if evidence.purpose else None,
        signature=f"`{evidence.signature}`",
        package=f"`{evidence.package}`",
        test=f"`{evidence.test}`",
        made=[(markdown(name), markdown(value)) for name, value in details.made.items()],
        abstains=any(output.optional for output in signature.outputs),
        verdicts=[_verdict(verdict) for verdict in verdicts],
        splits=[
            {"name": name, "rows": wording.count(n), "use": USES.get(name, "")}
            for name, n in details.rows.items()
        ],
        outputs=[
            *(_output(evidence, found) for found in details.classes),
            *(_output(evidence, found) for found in details.numbers),
        ],
        package_metrics=[_row(m) for m in evidence.measurements if m.phase is Phase.PACKAGE],
        load=details.load,
        limits=_limits(evidence),
        confidence=f"{evidence.confidence:g}",
        look=evidence.look,
    )
    return text.strip() + "\n"


def _verdict(verdict: Verdict) -> dict[str, str]:
    measurement = verdict.measurement
    unit = verdict.requirement.metric.unit
    return {
        "requirement": markdown(verdict.requirement.text),
        "phase": str(verdict.phase),
        "value": wording.DASH if measurement is None else wording.figure(measurement.value, unit),
        "n": wording.DASH if measurement is None else wording.count(measurement.n),
        "verdict": str(verdict.outcome),
    }


def _row(measurement: Measurement) -> dict[str, str]:
    unit = outcomes.metrics().any(measurement.subject.metric).unit
    return {
        "name": markdown(str(measurement.subject)),
        "value": wording.figure(measurement.value, unit),
        "interval": wording.interval(measurement, unit),
        "n": wording.count(measurement.n),
        "method": markdown(measurement.method),
    }


def _output(evidence: Evidence, details: ClassDetails | NumberDetails) -> dict[str, Any]:
    mine = [m for m in evidence.measurements if m.phase is Phase.TEST and m.subject.output == details.output]
    plain = [m for m in mine if m.subject.of is None]
    first = next((m for m in plain if m.subject.where is None and m.value is not None), None)
    return {
        "name": markdown(details.output),
        "lead": f"One of {len(details.classes)} classes."
        if isinstance(details, ClassDetails)
        else "A number.",
        "metrics": [_row(m) for m in plain],
        "metric": markdown(first.subject.metric) if first else "",
        "baselines": _baselines(evidence, details.output, first) if first else [],
        "worst": _worst(details, mine) if isinstance(details, ClassDetails) else [],
    }


def _baselines(evidence: Evidence, output: str, first: Measurement) -> list[dict[str, str]]:
    unit = outcomes.metrics().any(first.subject.metric).unit
    rows = [
        (markdown(baseline.name), m, markdown(baseline.describes))
        for baseline in evidence.baselines
        if baseline.output == output
        for m in baseline.measurements
        if m.subject.metric == first.subject.metric
    ]
    return [
        {"name": name, "value": wording.with_interval(m, unit), "describes": says}
        for name, m, says in [("this package", first, ""), *rows]
    ] if rows else []  # fmt: skip


def _worst(details: ClassDetails, mine: Sequence[Measurement]) -> list[dict[str, str]]:
    places = {name: place for place, name in enumerate(details.classes)}
    recalls = [
        m
        for m in mine
        if m.subject.metric == "recall"
        and m.subject.of in places
        and m.subject.where is None
        and m.value is not None
    ]
    recalls.sort(key=lambda m: (m.value, m.subject.of))
    return [
        {
            "name": markdown(m.subject.of or ""),
            "recall": wording.with_interval(m, Unit.FRACTION),
            "test": wording.count(details.test_rows[places[m.subject.of or ""]]),
            "train": wording.count(details.train_rows[places[m.subject.of or ""]]),
        }
        for m in recalls[:WORST]
    ]


def _limits(evidence: Evidence) -> list[str]:
    general = "Groups of people, places or times that no slice names were not measured apart."
    return [*map(markdown, evidence.warnings), general]
