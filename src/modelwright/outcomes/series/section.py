"""What a report shows of forecasts: the error and the coverage of each step, and the curves of the worst windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from pydantic import TypeAdapter

from modelwright.core.evidence.measurement import Measurement
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Notice, Phrase
from modelwright.core.spacing import evenly_spaced
from modelwright.outcomes.contract.blocks import Block, Curves, Grid, SeriesCurve
from modelwright.outcomes.contract.section import Drawn, Section, TestRows, headings
from modelwright.outcomes.series.outcomes import SeriesOutcomes

SHOWN_STEPS = 48  # of a longer forecast, evenly spaced steps are listed
CURVES = 9
OFF = 0.1  # by how much the share within may differ from the interval's own before a reader is warned
FEWEST = 20  # rows below which that is chance


@dataclass(frozen=True)
class StepFigures:
    """Of one step, from 1: how many truths are known, the mean absolute error, the share within the interval."""

    step: int
    n: int
    mae: float
    within: float


@dataclass(frozen=True)
class SeriesFindings:
    """What is sealed of forecasts. share: what the interval is to hold; within: what it held, of `rows` rows."""

    steps: tuple[StepFigures, ...]
    curves: tuple[SeriesCurve, ...]
    share: float
    within: float | None
    rows: int
    season: int | None = None


_SEALED = TypeAdapter(SeriesFindings)


@final
class SeriesSection(Section[SeriesOutcomes]):
    """Figures by step, and curves."""

    def findings(
        self, outcomes: SeriesOutcomes, rows: TestRows, *, confidence: float, most_mistakes: int
    ) -> JsonObject:
        """Return the findings of n test rows."""
        off = np.abs(outcomes.predicted - outcomes.truth)  # (n, h)
        inside = (outcomes.low <= outcomes.truth) & (outcomes.truth <= outcomes.high)
        # (known,): rows by their mean error, the worst first
        errors, known = outcomes.of_rows(off)
        worst = np.flatnonzero(known)[np.argsort(-errors, kind="stable")[: min(most_mistakes, CURVES)]]
        within, _ = outcomes.of_rows(inside.astype(np.float64))
        found: JsonObject = _SEALED.dump_python(
            SeriesFindings(
                steps=tuple(_step(outcomes, off, inside, step) for step in _listed(outcomes)),
                curves=tuple(_curve(outcomes, rows, row) for row in worst.tolist()),
                share=round(outcomes.levels[-1] - outcomes.levels[0], 6),
                within=float(within.mean()) if len(within) else None,
                rows=len(within),
                season=outcomes.season,
            ),
            mode="json",
        )
        return found

    def notices(self, output: str, findings: JsonObject) -> Iterator[Notice]:
        """Yield a notice where the interval holds another share of the truths than it says."""
        found = _SEALED.validate_python(findings)
        if found.within is not None and found.rows >= FEWEST and abs(found.within - found.share) > OFF:
            yield Notice(
                "series.interval-off",
                column=output,
                count=found.rows,
                share=f"{100 * found.share:.0f} %",
                within=f"{100 * found.within:.0f} %",
            )

    def draw(self, output: str, findings: JsonObject, measured: Sequence[Measurement]) -> Drawn:
        """Return the section."""
        found = _SEALED.validate_python(findings)
        share = f"{100 * found.share:.0f} %"
        blocks: list[Block] = []
        if found.curves:
            note = str(Phrase("section.curves-note", share=share))
            blocks.append(Curves(str(Phrase("section.curves")), found.curves, note))
        if found.steps:
            blocks.append(
                Grid(
                    str(Phrase("section.by-step")),
                    headings("step", "mae", "within", "n"),
                    tuple(
                        (str(one.step), f"{one.mae:.4g}", f"{100 * one.within:.0f} %", one.n)
                        for one in found.steps
                    ),
                    folded=str(Phrase("section.by-step")),
                )
            )
        return Drawn(
            str(Phrase("section.series-lead", share=share)),
            tuple(blocks),
            str(Phrase("section.series", share=share)),
            beyond=str(Phrase("section.series-beyond")),
        )


def _listed(outcomes: SeriesOutcomes) -> list[int]:
    """Return the steps, from 0, that are listed: those with a truth, evenly spaced where they are many."""
    known = np.flatnonzero(outcomes.there.any(axis=0))
    if not known.size:
        return []
    some = evenly_spaced(len(known), SHOWN_STEPS)
    return [int(step) for step in known[some]]


def _step(outcomes: SeriesOutcomes, off: np.ndarray, inside: np.ndarray, step: int) -> StepFigures:
    there = outcomes.there[:, step]  # (n,): rows whose truth of this step is known
    return StepFigures(
        step + 1, int(there.sum()), float(off[there, step].mean()), float(inside[there, step].mean())
    )


def _curve(outcomes: SeriesOutcomes, rows: TestRows, row: int) -> SeriesCurve:
    truth = [None if np.isnan(one) else float(one) for one in outcomes.truth[row]]
    return SeriesCurve(
        rows.ids[row],
        tuple(truth),
        tuple(outcomes.predicted[row].tolist()),
        tuple(outcomes.low[row].tolist()),
        tuple(outcomes.high[row].tolist()),
    )
