"""Chooses where outputs answer, so that the bars are met and errors cost little. Reads validation, never the test set.

A kind says in which directions the point of an output may be moved (`Arrays.moves`); requirements say what is wanted
of it. Nothing is learned again: a probability stays what it is, and only the answer that follows from it changes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modelwright import kinds, outcomes
from modelwright.core.evidence.margins import margin
from modelwright.core.evidence.measure import measure
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.evidence.metric import Metric
from modelwright.core.messages import Notice, Phrase
from modelwright.core.outcomes import Outcomes, RowChoice
from modelwright.core.requirements.error_costs import ErrorCosts
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Field
from modelwright.kinds.contract.arrays import Arrays
from modelwright.kinds.contract.common import Array, Move
from modelwright.kinds.outputs import family
from modelwright.kinds.slicing import slice_rows
from modelwright.outcomes.contract.gap import BodyGap
from modelwright.package.body import Body
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.stages.package.accept import CONFIDENCE
from modelwright.stages.package.compare import Columns

# Half-widths of its interval by which a bar is to be kept, and no further. One is what the interval on as many rows
# would need; test rows are often fewer (half as many by default: 1.4 half-widths), and the value moves as well.
ENOUGH = 2.0
ROUNDS = 3  # over all directions; a point that no direction improves ends them earlier
RULE = (
    "On validation, of the points at which every bar that depends on the point is kept, the one that keeps its "
    f"tightest bar by most half-widths of its interval, up to {ENOUGH:g}; of equals the best main metric (F1 where a "
    "bar names a class; the least cost where errors have costs). Where no point keeps all of them, the best main "
    "metric. Where errors have costs, the point that follows from them and the probabilities stands, unless another "
    "that keeps the bars as well costs less by more than one standard error of the paired difference."
)


@dataclass(frozen=True)
class Operating:
    """Where one output answers, and why.

    says: what was chosen, nothing where each answer is the likeliest; bars: by requirement, its value at the
    likeliest answers and at the chosen point; main: the same of the metric that decided between equals; met: all
    of the bars are kept on the `rows` validation rows; never: it may abstain, and no bar asks for it; able: its
    kind can; by_costs: errors have costs.
    """

    output: str
    says: tuple[Phrase, ...]
    bars: Mapping[str, tuple[float | None, float | None]]
    main: tuple[str, float | None, float | None]
    met: bool
    rows: int
    never: bool
    able: bool
    by_costs: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        name, before, after = self.main
        return {
            "output": self.output,
            "chosen": [one.to_wire() for one in self.says],
            "met": self.met,
            "rows": self.rows,
            "validation": {
                text: {"likeliest": likeliest, "chosen": chosen}
                for text, (likeliest, chosen) in {**self.bars, name: (before, after)}.items()
            },
        }

    def notices(self) -> list[Notice]:
        """Return what a reader should know of it."""
        found = []
        name, before, after = self.main
        if self.says or not self.met:
            shown = {**self.bars, name: (before, after)}
            if any(text.split()[0] == name for text in self.bars):  # a bar shows it
                del shown[name]
            figures = [
                Phrase("operating.figure", name=text, before=_figure(one), after=_figure(other))
                for text, (one, other) in shown.items()
            ]
            says = list(self.says) or [Phrase("operating.likeliest")]
            found.append(
                Notice(
                    "package.operating-point",
                    column=self.output,
                    count=self.rows,
                    says=says,
                    figures=figures,
                    costs=self.by_costs and not self.bars,
                    both=self.by_costs and bool(self.bars),
                )
                if self.met
                else Notice(
                    "package.bars-apart",
                    column=self.output,
                    count=self.rows,
                    says=says,
                    figures=figures,
                    main=name,
                )
            )
        if self.never:
            found.append(Notice("package.never-abstains", column=self.output, count=None, able=self.able))
        return found


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def choose(
    body: Body,
    columns: Columns,
    requirements: Sequence[Requirement],
    costs: Sequence[ErrorCosts],
    threads: int,
) -> tuple[Body, tuple[Operating, ...]]:
    """Return the body with the points that were chosen on validation rows, and what was chosen, by output.

    An output that no bar on test rows and no cost names, or whose kind has no direction, stays as it is. Bars that
    refer to the champion are left out: what it answers is not known here.
    """
    bars_by_field = {field: _bars_of(field, requirements) for field in body.signature.outputs}
    prices = {one.output: one for one in costs}
    searched = [
        field for field, bars in bars_by_field.items() if field.name in prices or (bars and _moves(field))
    ]
    inputs = {field.name: columns[field.name] for field in body.signature.inputs}
    answered = Function(Package(body, "", threads)).infer(inputs) if searched else {}
    found, states = [], dict(body.states)
    for field, bars in bars_by_field.items():
        if field not in searched:
            if field.optional:
                found.append(_untouched(field, len(next(iter(columns.values())))))
            continue
        search = _Search(body, field, columns, answered[field.name], bars, prices.get(field.name))
        states[field.name], chosen = search.best()
        found.append(chosen)
    return replace(body, states=states), tuple(found)


def _moves(field: Field) -> bool:
    arrays = kinds.arrays(field.kind)
    return type(arrays).moves is not Arrays.moves


def _able(field: Field) -> bool:
    return kinds.arrays(field.kind).abstains


def _bars_of(field: Field, requirements: Sequence[Requirement]) -> list[Requirement]:
    return [
        one
        for one in requirements
        if one.subject.output == field.name and Phase.TEST in one.metric.phases and not one.bar.champion
    ]


def _replies(field: Field) -> bool:
    """Tell whether an answer says by itself that there is none, so that `?` speaks of rows and not of answers."""
    return kinds.value(field.kind).unanswered


def _untouched(field: Field, rows: int) -> Operating:
    main = outcomes.facet(family(field), BodyGap).main
    return Operating(
        field.name,
        (),
        {},
        (main, None, None),
        met=True,
        rows=rows,
        never=not _replies(field),
        able=_able(field),
    )


@dataclass(frozen=True)
class _Point:
    """A state with what validation shows of it: a measurement and a margin for each bar, and the main metric."""

    state: Any
    values: tuple[float | None, ...]
    margins: tuple[float, ...]
    main: float

    def score(self, bars: Sequence[int]) -> tuple[float, float]:
        """Return what is made as great as possible: the least margin of some bars up to ENOUGH, the main metric."""
        return min([*(self.margins[bar] for bar in bars), ENOUGH]), self.main


class _Search:
    """Looks for the point of one output, one direction after the other."""

    def __init__(
        self,
        body: Body,
        field: Field,
        columns: Columns,
        arrays: Mapping[str, Array],
        requirements: Sequence[Requirement],
        costs: ErrorCosts | None,
    ) -> None:
        self.field, self.columns, self.arrays, self.requirements = field, columns, arrays, requirements
        self.kind = kinds.arrays(field.kind)
        self.start = body.states[field.name]
        self.by_costs = None  # the point that follows from costs and probabilities alone
        if costs is not None:
            self.start = self.kind.priced(self.start, costs)
            self.by_costs = self.kind.by_costs(self.start)
        self.rows = [_rows(one, body, columns) for one in requirements]
        compare = outcomes.facet(family(field), BodyGap)
        labels = [one.subject.of for one in requirements if one.subject.of is not None]
        name = compare.balanced if labels and compare.balanced else compare.main
        self.by_costs_alone = None if costs is None else compare.stands_for_all(priced=True)
        name = self.by_costs_alone or name
        metric = outcomes.metrics().of(name, family(field))
        assert metric is not None, f"{family(field)} has no metric {name}"
        self.main = metric
        self.moves: Sequence[Move[Any]] = self.kind.moves(
            arrays, self.start, labels=labels, optional=field.optional
        )

    def at(self, state: Any) -> _Point:
        """Return what validation shows of a state."""
        found = self.kind.outcomes(self.columns[self.field.name], self.arrays, state, self.columns)
        measured = [
            _measured(one.subject, one.metric, found, rows)
            for one, rows in zip(self.requirements, self.rows, strict=True)
        ]
        main = _value(self.main, found)
        sign = 1.0 if self.main.better == "higher" else -1.0
        return _Point(
            state,
            tuple(one.value for one in measured),
            tuple(margin(bar, one) for bar, one in zip(self.requirements, measured, strict=True)),
            -math.inf if main is None else sign * main,
        )

    def best(self) -> tuple[Any, Operating]:
        """Return the state that is chosen, and what is to be said of it."""
        start = self.at(self.start)
        base = start if self.by_costs is None else self.at(self.by_costs)
        seen = [base, start]
        # along which bars move at all: any other says nothing of the point, and would hide those that do
        first = [[self.at(state) for state in move.states(base.state)] for move in self.moves]
        seen += [point for along in first for point in along]
        moved = [
            bar for bar in range(len(self.requirements)) if len({point.values[bar] for point in seen}) > 1
        ]
        bars = [bar for bar in moved if self._asks_for_a_point(self.requirements[bar].metric)]
        point = base
        priced = self.by_costs is not None
        if priced or (bars and start.score(bars)[0] < ENOUGH):  # else chance alone would move it
            point = max(seen, key=lambda one: one.score(bars))  # of equals the first
            for _ in range(ROUNDS if len(self.moves) > 1 else 0):
                before = point
                for move in self.moves:
                    along = [self.at(state) for state in move.states(point.state)]
                    seen += along
                    point = max([point, *along], key=lambda one: one.score(bars))
                if point is before:
                    break
        met = not bars or point.score(bars)[0] >= 0
        if not met:  # no point keeps all
            point = max(seen, key=lambda one: one.main)
        if priced and point is not base and self._as_cheap(base, point, [] if not met else bars):
            point = base
        abstains = any(
            one.margins[bar] > start.margins[bar]
            for move, along in zip(self.moves, first, strict=True)
            if move.abstains
            for one in along
            for bar in bars
        )
        # learning may have settled it already, as that of places in texts does
        abstains |= any(one.id == "operating.abstains" for one in self.kind.operating_point(point.state))
        never = self.field.optional and not abstains and not priced
        met = met and all(point.margins[bar] >= 0 for bar in moved)
        return point.state, self._described(start, point, moved, met=met, never=never)

    def _asks_for_a_point(self, metric: Metric) -> bool:
        """Tell whether a bar on a metric is a reason to move the point.

        Not where it is on the probabilities, of which a point only changes how they are grouped; nor on cost, which
        is made small anyhow: the point of the least cost on few rows keeps such a bar best, and is in part chance.
        """
        return not metric.of_confidence and metric.name != self.by_costs_alone

    def _as_cheap(self, base: _Point, point: _Point, bars: Sequence[int]) -> bool:
        """Tell whether a point keeps the bars no better than the base, nor costs less by more than a standard error.

        The least of many costs on few rows is in part chance: what follows from costs and probabilities needs no rows.
        Measured on both sides of it: `benchmarks/costs.py`.
        """
        if bars and base.score(bars)[0] < point.score(bars)[0]:
            return False
        assert self.main.influence is not None, f"{self.main.name} is computed from outcomes"
        theirs, mine = (
            self.main.influence(
                self.kind.outcomes(self.columns[self.field.name], self.arrays, one.state, self.columns), None
            )
            for one in (base, point)
        )
        if theirs is None or mine is None:
            return True
        # (n,): by how much dearer the base is, row by row: the rows are the same, so that most of the noise cancels
        dearer = theirs.rows - mine.rows
        error = float(dearer.std()) / math.sqrt(max(len(dearer), 1))
        return theirs.value - mine.value <= error

    def _described(
        self, start: _Point, point: _Point, bars: Sequence[int], *, met: bool, never: bool
    ) -> Operating:
        sign = 1.0 if self.main.better == "higher" else -1.0
        before, after = (sign * one if math.isfinite(one) else None for one in (start.main, point.main))
        return Operating(
            self.field.name,
            self.kind.operating_point(point.state),
            {str(self.requirements[bar]): (start.values[bar], point.values[bar]) for bar in bars},
            (self.main.name, before, after),
            met=met,
            rows=len(self.columns[self.field.name]),
            never=never,
            able=_able(self.field),
            by_costs=self.by_costs is not None,
        )


def _rows(requirement: Requirement, body: Body, columns: Columns) -> RowChoice | None:
    """Return the rows of a requirement's slice, None for all."""
    where = requirement.subject.where
    if where is None:
        return None
    return slice_rows(where, body.signature, columns).inside


def _measured(subject: Subject, metric: Metric, found: Outcomes, rows: RowChoice | None) -> Measurement:
    return measure(subject, metric, found if rows is None else found.take(rows), CONFIDENCE)


def _value(metric: Metric, found: Outcomes) -> float | None:
    """Return the value of a metric over all rows, without the cost of its interval."""
    assert metric.influence is not None, f"{metric.name} is not computed from outcomes"
    with np.errstate(all="ignore"):
        influence = metric.influence(found, None)
    return None if influence is None or not math.isfinite(influence.value) else influence.value
