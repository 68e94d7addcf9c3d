"""The sections of the report, one an output: its metrics, classes, confusions, confidence and mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelwright import outcomes
from modelwright.core.evidence.measurement import Measurement, Phase
from modelwright.core.units import Unit
from modelwright.reports import charts
from modelwright.reports import phrases as wording
from modelwright.storage.formats.evidence import Baseline, ClassDetails, Evidence, Mistake, NumberDetails

SHOWN_BARS = 25  # classes drawn; the table below them holds all
SHOWN_PAIRS = 15
MAP_CLASSES = 80  # a confusion map of more cannot be read
SHORT_DIGEST = 12
CLASS_METRICS = ("precision", "recall", "f1")


def row(measurement: Measurement) -> dict[str, str]:
    """Return a measurement as a row of a table."""
    unit = outcomes.metrics().any(measurement.subject.metric).unit
    return {
        "name": wording.safe(str(measurement.subject)),
        "value": wording.figure(measurement.value, unit),
        "interval": wording.interval(measurement, unit),
        "n": wording.count(measurement.n),
        "method": measurement.method,
    }


def class_section(evidence: Evidence, details: ClassDetails) -> dict[str, Any]:
    """Return what the template shows of an output with classes."""
    mine = [m for m in evidence.measurements if m.phase is Phase.TEST and m.subject.output == details.output]
    judged = sum(details.test_rows)
    pairs = sorted((c for c in details.confusion if c[0] != c[1]), key=lambda c: (-c[2], c[0], c[1]))
    return {
        **_section(evidence, details.output, mine, details.mistakes, "Most confident mistakes", sure=True),
        "lead": f"{len(details.classes)} classes; {wording.count(judged)} test rows have a known class"
        + (
            f", {wording.count(details.unknown)} more one that training never showed"
            if details.unknown
            else ""
        ),
        **_classes(details, mine),
        **_confusion(details),
        "pairs": [
            {
                "truth": wording.safe(details.classes[truth]),
                "answer": wording.safe(_names(details)[answer]),
                "count": n,
                "share": f"{n / max(details.test_rows[truth], 1):.1%}",
            }
            for truth, answer, n in pairs[:SHOWN_PAIRS]
        ],
        **_reliability(details, mine),
        "scatter": None,
    }


def number_section(evidence: Evidence, details: NumberDetails) -> dict[str, Any]:
    """Return what the template shows of a numeric output."""
    mine = [m for m in evidence.measurements if m.phase is Phase.TEST and m.subject.output == details.output]
    truth, predicted = np.array(details.truth), np.array(details.predicted)
    shown = f"{wording.count(len(truth))} test rows" + (
        ", evenly spaced over the test set" if len(truth) == charts.SCATTER_POINTS else ""
    )
    return {
        **_section(evidence, details.output, mine, details.mistakes, "Farthest off", sure=False),
        "lead": "a number, in its own unit",
        "class_bars": None,
        "confusion": None,
        "reliability": None,
        "scatter": charts.scatter(truth, predicted, f"{details.output}: answers against truths"),
        "scatter_note": f"{shown}; on the dashed line the answer is the truth.",
    }


def _section(
    evidence: Evidence,
    output: str,
    mine: Sequence[Measurement],
    found: Sequence[Mistake],
    title: str,
    *,
    sure: bool,
) -> dict[str, Any]:
    """Return what the sections of all kinds of outputs share."""
    return {
        "name": output,
        **_against(evidence, output, mine),
        "metrics": [row(m) for m in mine if m.subject.of is None and m.subject.where is None],
        "slices": [row(m) for m in mine if m.subject.where is not None],
        "mistakes": [_mistake(m) for m in found],
        "mistakes_title": title,
        "sure": sure,
    }


def _mistake(mistake: Mistake) -> dict[str, Any]:
    return {
        "inputs": {name: wording.quoted(text) for name, text in mistake.inputs.items()},
        "truth": wording.safe(mistake.truth),
        "answer": wording.safe(mistake.answer),
        "confidence": "" if mistake.confidence is None else f"{mistake.confidence:.3f}",
        "id": wording.safe(mistake.id[:SHORT_DIGEST]),
    }


def _against(evidence: Evidence, output: str, mine: Sequence[Measurement]) -> dict[str, Any]:
    """Return the chart of the package beside the baselines on the output's first metric."""
    baselines = [b for b in evidence.baselines if b.output == output]
    plain = [m for m in mine if m.subject.of is None and m.subject.where is None and m.value is not None]
    if not baselines or not plain:
        return {"against": None}
    metric = plain[0].subject.metric
    unit = outcomes.metrics().any(metric).unit
    shown: list[tuple[str, Measurement]] = [("this package", plain[0])]
    shown += [
        (b.name, m) for b in baselines if (m := _of_metric(b, metric)) is not None and m.value is not None
    ]
    most = max(max(m.value or 0, m.high or 0) for _, m in shown)
    scale = 1.0 if unit is Unit.FRACTION else 1.0 / (most or 1.0)
    rows = [
        charts.Bar(
            name, (m.value or 0) * scale, None if m.low is None else m.low * scale,
            None if m.high is None else m.high * scale, wording.with_interval(m, unit), strong=place == 0,
        )
        for place, (name, m) in enumerate(shown)
    ]  # fmt: skip
    return {
        "against": charts.bars(
            rows, f"{metric} of this package and of baselines", scaled=unit is Unit.FRACTION
        ),
        "against_metric": metric,
        "against_note": " ".join(f"{b.name[:1].upper()}{b.name[1:]}: {b.describes}." for b in baselines),
    }


