"""The sections of the report, one an output: its metrics, slices and baselines, and what its family draws."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from modelwright import outcomes
from modelwright.core.evidence.measurement import Measurement, Phase
from modelwright.core.messages import Phrase
from modelwright.core.units import Unit
from modelwright.outcomes.contract.blocks import Block, Cell, Grid, TextPairs
from modelwright.outcomes.contract.section import Drawn, Section, headings
from modelwright.reports import bar_charts, wording
from modelwright.reports.drawing import drawn_block
from modelwright.storage.formats.evidence import (
    Baseline,
    Evidence,
    JudgedAnswers,
    JudgedByFunction,
    OutputDetails,
)

SHORT_DIGEST = 12
FEW_LABELS = 2
SHOWN_INPUTS = 15  # of those by weight; the rest stand in a table


def unit_of(measurement: Measurement) -> Unit:
    """Return the unit of what was measured."""
    return outcomes.metrics().any(measurement.subject.metric).unit


def of_output(evidence: Evidence, output: str) -> list[Measurement]:
    """Return what was measured of an output on test rows."""
    return [m for m in evidence.measurements if m.phase is Phase.TEST and m.subject.output == output]


def drawing(evidence: Evidence, details: OutputDetails) -> Drawn:
    """Return what the family of an output draws."""
    section = outcomes.facet(details.family, Section)
    return section.draw(details.output, details.findings, of_output(evidence, details.output))


def row(measurement: Measurement) -> dict[str, str]:
    """Return a measurement as a row of a table."""
    unit = unit_of(measurement)
    return {
        "name": wording.safe(str(measurement.subject)),
        "value": wording.figure(measurement.value, unit),
        "interval": wording.interval(measurement, unit),
        "n": wording.sample(measurement),
        "method": measurement.method,
    }


def section(evidence: Evidence, details: OutputDetails, inputs: Sequence[str]) -> dict[str, object]:
    """Return what the template shows of an output."""
    mine = of_output(evidence, details.output)
    drawn = drawing(evidence, details)
    # of two labels the figures stand here; of more they fill a table of their own
    few = len({m.subject.of for m in mine if m.subject.of is not None}) <= FEW_LABELS
    return {
        "name": details.output,
        "lead": drawn.lead,
        **_against(evidence, details.output, mine),
        "metrics": [row(m) for m in mine if m.subject.where is None and (m.subject.of is None or few)],
        "slices": [row(m) for m in mine if m.subject.where is not None and not details.slices],
        "point": str(Phrase("report.point", says=list(details.point), costs=priced(mine)))
        if details.point
        else None,
        **_importance(details),
        **_contributions(details),
        "blocks": _beside(
            [
                drawn_block(block, details.output)
                for block in (*slice_grids(details), *judged_blocks(details.judged), *drawn.blocks)
            ]
        ),
        "inputs": _by_weight(details, inputs),
    }


def priced(measured: Sequence[Measurement]) -> bool:
    """Tell whether errors of an output have costs, of what was measured of it."""
    return any(outcomes.metrics().any(m.subject.metric).priced_only for m in measured)


def slice_grids(details: OutputDetails, *, counted: bool = True) -> tuple[Grid, ...]:
    """Return the table of slices beside the other rows, where there are any; counted: with columns of rows."""
    if not details.slices:
        return ()
    rows: list[tuple[Cell, ...]] = []
    for one in details.slices:
        subject = replace(one.inside.subject, output=None, where=None)
        where = str(one.inside.subject.where)
        cells: list[Cell] = [one.inside, one.inside.n, one.rest, one.rest.n, one.apart]
        rows.append((where, str(subject), *(one for one in cells if counted or not isinstance(one, int))))
    named = headings("rows where", "metric", "there", "n", "elsewhere", "n", "difference")
    named = named if counted else tuple(one for one in named if one != "n")
    title, note = Phrase("section.slices"), Phrase("section.slices-note", count=len(rows))
    return (Grid(str(title), named, tuple(rows), str(note)),)


def judged_blocks(found: JudgedAnswers | None) -> tuple[Block, ...]:
    """Return what was said of answers: how often which was preferred, how far judges agree, and the texts."""
    if found is None:
        return ()
    by_function = () if found.function is None else (_by_function(found.function),)
    other, score = Phrase("section.judged-other", against=found.against), Phrase("section.judged-score")
    marks = Phrase("section.texts-note", floor=None)
    if not found.better + found.tied + found.worse and by_function:
        texts = TextPairs(
            str(Phrase("section.judged-texts")), found.pairs, str(marks), str(other), str(score)
        )
        return (*by_function, texts) if found.pairs else by_function
    counted = Phrase(
        "section.judged-counts",
        better=found.better,
        tied=found.tied,
        worse=found.worse,
        equal=found.equal or None,
        skipped=found.skipped or None,
        judges=[f"{name}: {count}" for name, count in found.judges.items()] or None,
    )
    title = str(Phrase("section.judged", against=found.against))
    return (
        *by_function,
        *_agreements(found),
        TextPairs(title, found.pairs, f"{counted} {marks}", str(other), str(score)),
    )


def _by_function(found: JudgedByFunction) -> Grid:
    """Return the table of what a function that judges said, and how far people say the same."""
    of = found.agreement
    shares = (wording.DASH, wording.DASH)
    if of is not None:
        shares = _of_three(of.share, of.low, of.high), _of_three(of.kappa, of.kappa_low, of.kappa_high)
    cells = (found.better, found.tied, found.worse, 0 if of is None else of.n, *shares)
    note = Phrase(
        "section.function-note",
        equal=found.equal,
        apart=found.apart,
        first=found.first,
        second=found.second,
        refused=found.refused,
        people=of is not None,
    )
    empty = f" {Phrase('section.function-empty', count=found.empty)}" if found.empty else ""
    named = headings("better", "tied", "worse", "rows of people", "the same", "kappa")
    title = Phrase("section.function", named=found.named, package=found.package[:SHORT_DIGEST])
    return Grid(str(title), named, (cells,), f"{note}{empty}")


def _agreements(found: JudgedAnswers) -> Iterator[Grid]:
    """Yield a table of how far each two judges agree, where two have judged the same rows."""
    rows: list[tuple[Cell, ...]] = []
    for one in found.agreements:
        of = one.found
        kappa = _of_three(of.kappa, of.kappa_low, of.kappa_high)
        rows.append((*one.judges, of.n, _of_three(of.share, of.low, of.high), kappa))
    if rows:
        named = headings("judge", "judge", "rows", "the same", "kappa")
        note = str(Phrase("section.agreement-note"))
        yield Grid(str(Phrase("section.agreement")), named, tuple(rows), note)


def _of_three(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or low is None or high is None:
        return wording.DASH
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _beside(blocks: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Return the blocks, of which charts that follow each other stand beside each other."""
    found: list[dict[str, object]] = []
    for sort, group in itertools.groupby(blocks, key=lambda one: one["sort"]):
        if sort == "chart":
            found.append({"sort": "charts", "charts": [*group]})
        else:
            found += group
    return found


