"""What a report shows of texts: what was written beside what was wanted, differences marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from pydantic import TypeAdapter

from modelwright.core.evidence.measurement import Measurement
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Notice, Phrase
from modelwright.outcomes.contract.blocks import Block, TextPair, TextPairs
from modelwright.outcomes.contract.section import Drawn, Section, TestRows
from modelwright.outcomes.text_words import marked
from modelwright.outcomes.texts import copying, similarity
from modelwright.outcomes.texts.outcomes import TextOutcomes

SHOWN_CHARACTERS = 2_000  # of a text
_CUT_OFTEN = 0.1  # of the answers


@dataclass(frozen=True)
class TextFindings:
    """What is sealed of texts.

    rows: test rows; written: those that an answer was written for; likely: those of whose truth is known how likely it
    is; floor: the mean chrF of truths with answers of other rows, None of fewer than two; cut, longest_copy: of the
    answers, how many were ended, and the words of the longest run that stands in a training row, None: not looked at;
    copied_row: whose answer that is, None where there is no such run.
    """

    rows: int
    written: int
    likely: int
    floor: float | None
    cut: int
    longest_copy: int | None
    pairs: tuple[TextPair, ...]
    copied_row: str | None = None


_SEALED = TypeAdapter(TextFindings)


@final
class TextSection(Section[TextOutcomes]):
    """What was written beside what was wanted, the least alike first."""

    def findings(
        self, outcomes: TextOutcomes, rows: TestRows, *, confidence: float, most_mistakes: int
    ) -> JsonObject:
        """Return the findings of n test rows."""
        places = np.flatnonzero(outcomes.judged)
        pairs = outcomes.pairs()
        scores = np.array([similarity.chrf(*pair) for pair in pairs])
        # (judged,): the least alike first, equal ones in the order of the rows
        order = np.argsort(scores, kind="stable")[:most_mistakes].tolist()
        copied = np.nan_to_num(outcomes.copied)  # (n,)
        is_known = bool((~np.isnan(outcomes.copied)).any())
        longest = int(copied.max()) if is_known else 0
        found: JsonObject = _SEALED.dump_python(
            TextFindings(
                rows=len(outcomes),
                written=int(outcomes.written.sum()),
                likely=int(outcomes.likely.sum()),
                floor=_floor(pairs),
                cut=int((outcomes.cut & outcomes.written).sum()),
                longest_copy=longest if is_known else None,
                copied_row=rows.ids[int(copied.argmax())] if longest else None,
                pairs=tuple(_pair(rows, int(places[one]), pairs[one], float(scores[one])) for one in order),
            ),
            mode="json",
        )
        return found

    def draw(self, output: str, findings: JsonObject, measured: Sequence[Measurement]) -> Drawn:
        """Return the section."""
        found = _SEALED.validate_python(findings)
        blocks: list[Block] = []
        if found.pairs:
            floor = None if found.floor is None else f"{found.floor:.3f}"
            note = str(Phrase("section.texts-note", floor=floor))
            if found.longest_copy is not None:
                copied = Phrase(
                    "section.text-copied",
                    longest=found.longest_copy,
                    row=found.copied_row,
                    least=copying.LEAST_WORDS,
                )
                note = f"{note} {copied}"
            blocks.append(TextPairs(str(Phrase("section.texts-off")), found.pairs, note))
        lead = Phrase(
            "section.text-lead", written=found.written, rows=found.rows, likely=found.likely or None
        )
        return Drawn(
            str(lead), tuple(blocks), str(Phrase("section.text")), beyond=str(Phrase("section.text-beyond"))
        )

    def notices(self, output: str, findings: JsonObject) -> Iterator[Notice]:
        """Yield that answers are often cut, and of how many rows it is not known how likely the truth is."""
        found = _SEALED.validate_python(findings)
        if found.written and found.cut > _CUT_OFTEN * found.written:
            yield Notice("evaluate.answers-cut", column=output, count=found.cut, of=found.written)
        if 0 < found.likely < found.rows:
            unknown = found.rows - found.likely
            yield Notice("evaluate.likelihood-unknown", column=output, count=unknown, of=found.rows)


def _floor(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return the mean chrF of each truth with the answer of the next row, which has nothing to do with it."""
    if len(pairs) < 2:
        return None
    others = zip(pairs, [*pairs[1:], pairs[0]], strict=True)
    return float(np.mean([similarity.chrf(one[0], other[1]) for one, other in others]))


def _pair(rows: TestRows, row: int, texts: tuple[str, str], score: float) -> TextPair:
    truth, answer = texts
    wanted, given = marked(truth[:SHOWN_CHARACTERS], answer[:SHOWN_CHARACTERS])
    return TextPair(rows.ids[row], rows.inputs(row), wanted, given, score, rows.pictures(row))
