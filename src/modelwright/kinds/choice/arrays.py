"""Rankings of passages as answers, and the places of right ones as truths.

Shapes: n rows, N passages that differ, k = DEPTH places of a ranking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modelwright.core.json_types import Json
from modelwright.core.messages import Phrase, ValueProblem
from modelwright.kinds.contract.arrays import NO_INPUTS, Arrays, Columns
from modelwright.kinds.contract.common import Answer, Array, ArraySpec, Dumped, Form, Move, Role
from modelwright.kinds.shared.confidence import fit_shares, shares
from modelwright.kinds.shared.cutting import cuts
from modelwright.kinds.shared.sealed_state import SealedState, Share
from modelwright.outcomes.ranking.outcomes import RankingOutcomes

DEPTH = 100  # places of a ranking: as deep as any metric looks, and as a re-ranking is given
SHOWN = 10  # of them stand in an answer
EVIDENCE = 3  # numbers from which a confidence follows
UNKNOWN = (0.0, *[1.0] * EVIDENCE)
IDS, PLACES = "ids.txt", "places.i32"


@dataclass(frozen=True)
class ChoiceState:
    """The ids of the corpus, and which passage each stands for; how sure answers are, and from where they are given.

    ids: in the order of the corpus; places: int32, little endian, the place of the passage of each: equal passages
    have one place and several ids. shown: passages that an answer names, the best first. sureness: the weights of a
    logistic regression from the evidence (constant first), by which the first of a ranking is right; before validation
    has been asked, those of UNKNOWN. threshold: the confidence below which an optional output abstains, None: it always
    answers.
    """

    ids: tuple[str, ...] = field(repr=False)
    places: bytes = field(repr=False)
    shown: int = SHOWN
    sureness: tuple[float, ...] = UNKNOWN
    threshold: float | None = None

    @cached_property
    def place_of(self) -> Mapping[str, int]:
        """Return the place of the passage of each id."""
        return dict(zip(self.ids, self._places.tolist(), strict=True))

    @cached_property
    def first_ids(self) -> NDArray[np.int64]:
        """Return for each place, (N,), the position of the first of its ids."""
        _, first = np.unique(self._places, return_index=True)
        return first.astype(np.int64)

    @property
    def _places(self) -> NDArray[np.int32]:
        return np.frombuffer(self.places, dtype="<i4")

    @property
    def passages(self) -> int:
        """Return how many passages there are that differ."""
        return len(self.first_ids)

    def id_at(self, place: int) -> str:
        """Return the first id of a passage."""
        return self.ids[int(self.first_ids[place])]

    @classmethod
    def of(cls, ids: Sequence[str], places: Sequence[int], shown: int = SHOWN) -> ChoiceState:
        """Return the state of a corpus: its ids, and the place of the passage of each."""
        return cls(tuple(ids), np.array(places, dtype="<i4").tobytes(), shown)


class _SealedChoice(SealedState):
    """What of a state is JSON; ids and places are files."""

    ids: Annotated[int, Field(ge=0, le=2**31 - 1)]
    shown: Annotated[int, Field(ge=1, le=DEPTH)]
    sureness: Annotated[list[float], Field(min_length=EVIDENCE + 1, max_length=EVIDENCE + 1)]
    threshold: Share | None = None


class ChoiceArrays(Arrays[ChoiceState, frozenset[str]]):
    """Out: `places` int64 (batch, k), `scores` float32 (batch, k), `lexical` int64 (batch, k), `evidence` (batch, 3).

    `places`: of passages, the best first, -1 behind the last; `lexical`: what their words alone find (BM25), which is
    what learning is compared with.
    """

    output_form: ClassVar[Form | None] = Form.CHOICE
    abstains: ClassVar[bool] = True

    def fit(
        self,
        values: Sequence[frozenset[str] | None],
        *,
        role: Role = Role.INPUT,
        shown: int = SHOWN,
        **options: Any,
    ) -> ChoiceState:
        """Return a state that knows the ids of the training split, each as a passage; a corpus replaces them."""
        ids = sorted({one for value in values if value is not None for one in value})
        return ChoiceState.of(ids, range(len(ids)), shown)

    def dump(self, state: ChoiceState) -> Dumped:
        """Return the counts as JSON, and ids, one a line, and places as files."""
        data = {
            "ids": len(state.ids),
            "shown": state.shown,
            "sureness": list(state.sureness),
            "threshold": state.threshold,
        }
        return Dumped(data, {IDS: "".join(f"{one}\n" for one in state.ids).encode(), PLACES: state.places})

    def load(self, dumped: Dumped) -> ChoiceState:
        """Read what `dump` returned; raises ValueProblem where the files are not of one corpus."""
        sealed = _SealedChoice.read(dumped.data)
        if set(dumped.assets) != {IDS, PLACES}:
            raise ValueProblem("state.absurd-assets", wanted=f"{IDS}, {PLACES}")
        try:
            ids = tuple(dumped.assets[IDS].decode().split("\n")[:-1])
        except UnicodeDecodeError:
            raise ValueProblem("state.bad-ids") from None
        places = bytes(dumped.assets[PLACES])
        if len(ids) != sealed.ids or len(places) != 4 * len(ids) or len(set(ids)) < len(ids):
            raise ValueProblem("state.bad-ids")
        found = np.unique(np.frombuffer(places, dtype="<i4"))
        if not np.array_equal(found, np.arange(len(found))):
            raise ValueProblem("state.bad-ids")
        return ChoiceState(ids, places, sealed.shown, tuple(sealed.sureness), sealed.threshold)

    def require(self, state: ChoiceState, role: Role) -> None:
        """Raise ValueProblem for an output without a passage."""
        if role is Role.OUTPUT and not state.ids:
            raise ValueProblem("state.no-passage")

    def known(self, state: ChoiceState) -> Sequence[str]:
        """Return the ids."""
        return state.ids

    def answers(self, state: ChoiceState) -> dict[str, ArraySpec]:
        """Return what a body gives: rankings (batch, k), and what the confidence follows from (batch, 3)."""
        ranking = ("batch", DEPTH)
        return {
            "places": ArraySpec("int64", ranking),
            "scores": ArraySpec("float32", ranking),
            "lexical": ArraySpec("int64", ranking),
            "evidence": ArraySpec("float32", ("batch", EVIDENCE)),
        }

    def encode_truth(
        self, values: Sequence[frozenset[str] | None], inputs: Columns, state: ChoiceState
    ) -> dict[str, Array]:
        """Return `right`: int64 (n, most of a row), the places of right passages; the last again to fill a row up.

        -1 throughout for a missing truth, and for one that names no passage of the state.
        """
        rows = [_right(value, state) for value in values]
        most = max(map(len, rows), default=0) or 1
        filled = [[*row, *[row[-1] if row else -1] * (most - len(row))] for row in rows]
        return {"right": np.array(filled, dtype=np.int64).reshape(len(rows), most)}

    def with_corpus(self, state: ChoiceState, ids: Sequence[str], places: Sequence[int]) -> ChoiceState:
        """Return the state of another corpus."""
        found = ChoiceState.of(ids, places, state.shown)
        return replace(found, sureness=state.sureness, threshold=state.threshold)

    def calibrate(
        self,
        arrays: Mapping[str, Array],
        values: Sequence[frozenset[str] | None],
        state: ChoiceState,
        inputs: Columns = NO_INPUTS,
    ) -> ChoiceState:
        """Return the state with the logistic regression of being right on the evidence of each row."""
        found = self.outcomes(values, arrays, replace(state, threshold=None), inputs)
        known, right = found.known, found.truth == found.predicted
        fitted = fit_shares(arrays["evidence"][known].astype(np.float64), right[known])
        return state if fitted is None else replace(state, sureness=tuple(fitted.tolist()))

    def moves(
        self, arrays: Mapping[str, Array], state: ChoiceState, *, labels: Sequence[str], optional: bool
    ) -> Sequence[Move[ChoiceState]]:
        """Return the one direction there is: answering surer rows alone."""
        if not optional:
            return ()
        return [Move(partial(_by_confidence, arrays), abstains=True)]

    def operating_point(self, state: ChoiceState) -> tuple[Phrase, ...]:
        """Say below which confidence none is answered."""
        return () if state.threshold is None else (Phrase("operating.abstains", least=state.threshold),)

    def decode(self, arrays: Mapping[str, Array], state: ChoiceState, inputs: Columns) -> list[Answer]:
        """Return the best passage of each row, None where there is none or too little speaks for it.

        The first of the ranking stand in the details, with their scores.
        """
        sure = _sure(arrays, state)
        answers = []
        for row, (places, scores) in enumerate(zip(arrays["places"], arrays["scores"], strict=True)):
            shown: list[Json] = [
                {"id": state.id_at(place), "score": round(float(score), 6)}
                for place, score in zip(places[: state.shown].tolist(), scores.tolist(), strict=False)
                if 0 <= place < state.passages
            ]
            confidence = float(sure[row])
            answered = _answered(places, state, confidence)
            value = None if answered < 0 else frozenset({state.id_at(answered)})
            answers.append(Answer(value, confidence, details={"choices": shown}))
        return answers

    def outcomes(
        self,
        values: Sequence[frozenset[str] | None],
        arrays: Mapping[str, Array],
        state: ChoiceState,
        inputs: Columns,
    ) -> RankingOutcomes:
        """Return which places of each ranking are right, and what is answered."""
        sure = _sure(arrays, state)
        rights = [_right(value, state) for value in values]
        places = arrays["places"]
        predicted = np.array(
            [
                _answered(row, state, confidence)
                for row, confidence in zip(places, sure.tolist(), strict=True)
            ],
            dtype=np.int64,
        )
        hits, lexical = (
            np.array([np.isin(row, right) for row, right in zip(ranking, rights, strict=True)], np.bool_)
            for ranking in (places, arrays["lexical"])
        )
        shape = (len(values), DEPTH)
        truth = np.array(
            [
                _truth(value, right, int(answer), state)
                for value, right, answer in zip(values, rights, predicted.tolist(), strict=True)
            ],
            dtype=np.int64,
        )
        return RankingOutcomes(
            truth=truth,
            predicted=predicted,
            hits=hits.reshape(shape),
            lexical=lexical.reshape(shape),
            right=np.array(
                [
                    0 if value is None else max(len(right), 1)
                    for value, right in zip(values, rights, strict=True)
                ],
                dtype=np.int64,
            ),
            probabilities=sure,
            answers=tuple(None if one < 0 else state.id_at(one) for one in predicted.tolist()),
            named=tuple(value or frozenset() for value in values),
        )


def _right(value: frozenset[str] | None, state: ChoiceState) -> list[int]:
    """Return the places of the passages that a truth names, rising, each once."""
    known = state.place_of
    return sorted({known[one] for one in value or () if one in known})


def _truth(value: frozenset[str] | None, right: Sequence[int], answered: int, state: ChoiceState) -> int:
    """Return one place for a truth: that which is answered where it is right, else its first; -1: there is no truth.

    A truth that names no passage of the corpus is none of its places.
    """
    if value is None:
        return -1
    if answered in right:
        return answered
    return right[0] if right else state.passages


def _answered(places: NDArray[np.int64], state: ChoiceState, confidence: float) -> int:
    """Return the place that is answered, -1 for none."""
    place = int(places[0])
    if not 0 <= place < state.passages:
        return -1
    return -1 if state.threshold is not None and confidence < state.threshold else place


def _sure(arrays: Mapping[str, Array], state: ChoiceState) -> NDArray[np.float64]:
    """Return how likely the first place of each row is right, (n,)."""
    return shares(arrays["evidence"].astype(np.float64), np.array(state.sureness))


def _by_confidence(arrays: Mapping[str, Array], state: ChoiceState) -> list[ChoiceState]:
    """Return states that answer surer rows alone, and the one that answers all."""
    return [replace(state, threshold=cut) for cut in (None, *cuts(_sure(arrays, state)))]
