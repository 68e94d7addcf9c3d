"""The facet `arrays`: values as arrays and back; the one code path for training and serving.

What a kind must remember (a vocabulary, classes, mean and deviation) is a *state*: a frozen dataclass that
`fit` makes from the training split alone, and that a package stores as JSON and assets. Numpy, Pillow and
tokenizers are welcome here; torch is not.

The order of calls, for an input: `fit` → `specs`, `encode` (many times); for an output: `fit` →
`encode_truth` (learning), `calibrate` (once, on validation), `priced`, `by_costs` and `moves` (packaging: where it
answers, by what errors cost and chosen on validation to meet the bars), `decode` (serving), `outcomes` (evaluation).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar

from modelwright.core.messages import Phrase, ValueProblem
from modelwright.core.outcomes import Outcomes
from modelwright.core.requirements.error_costs import ErrorCosts
from modelwright.kinds.contract.common import Answer, Array, ArraySpec, Cut, Dumped, Form, Move, Role

State = TypeVar("State")
V = TypeVar("V")  # the type of a canonical value
Columns = Mapping[str, Sequence[object]]
NO_INPUTS: Columns = MappingProxyType({})


class Arrays(ABC, Generic[State, V]):
    """Encodes canonical values (None: missing) to named arrays and decodes a body's answers.

    `input_form` and `output_form` say which arrays those are (None: not on that side of a signature).
    `further_forms`: what `fit` makes of an input for a learner that asks for it (`form=Form.TERMS`), from the
    least to the most exact; the state then knows which one it is.
    """

    gaps_within: ClassVar[bool] = (
        True  # what `data.missing` names is missing in a value as in a cell; a vector is there whole or not at all
    )
    input_form: ClassVar[Form | None] = None
    further_forms: ClassVar[tuple[Form, ...]] = ()
    output_form: ClassVar[Form | None] = None
    abstains: ClassVar[bool] = False  # an optional output of the kind can leave a row without an answer

    @property
    def input_forms(self) -> tuple[Form, ...]:
        """Return every form that an input can take; a learner takes the last that it accepts."""
        return self.further_forms if self.input_form is None else (self.input_form, *self.further_forms)

    @abstractmethod
    def fit(self, values: Sequence[V | None], **options: Any) -> State:
        """Learn the state from the training split's values.

        options: `role` (the side of the signature); `form` (of an input; without it, `input_form`); what the
        learner gives (`tokenizer`, `max_length` and `limit` for the form tokens, `most_terms` for terms); of an output
        `inputs` and `input_kinds`, the same rows' inputs by name and the kind of each; of rows that are windows `gaps`,
        what stands for a step without a number (see `kinds.shared.gap_filling`). A kind ignores what it does not
        know. Raises ValueProblem.
        """

    @abstractmethod
    def dump(self, state: State) -> Dumped:
        """Return the state as JSON and assets."""

    @abstractmethod
    def load(self, dumped: Dumped) -> State:
        """Read what `dump` returned; raises ValueProblem where it is absurd or damaged."""

    def require(self, state: State, role: Role) -> None:
        """Raise ValueProblem for a state that does not do on that side of a signature (an output without classes)."""
        return

    def example(self, state: State) -> V | None:
        """Return a value that the state knows, with which a package is tried when it is opened; None: a missing one."""
        return None

    def longest(self, state: State) -> V | None:
        """Return a value that encodes to as much as the state lets one, to try an opened package with.

        None of a kind whose values all encode to the same size: `example` tries those.
        """
        return None

    # -- as an input ---------------------------------------------------------------------------------------

    def specs(self, state: State) -> dict[str, ArraySpec]:
        """Return the arrays that `encode` makes, by name; the first axis of each is `batch`."""
        raise NotImplementedError(f"{type(self).__name__} encodes no input")

    def encode(self, values: Sequence[V | None], state: State) -> dict[str, Array]:
        """Return the arrays of a batch of values; one row alone encodes as it does among others."""
        raise NotImplementedError(f"{type(self).__name__} encodes no input")

    def unknown_share(self, values: Sequence[V | None], state: State) -> float:
        """Return which share of the values' parts the state cannot tell apart (unknown tokens); mostly 0."""
        return 0.0

    def cut(self, values: Sequence[V | None], state: State) -> Cut | None:
        """Return how many values are too long for the state and how long they are, None where none is ever cut."""
        return None

    def standing_out(self, values: Sequence[V | None]) -> list[tuple[str, int]]:
        """Return values that look as if they stood for nothing (-999, 1e37), as they are written, and how often."""
        return []

    def misfit(self, value: V, state: State) -> ValueProblem | None:
        """Return why a value of the kind is none that this state can encode (another length), None where it is one.

        Asked for each row that is to be answered, before it is encoded with others.
        """
        return None

    def unseen(self, values: Sequence[V | None], state: State) -> list[bool]:
        """Return which values (n,) are, or hold, something that training never showed.

        Of a closed set (a class, a tag): the body then answers as if nothing had been given. Of a kind that is
        `spanned` (a number): a value far outside of what training showed, where an answer is a guess. A missing value
        is not unseen. A kind whose `Value.can_be_unseen` is false keeps this default.
        """
        return [False] * len(values)

    def span(self, state: State) -> tuple[V, V] | None:
        """Return the least and the largest value of training, None where they are not known, or of other kinds."""
        return None

    def known(self, state: State) -> Sequence[str]:
        """Return the names that a value of a kind with a closed set may be, or hold; none of other kinds."""
        return ()

    # -- as an output --------------------------------------------------------------------------------------

    def answers(self, state: State) -> dict[str, ArraySpec]:
        """Return the arrays that a body gives for this output, by name (`logits`: (batch, classes))."""
        raise NotImplementedError(f"{type(self).__name__} decodes no output")

    def zero(self, state: State) -> float | None:
        """Return where on the scale of an output's `value` the amount 0 lies; None of what has no such point."""
        return None

    def encode_truth(self, values: Sequence[V | None], inputs: Columns, state: State) -> dict[str, Array]:
        """Return the truths of a batch as a loss reads them; may be ragged (then a list of arrays).

        `inputs`: the same rows' inputs, for kinds whose truth is a place in one of them (a span).
        """
        raise NotImplementedError(f"{type(self).__name__} decodes no output")

    def with_corpus(self, state: State, ids: Sequence[str], places: Sequence[int]) -> State:
        """Return the state with the ids of a corpus, from which the output is chosen, and the place of each passage."""
        raise NotImplementedError(f"{type(self).__name__} chooses from no corpus")

    def calibrate(
        self,
        arrays: Mapping[str, Array],
        values: Sequence[V | None],
        state: State,
        inputs: Columns = NO_INPUTS,
    ) -> State:
        """Return the state with what validation shows of confidence (a temperature); `inputs`: of the same rows."""
        return state

    def calibrate_out_of_fold(
        self,
        arrays: Mapping[str, Array],
        values: Sequence[V | None],
        state: State,
        inputs: Columns,
        held: int,
    ) -> State:
        """Return the state with what training rows, answered out of fold, show beside validation.

        Of a learner that answers so: training rows in order of time, then `held` rows of validation. By default the
        latter alone are asked.
        """
        first = len(values) - held
        return self.calibrate(
            {name: array[first:] for name, array in arrays.items()},
            values[first:],
            state,
            {name: column[first:] for name, column in inputs.items()},
        )

    def moves(
        self, arrays: Mapping[str, Array], state: State, *, labels: Sequence[str], optional: bool
    ) -> Sequence[Move[State]]:
        """Return the directions in which the point may be moved at which this output answers; none: it is fixed.

        arrays: the body's answers to n validation rows; labels: those that requirements name, for a direction of
        their own; optional: the output may abstain. The arrays are never changed, nor any confidence.
        """
        return ()

    def priced(self, state: State, costs: ErrorCosts) -> State:
        """Return the state with what errors cost, so that outcomes know it; it answers as before."""
        raise NotImplementedError(f"{type(self).__name__} takes no costs")

    def by_costs(self, state: State) -> State:
        """Return a priced state that answers with what is expected to cost least under its probabilities."""
        raise NotImplementedError(f"{type(self).__name__} takes no costs")

    def operating_point(self, state: State) -> tuple[Phrase, ...]:
        """Say where the state answers otherwise than with what is likeliest; nothing where it does not."""
        return ()

    def decode(self, arrays: Mapping[str, Array], state: State, inputs: Columns) -> list[Answer]:
        """Return one answer per row from the body's arrays for this output."""
        raise NotImplementedError(f"{type(self).__name__} decodes no output")

    def probabilities(
        self, arrays: Mapping[str, Array], state: State
    ) -> Sequence[Mapping[str, float]] | None:
        """Return for each row the probability of every label, in the labels' order; None of a kind without."""
        return None

    def outcomes(
        self, values: Sequence[V | None], arrays: Mapping[str, Array], state: State, inputs: Columns
    ) -> Outcomes:
        """Return the truths beside what the body answered, as the metrics of the kind's family read them.

        The answer of a row is that which `decode` gives, thresholds included. Of an output whose answers the driver
        decodes, arrays holds these, under `DECODED`, and may hold what is known of the truths under `LIKELIHOOD`.
        """
        raise NotImplementedError(f"{type(self).__name__} decodes no output")


AnyArrays = Arrays[Any, Any]
"""The facet of a kind that is known by its name alone."""
