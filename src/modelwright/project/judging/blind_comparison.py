"""One judge's way through the pairs: which comes next, on which side each answer stands, and what was said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from modelwright.core import digests
from modelwright.core.messages import Phrase
from modelwright.outcomes.text_words import laid_out
from modelwright.project.judging.answer_pairs import AnswerPairs, Pair
from modelwright.project.judging.judge_report import JudgeReport
from modelwright.storage.formats import judgements
from modelwright.storage.formats.judgements import Judgement, Preferred, Side

LEFT, RIGHT, TIE, SKIP = "left", "right", "tie", "skip"
CHOICES = (LEFT, RIGHT, TIE, SKIP)


@dataclass(frozen=True)
class Shown:
    """A pair as a judge sees it: nothing says whose answer stands on which side. number: of `of` rows."""

    pair: Pair
    first: Side
    number: int
    of: int

    @property
    def left(self) -> str:
        """Return the text that stands first."""
        return self._laid_out(self.pair.answer if self.first == "answer" else self.pair.other)

    @property
    def right(self) -> str:
        """Return the text that stands second."""
        return self._laid_out(self.pair.other if self.first == "answer" else self.pair.answer)

    def _laid_out(self, text: str) -> str:
        return laid_out(text, is_object=self.pair.is_object)


class BlindComparison:
    """What a judge has said and has yet to say.

    rows: how many of the drawn rows are judged at most, None: all; file: the judgements of the project.
    """

    def __init__(
        self,
        pairs: AnswerPairs,
        file: Path,
        lock: Path,
        judge: str,
        seed: int,
        rows: int | None,
        clock: Callable[[], datetime],
    ) -> None:
        """Raise DataError for a file with lines that are no judgements."""
        self.pairs, self._file, self._lock = pairs, file, lock
        self._judge, self._seed, self._clock = judge, seed, clock
        self._rows = pairs.rows[:rows]
        mine = [one for one in self._every() if one.judge == judge]
        self._done = {one.row for one in mine}

    def upcoming(self) -> Shown | None:
        """Return the next pair whose answers differ, None where there is none left.

        Equal ones on the way are written down as ties, in the order that the seed drew: so whoever stops early has
        judged a sample of the rows.
        """
        for number, row in enumerate(self._rows, 1):
            if row in self._done:
                continue
            pair = self.pairs.pair(row)
            if pair.answer == pair.other:
                self._write(pair, "tie", None)
                continue
            return Shown(pair, self._first(row), number, len(self._rows))
        return None

    def take(self, shown: Shown, choice: str) -> None:
        """Write down what was said of a pair: left, right, tie or skip."""
        assert choice in CHOICES, f"{choice} is none of {CHOICES}"
        won = (choice == LEFT) == (shown.first == "answer")
        verdict: Preferred = (
            "skip" if choice == SKIP else "tie" if choice == TIE else "better" if won else "worse"
        )
        self._write(shown.pair, verdict, shown.first)

    def report(self) -> JudgeReport:
        """Return how far it has come."""
        every = self._every()
        there = [one for one in every if one.row in self.pairs]
        mine = [one for one in there if one.judge == self._judge and one.row in {*self._rows}]
        by_judge = Counter(one.judge for one in there if one.counts and one.first is not None)
        left = len(self._rows) - len(mine)
        gone = len({one.row for one in every} - {one.row for one in there})
        equal = sum(one.first is None for one in mine)
        without = self.pairs.without
        notes = [
            *([Phrase("judge.equal-texts", count=equal)] if equal else []),
            *([Phrase("judge.without-other", count=without)] if without else []),
            *([Phrase("judge.rows-gone", count=gone)] if gone else []),
        ]
        measured, against = self.pairs.measured, self.pairs.against.named
        next_step = (
            Phrase("judge.measured") if measured == against else Phrase("judge.set-against", against=against)
        )
        return JudgeReport(
            version=self.pairs.version.number,
            against=against,
            judge=self._judge,
            rows=len(self._rows),
            judged=sum(one.counts and one.first is not None for one in mine),
            skipped=sum(not one.counts for one in mine),
            equal=equal,
            left=left,
            by_judge=dict(sorted(by_judge.items())),
            without=without,
            gone=gone,
            file=str(self._file),
            notes=tuple(map(str, notes)),
            next_steps=(str(next_step),) if by_judge or equal else (),
        )

    def _every(self) -> tuple[Judgement, ...]:
        pairs = self.pairs
        return judgements.of_pair(
            judgements.read(self._file), pairs.version.package_digest, pairs.against.digest
        )

    def _first(self, row: str) -> Side:
        """Return which answer stands first: each half of the time, drawn by seed, judge and row."""
        drawn = digests.of_bytes(f"{self._seed} {self._judge} {row} side".encode())
        return "answer" if int(drawn, 16) % 2 else "other"

    def _write(self, pair: Pair, verdict: Preferred, first: Side | None) -> None:
        judgements.append(
            self._file,
            self._lock,
            Judgement(
                row=pair.row,
                package=self.pairs.version.package_digest,
                against=self.pairs.against.digest,
                answer=pair.answer,
                other=pair.other,
                verdict=verdict,
                judge=self._judge,
                at=self._clock().isoformat(timespec="seconds"),
                first=first,
            ),
        )
        self._done.add(pair.row)
