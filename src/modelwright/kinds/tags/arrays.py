"""Sets as rows of zeros and ones, one column per tag, and logits as sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelwright.core.messages import Phrase, ValueProblem
from modelwright.kinds.contract.arrays import NO_INPUTS, Arrays, Columns
from modelwright.kinds.contract.common import Answer, Array, ArraySpec, Dumped, Form, Move, Role
from modelwright.kinds.shared.confidence import fit_temperature, softmax
from modelwright.kinds.shared.cutting import cuts, log_odds, share_of
from modelwright.kinds.shared.sealed_state import Cut, Names, SealedState, Temperature, require_one_each
from modelwright.kinds.shared.spellings import known_spelling
from modelwright.outcomes.sets.outcomes import SetOutcomes


@dataclass(frozen=True)
class TagsState:
    """The tags that training shows, sorted by code point; how confident the answers are; where they are given.

    cuts: the probability from which each tag is answered, None: 0.5 for all.
    """

    tags: tuple[str, ...]
    temperature: float = 1.0
    cuts: tuple[float, ...] | None = None

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Return the place of each tag in `tags`."""
        return {name: place for place, name in enumerate(self.tags)}

    def place(self, tag: str) -> int | None:
        """Return the place of a tag in `tags`, however a table spells it (1.0 for 1); None for none."""
        found = self.positions.get(tag)
        if found is None and (other := known_spelling(tag, self.positions)) is not None:
            found = self.positions[other]
        return found


class _SealedTags(SealedState):
    """A package made before cuts were chosen has none."""

    tags: Names
    temperature: Temperature
    cuts: list[Cut] | None = None


class TagsArrays(Arrays[TagsState, frozenset[str]]):
    """In: `members` float32 (batch, K), `missing` float32 (batch,). Out: `logits` float32 (batch, K).

    A tag is answered where its probability reaches its cut: at 0.5, which is a logit of 0 at any temperature,
    unless packaging chose another.
    """

    input_form: ClassVar[Form | None] = Form.SET
    output_form: ClassVar[Form | None] = Form.SET

    def fit(
        self, values: Sequence[frozenset[str] | None], *, role: Role = Role.INPUT, **options: Any
    ) -> TagsState:
        """Return the tags that the training split shows; raises ValueProblem for an output without any."""
        state = TagsState(tuple(sorted({tag for value in values if value is not None for tag in value})))
        self.require(state, role)
        return state

    def dump(self, state: TagsState) -> Dumped:
        """Return the state as JSON."""
        chosen = {} if state.cuts is None else {"cuts": list(state.cuts)}
        return Dumped({"tags": list(state.tags), "temperature": state.temperature, **chosen}, {})

    def load(self, dumped: Dumped) -> TagsState:
        """Read what `dump` returned."""
        sealed = _SealedTags.read(dumped.data)
        require_one_each("cuts", sealed.cuts, sealed.tags)
        cuts = None if sealed.cuts is None else tuple(sealed.cuts)
        return TagsState(tuple(sealed.tags), sealed.temperature, cuts)

    def require(self, state: TagsState, role: Role) -> None:
        """Raise ValueProblem for an output without any tag."""
        if role is Role.OUTPUT and not state.tags:
            raise ValueProblem("state.no-tag")

    def example(self, state: TagsState) -> frozenset[str]:
        """Return a set of the last tag, where there is one."""
        return frozenset(state.tags[-1:])

    def specs(self, state: TagsState) -> dict[str, ArraySpec]:
        """Return `members`: float32 (batch, K), 1 where the tag is in the set, and `missing`: (batch,)."""
        return {
            "members": ArraySpec("float32", ("batch", len(state.tags))),
            "missing": ArraySpec("float32", ("batch",)),
        }

    def encode(self, values: Sequence[frozenset[str] | None], state: TagsState) -> dict[str, Array]:
        """Return the members and which sets are missing; a tag that training never showed has no column."""
        return {
            "members": np.nan_to_num(_members(values, state), nan=0.0),
            "missing": np.array([value is None for value in values], dtype=np.float32),
        }

    def unknown_share(self, values: Sequence[frozenset[str] | None], state: TagsState) -> float:
        """Return which share of the tags training never showed."""
        tags = [tag for value in values if value is not None for tag in value]
        return sum(state.place(tag) is None for tag in tags) / len(tags) if tags else 0.0

    def unseen(self, values: Sequence[frozenset[str] | None], state: TagsState) -> list[bool]:
        """Return which sets hold a tag that training never showed."""
        return [value is not None and any(state.place(tag) is None for tag in value) for value in values]

    def known(self, state: TagsState) -> Sequence[str]:
        """Return the tags."""
        return state.tags

    def answers(self, state: TagsState) -> dict[str, ArraySpec]:
        """Return `logits`: float32 (batch, K), above 0 where the tag is likelier in the set than not."""
        return {"logits": ArraySpec("float32", ("batch", len(state.tags)))}

    def encode_truth(
        self, values: Sequence[frozenset[str] | None], inputs: Columns, state: TagsState
    ) -> dict[str, Array]:
        """Return `members`: float32 (n, K), 0 or 1; NaN throughout for a missing truth."""
        return {"members": _members(values, state)}

    def calibrate(
        self,
        arrays: Mapping[str, Array],
        values: Sequence[frozenset[str] | None],
        state: TagsState,
        inputs: Columns = NO_INPUTS,
    ) -> TagsState:
        """Return the state with the one temperature that minimises the log loss over all n·K memberships."""
        truth = _members(values, state)
        index = np.where(np.isnan(truth), -1, truth).astype(np.int64).reshape(-1)
        return replace(state, temperature=fit_temperature(_two_columns(arrays["logits"].reshape(-1)), index))

    def moves(
        self, arrays: Mapping[str, Array], state: TagsState, *, labels: Sequence[str], optional: bool
    ) -> Sequence[Move[TagsState]]:
        """Return a direction from small sets to large ones, and one for each tag in `labels`."""
        logits = arrays["logits"]
        places = [state.positions[tag] for tag in dict.fromkeys(labels) if tag in state.positions]
        every = np.arange(len(state.tags))
        return [
            Move[TagsState](partial(_by_cut, logits, which))
            for which in (every, *(every[[place]] for place in places))
        ]

    def operating_point(self, state: TagsState) -> tuple[Phrase, ...]:
        """Say from which probability tags are answered: once where it is one for all."""
        if state.cuts is None:
            return ()
        if len(state.cuts) > 1 and len(set(state.cuts)) == 1:
            return (Phrase("operating.from-each", cut=state.cuts[0]),)
        pairs = zip(state.tags, state.cuts, strict=True)
        return tuple(Phrase("operating.from", label=tag, cut=cut) for tag, cut in pairs if cut != 0.5)

    def decode(self, arrays: Mapping[str, Array], state: TagsState, inputs: Columns) -> list[Answer]:
        """Return the tags that reach their cut.

        The confidence is that of the membership that is least sure, min over tags of the probability of in or
        out, as it was answered: no set is right more often than its least sure member. The product over all tags
        would be the probability of the set if memberships were independent, which they are not, and falls to 0
        as tags are added.
        """
        chosen = _answered(arrays["logits"], state)  # (n, K)
        inside = _probabilities(arrays["logits"], state)
        sure = np.where(chosen, inside, 1 - inside).min(axis=1)
        return [
            Answer(frozenset(state.tags[place] for place in np.flatnonzero(row)), share)
            for row, share in zip(chosen, sure.tolist(), strict=True)
        ]

    def probabilities(
        self, arrays: Mapping[str, Array], state: TagsState
    ) -> Sequence[Mapping[str, float]] | None:
        """Return the probability of every tag that it is in the set; each is a question of its own."""
        rows = _probabilities(arrays["logits"], state).tolist()
        return [dict(zip(state.tags, row, strict=True)) for row in rows]

    def outcomes(
        self,
        values: Sequence[frozenset[str] | None],
        arrays: Mapping[str, Array],
        state: TagsState,
        inputs: Columns,
    ) -> SetOutcomes:
        """Return truths, answers and probabilities by tag."""
        truth = _members(values, state)
        unseen = [0 if value is None else sum(state.place(tag) is None for tag in value) for value in values]
        return SetOutcomes(
            state.tags,
            truth=np.where(np.isnan(truth), -1, truth).astype(np.int8),
            predicted=_answered(arrays["logits"], state).astype(np.int8),
            probabilities=_probabilities(arrays["logits"], state),
            unseen=np.array(unseen, dtype=np.int64),
        )


