"""Finds passages as an index does, and has the first of them read together with the question, one pair at a time.

functions   `find`, of the driver `index`; `same`, whose probability of `true` says how well a passage answers

Shapes: n questions, k candidates of each, DEPTH places of a ranking.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.signature import Field
from modelwright.kinds.contract.common import Answer, Array
from modelwright.package.body import Body
from modelwright.package.packages import Package
from modelwright.runtime import drivers
from modelwright.runtime.drivers.contract.driver import Call, Driver, Part, Running
from modelwright.runtime.drivers.index.driver import FoundPlaces, RunningIndex
from modelwright.runtime.drivers.rerank.rerank_settings import (
    ROLES,
    SAME,
    RerankSettings,
    bad_settings,
    cannot,
    input_names,
)
from modelwright.runtime.drivers.session.nested_functions import parted
from modelwright.runtime.drivers.session.roles import FIND
from modelwright.runtime.function import Function
from modelwright.runtime.searching.ranked_places import NOWHERE, Places, fused

_TRUE = "true"
EVIDENCE = (SAME, "lead", "words")
"""What speaks for the first passage, as an index has it, with the probability of `same` in the place of a cosine."""
ARRAYS = ("places", "scores", "lexical", "evidence")


@dataclass(frozen=True)
class ReadPlaces:
    """What was found for one question, its ranking (DEPTH,), and how likely each of the first answers it, (k,)."""

    found: FoundPlaces
    places: Places
    lexical: Places
    likely: NDArray[np.float64]

    def ordered(self, weight: float) -> tuple[Places, NDArray[np.float32]]:
        """Return the ranking with its first k by what was read and by how they were found, and a score of each.

        What stands behind the first k keeps its order, and has a score of 0.
        """
        depth, k = len(self.places), len(self.likely)
        first = self.places[:k]
        # of equally likely ones that comes first which was found first
        read = first[np.argsort(-self.likely, kind="stable")]
        order, scores = fused([read, first], [1.0, weight], k)
        behind = np.zeros(depth - k, dtype=np.float32)
        return np.concatenate([order, self.places[k:]]), np.concatenate([scores, behind])

    def evidence(self, first: int) -> list[float]:
        """Return what speaks for the first: how likely it answers, its lead over the best other, and its words."""
        _, _, words = self.found.evidence(first)
        (here,) = np.nonzero(self.places[: len(self.likely)] == first)
        if first == NOWHERE or not here.size:
            return [0.0, 0.0, words]
        own = float(self.likely[here[0]])
        return [own, own - float(np.delete(self.likely, here[0]).max(initial=0.0)), words]


class RunningRerank(Running):
    """The opened functions, which calls share."""

    def __init__(
        self,
        question: Field,
        output: Field,
        settings: RerankSettings,
        found_by: Package,
        index: RunningIndex,
        same: Function,
    ) -> None:
        self.inputs = frozenset()
        self.outputs = frozenset(f"{output.name}.{array}" for array in ARRAYS)
        self._question, self._output, self._settings = question.name, output.name, settings
        self._index, self._same = index, same
        (self._asks,) = found_by.body.signature.inputs
        self._state = found_by.body.states[self._asks.name]
        self._names = input_names(same.signature)

    def run(self, call: Call) -> Generator[Part, None, None]:
        """Yield the rankings of all rows."""
        arrays = self.ranked(self.read(call.columns[self._question]), self._settings.weight)
        yield Part({f"{self._output}.{name}": one for name, one in arrays.items()})

    def read(self, questions: Sequence[object]) -> list[ReadPlaces]:
        """Return what is found of n questions, of which the first passages are read beside them."""
        texts = [str(one or "") for one in questions]
        queries = None
        if self._index.inputs:
            encoded = kinds.arrays(self._asks.kind).encode(texts, self._state)
            given = {f"{self._asks.name}.{name}": array for name, array in encoded.items()}
            queries = self._index.encoded(given)
        found = self._index.searched(texts, queries)
        arrays = self._index.ranked(found)
        firsts = [row[row != NOWHERE][: self._settings.candidates] for row in arrays["places"]]
        pairs = [
            (text, self._index.passage(place))
            for text, first in zip(texts, firsts, strict=True)
            for place in first.tolist()
        ]
        # (Σ k,) over all questions, then (k,) of each
        likely = np.split(self._likely(pairs), np.cumsum([len(one) for one in firsts])[:-1])
        rows = zip(found, arrays["places"], arrays["lexical"], likely, strict=True)
        return [ReadPlaces(*row) for row in rows]

    def ranked(self, rows: Sequence[ReadPlaces], weight: float) -> dict[str, Array]:
        """Return the arrays of the output; weight: of the order in which passages were found."""
        ordered = [row.ordered(weight) for row in rows]
        evidence = [row.evidence(int(places[0])) for row, (places, _) in zip(rows, ordered, strict=True)]
        count = len(rows)
        return {
            "places": np.array([places for places, _ in ordered], np.int64).reshape(count, -1),
            "scores": np.array([scores for _, scores in ordered], np.float32).reshape(count, -1),
            "lexical": np.array([row.lexical for row in rows], np.int64).reshape(count, -1),
            "evidence": np.array(evidence, np.float32).reshape(count, -1),
        }

    def _likely(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Return how likely each passage answers its question, (m,)."""
        if not pairs:
            return np.zeros(0)
        question, passage = self._names
        (output,) = self._same.signature.outputs
        columns = {question: [one for one, _ in pairs], passage: [one for _, one in pairs]}
        answers = self._same.answer(columns, probabilities=True)
        return np.array([(row[output.name].probabilities or {}).get(_TRUE, 0.0) for row in answers])

    def detailed(
        self, output: str, answers: Sequence[Answer], arrays: Mapping[str, Array]
    ) -> Sequence[Answer]:
        """Return the answers with the text of each passage that they name, and what speaks for the first of them."""
        return self._index.with_passages(answers, arrays, EVIDENCE)

    def interrupt(self) -> None:
        """Let the runtime stop at the next node."""
        self._index.interrupt()
        self._same.interrupt()


class RerankDriver(Driver):
    """Opens both functions with their own drivers."""

    def open(self, body: Body, threads: int) -> Running:
        """Open the functions; raises PackageError where one is not there, or cannot do what it is called for."""
        settings = RerankSettings.read(body.settings)
        if set(settings.functions) != set(ROLES):
            raise bad_settings("functions", error=f"{sorted(settings.functions)} are not {list(ROLES)}")
        if len(body.signature.inputs) != 1 or len(body.signature.outputs) != 1:
            raise bad_settings("signature", error=f"{body.signature} is not one question and one choice")
        packages = parted(body, settings.functions)
        for role, package in packages.items():
            if cannot(role, package.body.signature, package.body.driver):
                raise bad_settings(f"functions.{role}", error=f"{package.body.signature} is no `{role}`")
        index = drivers.open_body(packages[FIND].body, threads)
        assert isinstance(index, RunningIndex), "the driver of `find` was looked at"
        (question,), (output,) = body.signature.inputs, body.signature.outputs
        (chosen,) = packages[FIND].body.signature.outputs
        if len(kinds.arrays(output.kind).known(body.states[output.name])) != len(
            kinds.arrays(chosen.kind).known(packages[FIND].body.states[chosen.name])
        ):
            raise bad_settings(f"states.{output.name}", error="other passages than those of `find`")
        return RunningRerank(
            question, output, settings, packages[FIND], index, Function(packages[SAME], threads)
        )
