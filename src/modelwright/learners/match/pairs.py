"""Pairs of questions and passages: each question with every passage that is right for it.

Shapes: n pairs, m right passages of a question.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.messages import DataError, Problem
from modelwright.core.signature import Field, Signature
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.runtime.searching import lexical_index
from modelwright.storage.formats.examples import Examples

_NOTE = "match.json"
_LOOKED_AT = 20  # passages that the words of a question find, of which one is put beside it


@dataclass(frozen=True)
class Pairs:
    """Questions and passages (n,); the number of each passage, equal ones of one number (n,); and all that are right.

    right: (n, m), the numbers of the passages that are right for a question, the last again to fill a row up. ids: of
    the rows; truths: the canonical truth of each row.
    """

    questions: Sequence[str]
    passages: Sequence[str]
    own: NDArray[np.int64]
    right: NDArray[np.int64]
    ids: Sequence[str]
    truths: Sequence[object]

    def __len__(self) -> int:
        return len(self.questions)

    def take(self, places: NDArray[np.int64]) -> Pairs:
        """Return some pairs, in this order."""
        chosen = places.tolist()
        return Pairs(
            [self.questions[one] for one in chosen],
            [self.passages[one] for one in chosen],
            self.own[places],
            self.right[places],
            [self.ids[one] for one in chosen],
            [self.truths[one] for one in chosen],
        )

    def spaced(self, most: int) -> Pairs:
        """Return at most so many pairs, evenly spaced."""
        return self.take(np.arange(len(self))[:: max(1, -(-len(self) // most))])

    def drawn(self, most: int, seed: int) -> Pairs:
        """Return at most so many pairs, drawn at random."""
        if most >= len(self):
            return self
        return self.take(np.sort(np.random.default_rng([seed, 3]).choice(len(self), most, replace=False)))

    def examples(self, signature: Signature) -> Examples:
        """Return the pairs as rows of `pair_signature`."""
        question, passage = signature.inputs
        (output,) = signature.outputs
        columns = {question.name: self.questions, passage.name: self.passages, output.name: self.truths}
        return Examples(self.ids, columns)

    def rows(
        self, signature: Signature, states: Mapping[str, object], couples: NDArray[np.int64] | None = None
    ) -> EncodedRows:
        """Return the pairs as a network reads them."""
        (output,) = signature.outputs
        targets = {output.name: {"own": self.own, "right": self.right}}
        columns = self.examples(signature).columns
        return EncodedRows(signature, states, columns, targets=targets, couples=couples)

    def couples(self, seed: int) -> NDArray[np.int64]:
        """Return for each pair another whose passage the words of its question find, and which is wrong; -1 for none.

        Hard negatives (Karpukhin et al. 2020, section 3.2), which cost nothing here: they are the passages of other
        pairs, that are read anyway.
        """
        index = lexical_index.build(self.passages)
        generator = np.random.default_rng([seed, 4])
        found = np.full(len(self), -1, dtype=np.int64)
        for row, question in enumerate(self.questions):
            places, _ = index.search(question, _LOOKED_AT)
            wrong = places[~np.isin(self.own[places], self.right[row])]
            if len(wrong):
                found[row] = wrong[generator.integers(len(wrong))]
        return found


def keep_vectors(learned: Path, how: str, search: str) -> None:
    """Write down beside what was learned how the vectors of passages are to be kept, and searched."""
    note = json.dumps({"vectors": how, "search": search})
    (learned / _NOTE).write_text(f"{note}\n", encoding="utf-8")


def kept_vectors(learned: Path) -> tuple[str, str]:
    """Return how the vectors of passages are to be kept, and how searched."""
    found = json.loads((learned / _NOTE).read_text(encoding="utf-8"))
    return found["vectors"], found["search"]


def pair_signature(signature: Signature) -> Signature:
    """Return the signature of pairs: the question, a passage of the same kind, and what is chosen."""
    (question,) = signature.inputs
    name = "passage" if question.name != "passage" else "passage_"
    return Signature(signature.name, (question, Field(name, question.kind)), signature.outputs)


def pairs_of(signature: Signature, rows: Examples) -> Pairs:
    """Return every pair of the rows; raises DataError where there are not two passages to tell apart."""
    (question,), (output,) = signature.inputs, signature.outputs
    value = kinds.value(output.kind)
    number_of: dict[str, int] = {}
    number = {one: number_of.setdefault(text, len(number_of)) for one, text in rows.passages.items()}
    text_of = list(number_of)
    found: list[tuple[int, int, list[int]]] = []  # row, number of the passage, all that are right
    for row, (text, truth) in enumerate(
        zip(rows.columns[question.name], rows.columns[output.name], strict=True)
    ):
        if not text or truth is None:
            continue
        right = sorted({number[one] for one in value.passages(truth) if one in number})
        found += [(row, one, right) for one in right]
    if len({one for _, one, _ in found}) < 2:
        raise DataError(Problem("match.one-passage", rows=len(rows)))
    most = max(len(right) for _, _, right in found)
    return Pairs(
        [str(rows.columns[question.name][row]) for row, _, _ in found],
        [text_of[one] for _, one, _ in found],
        np.array([one for _, one, _ in found], dtype=np.int64),
        np.array([[*right, *[right[-1]] * (most - len(right))] for _, _, right in found], dtype=np.int64),
        [rows.ids[row] for row, _, _ in found],
        [rows.columns[output.name][row] for row, _, _ in found],
    )
