"""Whether a pretrained encoder can read the texts of a project, and how many of them it is given whole.

Light: a tokenizer and some rows, no network, so that `check` can say it before anything is learned.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modelwright import kinds, learners
from modelwright.core.messages import Notice, Problem, ProjectError, ValueProblem
from modelwright.core.messages.setting import setting
from modelwright.core.signature import Signature
from modelwright.core.units import format_quantity
from modelwright.kinds.contract.common import Cut, Form
from modelwright.learners.contract.spec import fields_of, form_of
from modelwright.learners.weights.read_together import read_together
from modelwright.learners.weights.tokenizer_files import tokenizer_in

MOST_TOKENS = 512  # a longer text is cut, unless model.max_length asks for more and the encoder can
WARNED, REFUSED = 0.1, 0.5  # share of a column that cannot be read; English questions have less than 0.001
_READ_ROWS = 1000  # training texts that are searched for what cannot be read
_DISTINCT_ROWS = 50_000  # training numbers that are counted
_CUT_ROWS = 10_000  # training texts whose lengths are counted
# These number positions from the padding id + 1.
_OFFSET_MODELS = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet", "longformer"})

Columns = Mapping[str, Sequence[object]]


@dataclass(frozen=True)
class Reading:
    """What an encoder makes of one column of texts: the share that it cannot read, and how many are cut.

    most: the largest `model.max_length` that it takes; plain: the learner that would read it without one.
    """

    column: str
    unread: float
    cut: Cut | None
    most: int
    plain: str | None = None

    def notices(self) -> Iterator[Notice]:
        """Yield what a user should know of it."""
        if self.unread > WARNED:
            yield Notice("plan.unknown-tokens", column=self.column, share=self.unread, plain=self.plain)
        if self.cut is not None and self.cut.count:
            wanted = min(self.cut.longest, self.most)
            more = wanted if wanted > self.cut.kept else None
            yield Notice(
                "plan.cut-texts",
                column=self.column,
                count=self.cut.count,
                rows=self.cut.rows,
                kept=self.cut.kept,
                longest=self.cut.longest,
                more=more,
                plain=self.plain,
                line=None if more is None else setting("model", {"max_length": more}),
            )


def of_states(
    signature: Signature, states: Mapping[str, object], columns: Columns, longest: Mapping[str, int]
) -> tuple[Reading, ...]:
    """Return what is made of each column of tokens, by states that were fitted for its encoder.

    longest: input → the most tokens that its encoder takes; an input that is not in it has none to be read by.
    """
    found, plain = [], learners.plain(signature)
    for field in fields_of(signature.inputs, Form.TOKENS):
        if field.name not in longest:
            continue
        kind, state, column = kinds.arrays(field.kind), states[field.name], columns[field.name]
        unread = kind.unknown_share(_some(column, _READ_ROWS), state)
        cut = kind.cut(_some(column, _CUT_ROWS), state)
        found.append(Reading(field.name, unread, cut, longest[field.name], plain))
    return tuple(found)


def of_weights(
    signature: Signature,
    columns: Columns,
    weights: Mapping[str, Path],
    max_length: int | None,
    *,
    together: bool | None = False,
) -> tuple[Reading, ...]:
    """Return what the encoders of inputs make of each column of tokens; weights: input → the folder of its encoder.

    together: whether texts are read in one sequence, which has room for all of them at once (`read_together`).

    Nothing of a folder whose tokenizer only its own library can make; learning says it. Raises
    ProjectError for a `max_length` that an encoder does not take: longer texts would only fail once they are served.
    """
    states: dict[str, object] = {}
    longest: dict[str, int] = {}
    joined = read_together(signature, weights, together)
    for field in fields_of(signature.inputs, Form.TOKENS):
        if (folder := weights.get(field.name)) is None:
            continue
        most = positions(folder)
        if max_length is not None and max_length > most:
            raise ProjectError(Problem("plan.max-length", length=max_length, most=most))
        if (tokenizer := tokenizer_in(folder)) is None:
            continue
        usual = min(most, MOST_TOKENS) if max_length is None else most
        most //= len(joined) if field.name in joined else 1
        limit = min(most, usual)
        given = {
            "tokenizer": tokenizer,
            "max_length": max_length,
            "limit": limit,
        }
        # where the kind refuses it, learning says it in full
        with contextlib.suppress(ValueProblem):
            states[field.name] = kinds.arrays(field.kind).fit(columns[field.name], **given)
            longest[field.name] = most
    return of_states(signature, states, columns, longest)


def positions(folder: Path) -> int:
    """Return the most tokens that the encoder in a folder takes, by its configuration."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        known = int(config["max_position_embeddings"])
        offset = int(config.get("pad_token_id") or 0) + 1 if config.get("model_type") in _OFFSET_MODELS else 0
    except (OSError, ValueError, TypeError, KeyError):
        return MOST_TOKENS
    return known - offset if known > offset else MOST_TOKENS


def _some(column: Sequence[object], most: int) -> Sequence[object]:
    """Return at most so many values, evenly spaced."""
    return column[:: max(1, -(-len(column) // most))]


def cut_values(signature: Signature, states: Mapping[str, object], columns: Columns) -> Iterator[Notice]:
    """Yield a notice for each input of which training values, no texts, are longer than what is kept of them."""
    for field in signature.inputs:
        cut = kinds.arrays(field.kind).cut(_some(columns[field.name], _CUT_ROWS), states[field.name])
        if cut is not None and cut.count and cut.unit is not None:
            kept, longest = format_quantity(cut.kept, cut.unit), format_quantity(cut.longest, cut.unit)
            yield Notice(
                "plan.cut-values",
                column=field.name,
                count=cut.count,
                rows=cut.rows,
                kept=kept,
                longest=longest,
            )


def lost_values(
    signature: Signature, states: Mapping[str, object], columns: Columns, accepted: frozenset[Form]
) -> Iterator[Notice]:
    """Yield a notice for each number of which different values of the training rows are one in float32."""
    for field in signature.inputs:
        if form_of(field, accepted) is not Form.SCALAR:
            continue
        column = _some(columns[field.name], _DISTINCT_ROWS)
        distinct = len({value for value in column if value is not None})
        encoded = kinds.arrays(field.kind).encode(column, states[field.name])
        lost = distinct - len(np.unique(encoded["value"][encoded["missing"] == 0]))
        if lost > 0:
            trees = bool(learners.accepting(signature, ["trees"]))
            yield Notice("plan.values-lost", column=field.name, count=lost, distinct=distinct, trees=trees)