def _of_metric(baseline: Baseline, metric: str) -> Measurement | None:
    return next((m for m in baseline.measurements if m.subject.metric == metric), None)


def _names(details: ClassDetails) -> tuple[str, ...]:
    return (*details.classes, "(abstained)")


def _classes(details: ClassDetails, mine: Sequence[Measurement]) -> dict[str, Any]:
    """Return the drawn bars (lowest recall first) and the table of all classes."""
    by_class: dict[str, dict[str, Measurement]] = {}
    for m in mine:
        if m.subject.of is not None and m.subject.where is None:
            by_class.setdefault(m.subject.of, {})[m.subject.metric] = m
    named = [name for name in CLASS_METRICS if any(name in found for found in by_class.values())]
    recalls = [(c, found["recall"]) for c, found in by_class.items() if "recall" in found]
    recalls = [(c, m) for c, m in recalls if m.value is not None]
    recalls.sort(key=lambda pair: (pair[1].value, pair[0]))
    few = recalls[:SHOWN_BARS]
    title = (
        "Recall of every class, lowest first"
        if len(few) == len(recalls)
        else f"The {len(few)} classes of lowest recall"
    )
    rows = [
        charts.Bar(c, m.value or 0.0, m.low, m.high, wording.with_interval(m, Unit.FRACTION)) for c, m in few
    ]
    return {
        "class_bars": charts.bars(rows, title) if rows else None,
        "class_title": title,
        "class_metrics": named,
        "class_rows": [
            {
                "name": wording.safe(c),
                "cells": [_cell(by_class.get(c, {}).get(name)) for name in named],
                "test": wording.count(details.test_rows[place]),
                "train": wording.count(details.train_rows[place]),
            }
            for place, c in enumerate(details.classes)
        ],
    }


def _cell(measurement: Measurement | None) -> str:
    if measurement is None or measurement.value is None:
        return wording.DASH
    shown = wording.interval(measurement, Unit.FRACTION)
    return wording.figure(measurement.value, Unit.FRACTION) + ("" if shown == wording.DASH else f" {shown}")


def _confusion(details: ClassDetails) -> dict[str, Any]:
    """Return the confusion map; of more than 80 classes, the part with the most mistakes."""
    names = _names(details)
    size = len(details.classes)
    counts = np.zeros((size, size + 1), dtype=np.int64)
    for truth, answer, n in details.confusion:
        counts[truth, answer] = n
    note = (
        "Rows are the truth, columns the answer; blue is right, red is wrong. The shade is the square root "
        "of the share of the row, so that a few mistakes are seen beside many right answers."
    )
    if not counts.any():
        return {"confusion": None}
    keep = np.arange(size)
    if size > MAP_CLASSES:
        wrong = counts.sum(axis=1) + counts[:, :size].sum(axis=0) - 2 * np.diagonal(counts)
        keep = np.sort(np.argsort(-wrong, kind="stable")[:MAP_CLASSES])
        note += f" Shown are the {MAP_CLASSES} of {size} classes with the most mistakes."
    columns = np.append(keep, size) if counts[:, size].any() else keep
    drawn = charts.confusion(
        [names[k] for k in keep], counts[np.ix_(keep, columns)], f"confusion of {details.output}"
    )
    return {"confusion": drawn, "confusion_note": note}


def _reliability(details: ClassDetails, mine: Sequence[Measurement]) -> dict[str, Any]:
    if not details.reliability:
        return {"reliability": None}
    error = next(
        (m for m in mine if m.subject.metric == "calibration_error" and m.subject.where is None), None
    )
    note = (
        f"Answers in {len(details.reliability)} groups of equally many, by confidence. "
        "On the dashed line, answers given with confidence 0.9 are right nine times in ten; "
        "below it the function is too sure of itself."
    )
    if error is not None:
        note += f" Calibration error: {wording.with_interval(error, Unit.FRACTION)}."
    return {
        "reliability": charts.reliability(details.reliability, f"reliability of {details.output}"),
        "reliability_note": note,
        "reliability_rows": [
            (f"{b.confidence:.3f}", f"{b.accuracy:.3f}", f"[{b.low:.3f}, {b.high:.3f}]", wording.count(b.n))
            for b in details.reliability
        ],
    }