def _by_weight(details: OutputDetails, inputs: Sequence[str]) -> list[str]:
    """Return the inputs, those first on which most rests; without such figures in the signature's order."""
    weighed = [name for name in details.importance if name in inputs]
    return [*weighed, *(name for name in inputs if name not in weighed)]


def _importance(details: OutputDetails) -> dict[str, object]:
    """Return the chart of how much rests on each input, and a table of all where it shows the first ones."""
    shown = [(name, m) for name, m in details.importance.items() if m.value is not None]
    if not shown:
        return {"importance": None}
    unit, first = unit_of(shown[0][1]), shown[0][1]
    most = max(max(abs(m.value or 0.0), m.high or 0.0) for _, m in shown) or 1.0
    bars = [
        bar_charts.DrawnBar(
            name, max(m.value or 0, 0) / most, None if m.low is None else max(m.low, 0) / most,
            None if m.high is None else max(m.high, 0) / most,
            " ".join([wording.figure(m.value, unit), *_known(wording.interval(m, unit))]),
            strong=(m.low or 0) > 0,
        )
        for name, m in shown[:SHOWN_INPUTS]
    ]  # fmt: skip
    return {
        "importance": bar_charts.bars(bars, f"what {details.output} rests on", scaled=False),
        "importance_note": str(Phrase("report.importance", metric=first.subject.metric, rows=first.n)),
        "importance_more": str(Phrase("report.more-inputs", count=len(shown) - SHOWN_INPUTS)),
        "importance_rest": [row(m) | {"name": wording.safe(name)} for name, m in shown[SHOWN_INPUTS:]],
    }


def _known(interval: str) -> list[str]:
    return [] if interval == wording.DASH else [interval]


def _contributions(details: OutputDetails) -> dict[str, object]:
    """Return the chart of how far each input moves the answers; the largest bar fills it."""
    found = details.contributions
    if found is None or not any(found.by_input.values()):
        return {"contributions": None}
    unit = Unit.FRACTION if found.chance else Unit.NUMBER
    most = max(found.by_input.values())
    bars = [
        bar_charts.DrawnBar(name, value / most, None, None, wording.figure(value, unit), strong=True)
        for name, value in [*found.by_input.items()][:SHOWN_INPUTS]
    ]
    note = str(Phrase("report.contributions", rows=found.rows, chance=found.chance or None))
    rest = len(found.by_input) - SHOWN_INPUTS
    return {
        "contributions": bar_charts.bars(bars, str(Phrase("report.inputs-move-answers")), scaled=False),
        "contributions_note": f"{note} {Phrase('report.more-inputs', count=rest)}." if rest > 0 else note,
    }


def _against(evidence: Evidence, output: str, mine: Sequence[Measurement]) -> dict[str, object]:
    """Return the chart of the package beside the baselines on the output's first metric."""
    baselines = [b for b in evidence.baselines if b.output == output]
    plain = [m for m in mine if m.subject.of is None and m.subject.where is None and m.value is not None]
    if not baselines or not plain:
        return {"against": None}
    metric, unit = plain[0].subject.metric, unit_of(plain[0])
    shown: list[tuple[str, Measurement]] = [(wording.word("this package"), plain[0])]
    shown += [
        (wording.word(b.name), m)
        for b in baselines
        if (m := _of_metric(b, metric)) is not None and m.value is not None
    ]
    most = max(max(m.value or 0, m.high or 0) for _, m in shown)
    scale = 1.0 if unit is Unit.FRACTION else 1.0 / (most or 1.0)
    rows = [
        bar_charts.DrawnBar(
            name, (m.value or 0) * scale, None if m.low is None else m.low * scale,
            None if m.high is None else m.high * scale, wording.with_interval(m, unit), strong=place == 0,
        )
        for place, (name, m) in enumerate(shown)
    ]  # fmt: skip
    return {
        "against": bar_charts.bars(
            rows, str(Phrase("report.against-of", metric=metric)), scaled=unit is Unit.FRACTION
        ),
        "against_metric": metric,
        "against_note": " ".join(_described(b) for b in baselines),
    }


def _described(baseline: Baseline) -> str:
    name = wording.word(baseline.name)
    return str(Phrase("report.baseline", name=name[:1].upper() + name[1:], describes=baseline.describes))


def _of_metric(baseline: Baseline, metric: str) -> Measurement | None:
    return next((m for m in baseline.measurements if m.subject.metric == metric), None)