def _answered(logits: Array, state: TagsState) -> NDArray[np.bool_]:
    """Return (n, K): which tags are answered."""
    least = np.zeros(len(state.tags))
    if state.cuts is not None:
        least = state.temperature * np.array([log_odds(cut) for cut in state.cuts])
    found: NDArray[np.bool_] = logits.astype(np.float64) >= least
    return found


def _by_cut(logits: Array, which: NDArray[np.int64], state: TagsState) -> list[TagsState]:
    """Return states that answer some tags (their places) earlier or later."""
    odds = logits[:, which].astype(np.float64).reshape(-1) / state.temperature
    found = []
    for odd in cuts(odds[np.abs(odds) < MOST_ODDS]):
        chosen = np.full(len(state.tags), 0.5) if state.cuts is None else np.array(state.cuts)
        chosen[which] = share_of(odd)
        found.append(replace(state, cuts=tuple(chosen.tolist())))
    return found


MOST_ODDS = 20.0  # beyond them a probability is 0 or 1 to nine digits


def _members(values: Sequence[frozenset[str] | None], state: TagsState) -> NDArray[np.float32]:
    """Return (n, K): 1 where the tag is in the set, else 0; NaN throughout where the set is missing."""
    found = np.zeros((len(values), len(state.tags)), dtype=np.float32)
    for row, value in enumerate(values):
        if value is None:
            found[row] = np.nan
            continue
        places = [place for tag in value if (place := state.place(tag)) is not None]
        found[row, places] = 1.0
    return found


def _two_columns(logits: Array) -> NDArray[np.float64]:
    """Return (m, 2) logits of out and in, so that a membership is calibrated as any two classes are."""
    inside = logits.astype(np.float64)
    return np.stack([np.zeros_like(inside), inside], axis=1)


def _probabilities(logits: Array, state: TagsState) -> NDArray[np.float64]:
    """Return the probability (n, K) that each tag is in the set; raises FloatingPointError for NaN."""
    two = softmax(_two_columns(logits.reshape(-1)), state.temperature)
    return two[:, 1].reshape(logits.shape)
