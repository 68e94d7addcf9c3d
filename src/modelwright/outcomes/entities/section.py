"""What a report shows of labelled spans: every label with its figures, and mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

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
from modelwright.outcomes.entities.outcomes import Entities, EntityOutcomes

_BARS = 25  # labels drawn; the table below them holds all
_IN_CARD = 10
_METRICS = ("precision", "recall", "entity_f1")


@dataclass(frozen=True)
class EntityFindings:
    """What is sealed of labelled spans.

    `train_rows`, `test_rows` count the rows with a span of each label, `spans` and `answered` the test spans that are
    true and that are answered; `rows` the test rows with a truth, `empty` those without a span, `unknown` the true
    spans of a label that training never showed.
    """

    names: tuple[str, ...]
    train_rows: tuple[int, ...]
    test_rows: tuple[int, ...]
    spans: tuple[int, ...]
    answered: tuple[int, ...]
    rows: int
    empty: int
    unknown: int
    mistakes: tuple[Mistake, ...]


_SEALED = TypeAdapter(EntityFindings)


@final
class EntitySection(Section[EntityOutcomes]):
    """F1 of every label, lowest first, with precision, recall and support; the most confident mistakes."""

    def findings(
        self, outcomes: EntityOutcomes, rows: TestRows, *, confidence: float, most_mistakes: int
    ) -> JsonObject:
        """Return the findings of n test rows."""
        # (rows, C) each: spans of a row, by label
        known = outcomes.take(outcomes.known)
        found: JsonObject = _SEALED.dump_python(
            EntityFindings(
                names=outcomes.names,
                train_rows=tuple(rows.train_labels.get(name, 0) for name in outcomes.names),
                # (rows, C) → (C,)
                test_rows=tuple((known.true > 0).sum(axis=0).tolist()),
                spans=tuple(known.true.sum(axis=0).tolist()),
                answered=tuple(known.answered.sum(axis=0).tolist()),
                rows=len(known),
                empty=int((known.true.sum(axis=1) + known.unseen == 0).sum()),
                unknown=int(known.unseen.sum()),
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
        lead = Phrase(
            "section.spans-lead",
            count=len(found.names),
            rows=found.rows,
            spans=sum(found.spans) + found.unknown,
            empty=found.empty or None,
        )
        places = {name: place for place, name in enumerate(found.names)}
        lowest: list[tuple[Cell, ...]] = [
            (name, one, found.test_rows[places[name]], found.train_rows[places[name]])
            for name, one in lowest_first(measured, "entity_f1")[:_IN_CARD]
        ]
        columns = headings("label", "f1", "test rows", "training rows")
        card = (Grid(str(Phrase("section.lowest-f1")), columns, tuple(lowest)),) if lowest else ()
        return Drawn(
            str(lead),
            tuple(blocks),
            str(Phrase("section.spans", count=len(found.names))),
            card,
            beyond=str(Phrase("section.spans-beyond")),
        )

    def notices(self, output: str, findings: JsonObject) -> Iterator[Notice]:
        """Yield labels with few test rows, and spans with labels that training never showed."""
        found = _SEALED.validate_python(findings)
        yield from few_rows(output, found.names, found.test_rows)
        if found.unknown:
            yield Notice("evaluate.unknown-classes", column=output, count=found.unknown)


def _mistakes(outcomes: EntityOutcomes, rows: TestRows, most: int) -> tuple[Mistake, ...]:
    """Return the wrong answers that are given most confidently, with what of them is wrong alone."""
    # a row is wrong where any of its spans is missed, moved, or one too many
    wrong = [
        row
        for row, (truth, answer) in enumerate(
            zip(outcomes.truth.tolist(), outcomes.predicted.tolist(), strict=True)
        )
        if truth is not None and truth != answer
    ]
    sure = outcomes.probabilities
    # the surest first: what is wrong and unsure is no surprise
    first = sorted(wrong, key=lambda row: (-sure[row], row))[:most]
    return tuple(rows.mistake(row, _shown(outcomes.predicted[row]), float(sure[row])) for row in first)


def _shown(spans: Entities) -> str:
    return ", ".join(f"{start}–{end} {label}" for start, end, label in spans) or "∅"


def _bars(found: EntityFindings, measured: Sequence[Measurement]) -> Iterator[Bars]:
    of, lowest = by_label(measured), lowest_first(measured, "entity_f1")
    if not lowest:
        return
    # the table beside the bars has every label
    few = lowest[:_BARS]
    named = [name for name in _METRICS if any(name in one for one in of.values())]
    counts = zip(found.names, found.spans, found.answered, found.test_rows, found.train_rows, strict=True)
    rows: list[tuple[Cell, ...]] = [
        (label, *(of.get(label, {}).get(metric) for metric in named), *numbers) for label, *numbers in counts
    ]
    yield Bars(
        str(Phrase("section.spans-f1", count=len(few), all=(len(few) == len(lowest)) or None)),
        tuple(few),
        str(Phrase("section.spans-f1-note")),
        Grid(
            "",
            headings("label", *named, "spans", "answered", "test rows", "training rows"),
            tuple(rows),
            folded=str(Phrase("section.all-labels", count=len(found.names))),
        ),
    )
