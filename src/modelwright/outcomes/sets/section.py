"""What a report shows of outputs that are sets: every tag with its figures, and mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from pydantic import TypeAdapter

from modelwright.core.evidence.measurement import Measurement
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Notice, Phrase
from modelwright.outcomes.contract.blocks import Bars, Block, Cell, Grid, Mistake, Mistakes
from modelwright.outcomes.contract.section import (
    Drawn,
    Section,
    TestRows,
    by_label,
    few_rows,
    headings,
    lowest_first,
)
from modelwright.outcomes.sets.outcomes import SetOutcomes

SHOWN_BARS = 25  # tags drawn; the table below them holds all
SHOWN_IN_CARD = 10
METRICS = ("precision", "recall", "f1")


@dataclass(frozen=True)
class SetFindings:
    """What is sealed of an output that is a set.

    `train_rows`, `test_rows` count the rows of each tag, `answered` the test rows that are answered with it;
    `rows` counts the test rows with a truth, `empty` those whose set is empty, `unknown` those with a tag that
    training never showed.
    """

    tags: tuple[str, ...]
    train_rows: tuple[int, ...]
    test_rows: tuple[int, ...]
    answered: tuple[int, ...]
    rows: int
    empty: int
    unknown: int
    mistakes: tuple[Mistake, ...]


_SEALED = TypeAdapter(SetFindings)


@final
class SetSection(Section[SetOutcomes]):
    """F1 of every tag, lowest first, with precision, recall and support; the most confident mistakes."""

    def findings(
        self, outcomes: SetOutcomes, rows: TestRows, *, confidence: float, most_mistakes: int
    ) -> JsonObject:
        """Return the findings of n test rows."""
        known = outcomes.known
        truth, answered = outcomes.truth[known] == 1, outcomes.predicted[known] == 1  # (rows, K)
        found: JsonObject = _SEALED.dump_python(
            SetFindings(
                tags=outcomes.tags,
                train_rows=tuple(rows.train_labels.get(tag, 0) for tag in outcomes.tags),
                test_rows=tuple(truth.sum(axis=0).tolist()),
                answered=tuple(answered.sum(axis=0).tolist()),
                rows=int(known.sum()),
                empty=int((~truth.any(axis=1) & (outcomes.unseen[known] == 0)).sum()),
                unknown=int((outcomes.unseen[known] > 0).sum()),
                mistakes=_mistakes(outcomes, rows, most_mistakes),
            ),
            mode="json",
        )
        return found

    def draw(self, output: str, findings: JsonObject, measured: Sequence[Measurement]) -> Drawn:
        """Return the section."""
        found = _SEALED.validate_python(findings)
        blocks: list[Block] = [*_bars(found, measured)]
        if found.mistakes:
            blocks.append(Mistakes(str(Phrase("section.mistakes")), found.mistakes, sure=True))
        lead = str(
            Phrase("section.set-lead", count=len(found.tags), rows=found.rows, empty=found.empty or None)
        )
        worst = lowest_first(measured, "f1")[:SHOWN_IN_CARD]
        places = {tag: place for place, tag in enumerate(found.tags)}
        rows: list[tuple[Cell, ...]] = [
            (tag, m, found.test_rows[places[tag]], found.train_rows[places[tag]]) for tag, m in worst
        ]
        card = (
            (
                Grid(
                    str(Phrase("section.lowest-f1")),
                    headings("tag", "f1", "test rows", "training rows"),
                    tuple(rows),
                ),
            )
            if rows
            else ()
        )
        return Drawn(
            lead,
            tuple(blocks),
            str(Phrase("section.set", count=len(found.tags))),
            card,
            beyond=str(Phrase("section.set-beyond")),
        )

    def notices(self, output: str, findings: JsonObject) -> Iterator[Notice]:
        """Yield tags with few test rows, and rows with tags that training never showed."""
        found = _SEALED.validate_python(findings)
        yield from few_rows(output, found.tags, found.test_rows)
        if found.unknown:
            yield Notice("evaluate.unknown-classes", column=output, count=found.unknown)


def _mistakes(outcomes: SetOutcomes, rows: TestRows, most: int) -> tuple[Mistake, ...]:
    """Return the wrong sets that are answered most confidently; the confidence is that of the least sure tag."""
    # (wrong,): rows of which any of the K memberships is wrong, or a true tag has no column
    wrong = np.flatnonzero(
        outcomes.known & ((outcomes.truth != outcomes.predicted).any(axis=1) | (outcomes.unseen > 0))
    )
    sure = outcomes.confidence  # (n,)
    first = wrong[np.argsort(-sure[wrong], kind="stable")[:most]]
    return tuple(
        rows.mistake(
            row,
            ", ".join(outcomes.tags[place] for place in np.flatnonzero(outcomes.predicted[row])) or "∅",
            float(sure[row]),
        )
        for row in first.tolist()
    )


def _bars(found: SetFindings, measured: Sequence[Measurement]) -> Iterator[Bars]:
    of, lowest = by_label(measured), lowest_first(measured, "f1")
    if not lowest:
        return
    few = lowest[:SHOWN_BARS]
    named = [name for name in METRICS if any(name in one for one in of.values())]
    counts = zip(found.tags, found.test_rows, found.answered, found.train_rows, strict=True)
    rows: list[tuple[Cell, ...]] = [
        (tag, *(of.get(tag, {}).get(metric) for metric in named), test, answered, train)
        for tag, test, answered, train in counts
    ]
    yield Bars(
        str(
            Phrase("section.tag-f1")
            if len(few) == len(lowest)
            else Phrase("section.tag-f1-few", count=len(few))
        ),
        tuple(few),
        str(Phrase("section.tag-f1-note")),
        Grid(
            "",
            headings("tag", *named, "test rows", "answered", "training rows"),
            tuple(rows),
            folded=str(Phrase("section.all-tags", count=len(found.tags))),
        ),
    )
