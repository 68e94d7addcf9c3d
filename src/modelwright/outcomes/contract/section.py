"""The facet `section`: what is worth knowing of an output's outcomes, sealed, and how a report draws it.

section = outcomes.facet("classes", Section)
sealed = section.findings(outcomes, rows, confidence=0.95, most_mistakes=20)     # in `evaluate`, once
section.notices("team", sealed)                                                # warnings, worded when read
section.draw("team", sealed, measurements)                                     # in a report, at any time
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from modelwright.core.evidence.clusters import Groups
from modelwright.core.evidence.measurement import Measurement
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Notice, Phrase
from modelwright.core.outcomes import Outcomes
from modelwright.core.picture import Picture
from modelwright.outcomes.contract.blocks import Block, Grid, Mistake

Of = TypeVar("Of", bound=Outcomes)

FEW_ROWS = 30  # test rows of a label: even 30 of 30 right leave a recall of 0.91 possible
NAMED = 8  # labels that one sentence names


@dataclass(frozen=True)
class TestRows:
    """The test rows beside their outcomes: n ids, and texts of a row by its place, as people read them.

    truth(row): the true value as text, None where it is missing; inputs(row): the inputs by name;
    train_labels: how many training rows stand for each label; pictures(row): of the inputs that have one; groups:
    (n,), which rows belong together, None: each is independent of the others.
    """

    __test__ = False  # no test, whatever its name says to pytest

    ids: Sequence[str]
    truth: Callable[[int], str | None]
    inputs: Callable[[int], Mapping[str, str]]
    train_labels: Mapping[str, int]
    pictures: Callable[[int], Mapping[str, Picture]] = lambda row: {}
    groups: Groups | None = None

    def mistake(self, row: int, answer: str, confidence: float | None) -> Mistake:
        """Return a wrong answer as the report shows it."""
        truth = self.truth(row) or ""
        return Mistake(self.ids[row], self.inputs(row), truth, answer, confidence, self.pictures(row))


@dataclass(frozen=True)
class Drawn:
    """The section of an output: a sentence that leads it, its blocks, and the tables of the model card.

    beyond: what is answered to an input for which no answer is right, as the card says it of this output.
    """

    lead: str
    blocks: tuple[Block, ...]
    card_lead: str
    card: tuple[Grid, ...] = ()
    beyond: str = ""


class Section(ABC, Generic[Of]):
    """Finds what is worth knowing, as JSON that is sealed, and draws it."""

    @abstractmethod
    def findings(self, outcomes: Of, rows: TestRows, *, confidence: float, most_mistakes: int) -> JsonObject:
        """Return the findings of n test rows; at most `most_mistakes` wrong answers are among them."""

    @abstractmethod
    def draw(self, output: str, findings: JsonObject, measured: Sequence[Measurement]) -> Drawn:
        """Return the section; `measured`: all measurements of this output on test rows."""

    def notices(self, output: str, findings: JsonObject) -> Iterator[Notice]:
        """Yield what a reader should know before believing the figures."""
        yield from ()


def by_label(measured: Sequence[Measurement]) -> dict[str, dict[str, Measurement]]:
    """Return the measurements of single labels over all rows: label → metric → measurement."""
    found: dict[str, dict[str, Measurement]] = {}
    for one in measured:
        if one.subject.of is not None and one.subject.where is None:
            found.setdefault(one.subject.of, {})[one.subject.metric] = one
    return found


def lowest_first(measured: Sequence[Measurement], metric: str) -> list[tuple[str, Measurement]]:
    """Return a metric of every label that has a value of it, the lowest first."""
    known = [(label, found[metric]) for label, found in by_label(measured).items() if metric in found]
    return sorted(
        ((label, one) for label, one in known if one.value is not None),
        key=lambda pair: (pair[1].value or 0.0, pair[0]),
    )


def headings(*names: str) -> tuple[str, ...]:
    """Return the headings of a table in the reader's language; names of metrics that it lacks stay as they are."""
    return tuple(str(Phrase("section.heading", name=name)) for name in names)


def few_rows(output: str, labels: Sequence[str], rows: Sequence[int]) -> Iterator[Notice]:
    """Yield a notice where labels have too few test rows for their figures to say much."""
    few = [name for name, n in zip(labels, rows, strict=True) if n < FEW_ROWS]
    if few:
        yield Notice(
            "evaluate.few-rows",
            column=output,
            count=len(few),
            of=len(labels),
            least=FEW_ROWS,
            names=few[:NAMED],
            more=max(len(few) - NAMED, 0) or None,
        )
