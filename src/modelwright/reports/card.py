"""The model card (Mitchell et al. 2019, Model Cards for Model Reporting), as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from modelwright import outcomes
from modelwright.core.evidence.measurement import Measurement, Phase
from modelwright.core.evidence.verdict import Verdict
from modelwright.core.messages import Phrase, visible
from modelwright.core.signature import Signature
from modelwright.outcomes.contract.blocks import Cell, Grid
from modelwright.reports import wording
from modelwright.reports.prose import card_prose
from modelwright.reports.sections import drawing, of_output, priced, slice_grids
from modelwright.reports.wording import markdown
from modelwright.storage.formats.evidence import Details, Evidence, OutputDetails

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _template() -> Template:
    """Return the template, compiled once: that takes longer than to fill it."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 - Markdown: every text of a user goes through `wording.markdown`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("card.md.j2")


def render_card(evidence: Evidence, details: Details, verdicts: Sequence[Verdict] = ()) -> str:
    """Return the model card in the reader's language.

    Equal arguments give equal text, and texts of users cannot become markup.
    """
    signature = Signature.parse(evidence.signature)
    purpose = markdown(evidence.purpose) if evidence.purpose else None
    text = _template().render(
        name=markdown(signature.name),
        purpose=purpose,
        say=card_prose(),
        use=str(Phrase("card.use", purpose=purpose)),
        signature=f"`{evidence.signature}`",
        package=f"`{evidence.package}`",
        test=f"`{evidence.test}`",
        made=[tuple(map(markdown, wording.made(*one))) for one in details.made.items()],
        beyond=[one for found in details.outputs if (one := _beyond(evidence, found))],
        verdicts=[_verdict(verdict) for verdict in verdicts],
        splits=[
            {
                "name": wording.word(name),
                "rows": wording.count(n),
                "use": str(Phrase("card.use-of-split", split=name)),
            }
            for name, n in details.rows.items()
        ],
        kept=str(Phrase("card.kept", names=[markdown(one) for one in details.kept]))
        if details.kept
        else None,
        outputs=[_output(evidence, found) for found in details.outputs],
        package_metrics=[_row(m) for m in evidence.measurements if m.phase is Phase.PACKAGE],
        measured=str(Phrase("card.measured", load=wording.load(details.load))),
        limits=_limits(evidence),
        intervals=str(
            Phrase("card.intervals", confidence=f"{evidence.confidence:g}", evaluation=evidence.evaluation)
        ),
    )
    return visible(text.strip()) + "\n"


def _beyond(evidence: Evidence, output: OutputDetails) -> str | None:
    """Return what an output does where no answer is right, as its operating point was chosen."""
    says = drawing(evidence, output).beyond
    abstains = any(one.id == "operating.abstains" for one in output.point)
    name = markdown(output.output)
    return str(Phrase("card.beyond", name=name, says=says, abstains=abstains)) if says else None


def _verdict(verdict: Verdict) -> dict[str, str]:
    measurement = verdict.measurement
    unit = verdict.requirement.metric.unit
    return {
        "requirement": markdown(verdict.requirement.text),
        "phase": str(Phrase("report.phase", phase=str(verdict.phase))),
        "value": wording.DASH if measurement is None else wording.figure(measurement.value, unit),
        "n": wording.DASH if measurement is None else wording.sample(measurement),
        "verdict": str(Phrase("screen.word", word=str(verdict.outcome))),
    }


def _row(measurement: Measurement) -> dict[str, str]:
    unit = outcomes.metrics().any(measurement.subject.metric).unit
    return {
        "name": markdown(str(measurement.subject)),
        "value": wording.figure(measurement.value, unit),
        "interval": wording.interval(measurement, unit),
        "n": wording.sample(measurement),
        "method": markdown(measurement.method),
    }


def _output(evidence: Evidence, details: OutputDetails) -> dict[str, object]:
    mine = of_output(evidence, details.output)
    plain = [m for m in mine if m.subject.of is None]
    first = next((m for m in plain if m.subject.where is None and m.value is not None), None)
    drawn = drawing(evidence, details)
    return {
        "name": markdown(details.output),
        "lead": _lead(drawn.card_lead, details, priced=priced(mine)),
        "metrics": [_row(m) for m in plain],
        "metric": markdown(first.subject.metric) if first else "",
        "against": str(Phrase("card.against", metric=markdown(first.subject.metric))) if first else "",
        "baselines": _baselines(evidence, details.output, first) if first else [],
        "tables": [_table(table) for table in (*slice_grids(details, counted=False), *drawn.card)],
    }


def _lead(lead: str, details: OutputDetails, *, priced: bool) -> str:
    point = [markdown(str(one)) for one in details.point]
    return str(Phrase("card.lead", lead=lead, says="; ".join(point), costs=priced)) if point else lead


def _table(table: Grid) -> dict[str, object]:
    return {
        "title": table.title,
        "headings": table.headings,
        "rows": [[_cell(value) for value in row] for row in table.rows],
    }


def _cell(value: Cell) -> str:
    match value:
        case None:
            return wording.DASH
        case Measurement():
            return wording.with_interval(value, outcomes.metrics().any(value.subject.metric).unit)
        case int():
            return wording.count(value)
        case _:
            return markdown(value)


def _baselines(evidence: Evidence, output: str, first: Measurement) -> list[dict[str, str]]:
    unit = outcomes.metrics().any(first.subject.metric).unit
    rows = [
        (markdown(wording.word(baseline.name)), m, markdown(str(baseline.describes)))
        for baseline in evidence.baselines
        if baseline.output == output
        for m in baseline.measurements
        if m.subject.metric == first.subject.metric
    ]
    return [
        {"name": name, "value": wording.with_interval(m, unit), "describes": says}
        for name, m, says in [(wording.word("this package"), first, ""), *rows]
    ] if rows else []  # fmt: skip


def _limits(evidence: Evidence) -> list[str]:
    return [*(markdown(wording.notice(one)) for one in evidence.warnings), str(Phrase("card.groups"))]
