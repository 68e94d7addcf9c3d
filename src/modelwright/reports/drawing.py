"""Draws the blocks that a family's section is made of: charts as SVG, cells as escaped text."""

from __future__ import annotations

import numpy as np

from modelwright import outcomes
from modelwright.core.evidence.measurement import Measurement
from modelwright.core.messages import Phrase
from modelwright.core.units import Unit
from modelwright.outcomes.contract.blocks import (
    Bars,
    Block,
    Cell,
    Curve,
    Curves,
    Grid,
    LineChart,
    Matrix,
    Mistake,
    Mistakes,
    Scatter,
    TextPair,
    TextPairs,
)
from modelwright.outcomes.contract.section import headings
from modelwright.reports import bar_charts, charts, line_charts, series_charts, wording

SHORT_ID = 12


def drawn_block(block: Block, output: str) -> dict[str, object]:
    """Return what the template shows of a block; `sort` names the macro that shows it."""
    match block:
        case Grid():
            return {"sort": "table", "title": block.title, "note": block.note, **table(block)}
        case Bars():
            return _bars(block)
        case Matrix():
            return _matrix(block, output)
        case Curve():
            return _curve(block, output)
        case LineChart() | Scatter() | Curves():
            return _drawing(block, output)
        case Mistakes() | TextPairs():
            return _rows(block)


def _rows(block: Mistakes | TextPairs) -> dict[str, object]:
    """Return a table of single rows."""
    if isinstance(block, TextPairs):
        pairs = [_text_pair(one) for one in block.rows]
        return {
            "sort": "texts",
            "title": block.title,
            "rows": pairs,
            "note": block.note,
            "other": block.other,
            "score": block.score,
        }
    rows = [_mistake(one) for one in block.rows]
    return {"sort": "mistakes", "title": block.title, "rows": rows, "sure": block.sure}


def _drawing(block: LineChart | Scatter | Curves, output: str) -> dict[str, object]:
    """Return a chart that stands beside others, or one that stands alone."""
    if isinstance(block, LineChart):
        return {
            "sort": "chart",
            "title": block.title,
            "figure": line_charts.lines(block, f"{output}: {block.title}"),
            "legend": line_charts.legend(block.lines),
            "note": block.note,
        }
    if isinstance(block, Curves):
        drawn = series_charts.curves(block.rows, f"{output}: {block.title}")
    else:
        truth, predicted = np.array(block.truth), np.array(block.predicted)
        drawn = charts.scatter(truth, predicted, str(Phrase("report.scatter-of", output=output)))
    return {"sort": "figure", "title": block.title, "figure": drawn, "note": block.note, "table": None}


def table(block: Grid) -> dict[str, object]:
    """Return a table's headings and cells; all columns but those of names are figures."""
    figures = [
        any(not isinstance(row[place], str) or place > 1 for row in block.rows)
        for place in range(len(block.headings))
    ]
    return {
        "headings": [
            {"text": heading, "figure": figure}
            for heading, figure in zip(block.headings, figures, strict=True)
        ],
        "rows": [
            [{"text": cell(value), "figure": figure} for value, figure in zip(row, figures, strict=True)]
            for row in block.rows
        ],
        "folded": block.folded,
    }


def cell(value: Cell) -> str:
    """Return a cell as text; a user's text that a spreadsheet could take for a formula is quoted."""
    match value:
        case None:
            return wording.DASH
        case Measurement():
            unit = outcomes.metrics().any(value.subject.metric).unit
            shown = wording.interval(value, unit)
            return wording.figure(value.value, unit) + ("" if shown == wording.DASH else f" {shown}")
        case int():
            return wording.count(value)
        case _:
            return wording.safe(value)


def _bars(block: Bars) -> dict[str, object]:
    rows = [
        bar_charts.DrawnBar(label, m.value or 0.0, m.low, m.high, wording.with_interval(m, Unit.FRACTION))
        for label, m in block.rows
    ]
    return {
        "sort": "figure",
        "title": block.title,
        "figure": bar_charts.bars(rows, block.title),
        "note": block.note,
        "table": None if block.table is None else table(block.table),
    }


def _matrix(block: Matrix, output: str) -> dict[str, object]:
    counts = np.zeros((len(block.rows), len(block.columns)), dtype=np.int64)
    for row, column, n in block.counts:
        counts[row, column] = n
    return {
        "sort": "beside",
        "title": block.title,
        "figure": charts.confusion(
            block.rows, block.columns, counts, str(Phrase("report.confusion-of", output=output))
        ),
        "lead": block.note,
        "note": "",
        "table": None if block.beside is None else table(block.beside),
    }


def _curve(block: Curve, output: str) -> dict[str, object]:
    note = block.note
    if block.measured is not None:
        unit = outcomes.metrics().any(block.measured.subject.metric).unit
        name = block.measured.subject.metric.replace("_", " ").capitalize()
        note += f" {name}: {wording.with_interval(block.measured, unit)}."
    rows = [
        (f"{p.confidence:.3f}", f"{p.accuracy:.3f}", f"[{p.low:.3f}, {p.high:.3f}]", wording.count(p.n))
        for p in block.points
    ]
    named = str(Phrase("report.reliability-of", output=output))
    names = headings("mean confidence", "right", "interval", "n")
    return {
        "sort": "beside",
        "title": block.title,
        "figure": charts.reliability(block.points, named),
        "lead": "",
        "note": note,
        "table": {
            "headings": [{"text": heading, "figure": True} for heading in names],
            "rows": [[{"text": text, "figure": True} for text in row] for row in rows],
            "folded": "",
        },
    }


def _text_pair(pair: TextPair) -> dict[str, object]:
    return {
        "inputs": {name: wording.quoted(text) for name, text in pair.inputs.items()},
        "pictures": pair.pictures,
        "truth": pair.truth,
        "answer": pair.answer,
        "score": f"{pair.score:.3f}",
        "id": wording.safe(pair.id[:SHORT_ID]),
    }


def _mistake(mistake: Mistake) -> dict[str, object]:
    return {
        "inputs": {name: wording.quoted(text) for name, text in mistake.inputs.items()},
        "pictures": mistake.pictures,
        "truth": wording.safe(mistake.truth),
        "answer": wording.safe(mistake.answer),
        "confidence": "" if mistake.confidence is None else f"{mistake.confidence:.3f}",
        "id": wording.safe(mistake.id[:SHORT_ID]),
    }
