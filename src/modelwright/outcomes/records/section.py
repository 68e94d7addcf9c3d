"""What a report shows of records: which fields are right how often, and those with the least right."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from pydantic import TypeAdapter

from modelwright.core.evidence.measurement import Measurement
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Notice, Phrase
from modelwright.outcomes.contract.blocks import Block, TextPair, TextPairs
from modelwright.outcomes.contract.section import Drawn, Section, TestRows
from modelwright.outcomes.records import fields
from modelwright.outcomes.records.outcomes import RecordOutcomes
from modelwright.outcomes.text_words import Pieces

SHOWN_CHARACTERS = 2_000  # of a record
_CUT_OFTEN = 0.1  # of the answers


@dataclass(frozen=True)
class RecordFindings:
    """What is sealed of records.

    rows: test rows; written: those that an answer was written for; cut: of these, how many were ended; likely: rows of
    whose truth is known how likely it is.
    """

    rows: int
    written: int
    cut: int
    likely: int
    pairs: tuple[TextPair, ...]


_SEALED = TypeAdapter(RecordFindings)


@final
class RecordSection(Section[RecordOutcomes]):
    """What was written beside what was wanted, the least right first."""

    def findings(
        self, outcomes: RecordOutcomes, rows: TestRows, *, confidence: float, most_mistakes: int
    ) -> JsonObject:
        """Return the findings of n test rows."""
        judged = np.flatnonzero(outcomes.judged)
        # (judged,): 1 is right in every value
        scores = np.array([fields.field_f1(outcomes.truth[row], outcomes.predicted[row]) for row in judged])
        # (judged,): the least right first, equal ones in the order of the rows
        order = [one for one in np.argsort(scores, kind="stable").tolist() if scores[one] < 1][:most_mistakes]
        found: JsonObject = _SEALED.dump_python(
            RecordFindings(
                rows=len(outcomes),
                written=int(outcomes.written.sum()),
                cut=int((outcomes.cut & outcomes.written).sum()),
                likely=int(outcomes.likely.sum()),
                pairs=tuple(_pair(outcomes, rows, int(judged[one]), float(scores[one])) for one in order),
            ),
            mode="json",
        )
        return found

    def draw(self, output: str, findings: JsonObject, measured: Sequence[Measurement]) -> Drawn:
        """Return the section."""
        found = _SEALED.validate_python(findings)
        blocks: list[Block] = []
        if found.pairs:
            note = str(Phrase("section.records-note"))
            blocks.append(TextPairs(str(Phrase("section.records-off")), found.pairs, note, score="field_f1"))
        lead = Phrase(
            "section.text-lead", written=found.written, rows=found.rows, likely=found.likely or None
        )
        return Drawn(
            str(lead),
            tuple(blocks),
            str(Phrase("section.records")),
            beyond=str(Phrase("section.text-beyond")),
        )

    def notices(self, output: str, findings: JsonObject) -> Iterator[Notice]:
        """Yield that answers are often cut."""
        found = _SEALED.validate_python(findings)
        if found.written and found.cut > _CUT_OFTEN * found.written:
            yield Notice("evaluate.answers-cut", column=output, count=found.cut, of=found.written)


def _pair(outcomes: RecordOutcomes, rows: TestRows, row: int, score: float) -> TextPair:
    wanted, given = fields.top(outcomes.truth[row]), fields.top(outcomes.predicted[row])
    right = {
        name for name, one in fields.shares_right(outcomes.truth[row], outcomes.predicted[row]).items() if one
    }
    return TextPair(
        rows.ids[row],
        rows.inputs(row),
        _pieces(wanted, right),
        _pieces(given, right),
        score,
        rows.pictures(row),
    )


def _pieces(record: Mapping[str, Any], right: set[str]) -> Pieces:
    """Return a field a line, each with whether it is the same in both; what is no record has none."""
    found, length = [], 0
    for name, value in record.items():
        line = f"{name}: {json.dumps(value, ensure_ascii=False)}\n"[: SHOWN_CHARACTERS - length]
        length += len(line)
        found.append((line, name in right))
    return tuple(one for one in found if one[0])
