"""Texts as token ids, or as weighted terms."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from tokenizers import Tokenizer

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.arrays import Arrays, Columns
from modelwright.kinds.contract.common import DECODED, Answer, Array, ArraySpec, Cut, Dumped, Form, Role
from modelwright.kinds.shared.files.tokenizer_opening import opened
from modelwright.kinds.shared.plain_state import PlainState
from modelwright.kinds.shared.sealed_state import SealedState
from modelwright.kinds.text import _scripts, _terms, _written
from modelwright.kinds.text._terms import TermsState
from modelwright.outcomes.texts.outcomes import TextOutcomes

ASSET = "tokenizer.json"
# Names that pretrained tokenizers give the token that fills a row up.
PAD_TOKENS = ("[PAD]", "<pad>", "<|pad|>", "<|endoftext|>", "<|end_of_text|>")
# The length is chosen so that this share of the training texts is kept whole.
KEPT_WHOLE = 0.99
MOST_LENGTH = 1_000_000  # more than any encoder knows
TRIED_LENGTH = 4096  # a package is tried with no longer text: what attends takes the square of it in memory
LENGTH_STEP = 8  # lengths are rounded up to a multiple that suits vector units
LENGTH_SAMPLE = 10_000  # this many training texts, evenly spaced, decide the length


@dataclass(frozen=True)
class TextState:
    """A tokenizer (the bytes of its `tokenizer.json`), the id that pads, and the most tokens a text keeps.

    `max_length` counts the special tokens too; what lies beyond it is cut off at the end of the text.
    """

    tokenizer: bytes = field(repr=False)
    max_length: int
    pad_id: int

    @cached_property
    def built(self) -> Tokenizer:
        """Return the tokenizer, made once a state; encoding changes nothing in it, so threads share it.

        The padding and truncation that its file may carry (often 128 tokens, fixed) are replaced by ours.
        """
        tokenizer = _build(self.tokenizer)
        tokenizer.enable_truncation(self.max_length)
        return tokenizer

    @cached_property
    def scripts(self) -> frozenset[str]:
        """Return the scripts that the tokenizer was made for."""
        return _scripts.scripts(self.built)


AnyTextState = TextState | TermsState | PlainState


class _SealedText(SealedState):
    """How many tokens a text keeps, and which one fills a row up."""

    max_length: Annotated[int, Field(ge=1, le=MOST_LENGTH)]
    pad_id: Annotated[int, Field(ge=0, lt=2**31)]


class TextArrays(Arrays[AnyTextState, str]):
    """`ids` and `mask`, int64 (batch, length), padded to the batch's longest.

    For the form `terms`: `terms` int64 and `weights` float32 (batch, length), the n-grams of a text and their
    weights (`_terms`). As a prompt, as a text of which places are
    answered, and as an output, a text is itself: no array carries it.
    """

    input_form: ClassVar[Form | None] = Form.TOKENS
    further_forms: ClassVar[tuple[Form, ...]] = (Form.TERMS, Form.PROMPT, Form.LOCATED)
    output_form: ClassVar[Form | None] = Form.WRITTEN

    def fit(
        self,
        values: Sequence[str | None],
        *,
        role: Role = Role.INPUT,
        form: Form | None = None,
        tokenizer: bytes | None = None,
        max_length: int | None = None,
        limit: int = 512,
        most_terms: int = _terms.MOST_TERMS,
        **options: Any,
    ) -> AnyTextState:
        """Return the state for a tokenizer: the bytes of a `tokenizer.json`, as its encoder was trained with.

        `max_length` None: long enough for 99 % of the training texts, and at most `limit` (the positions
        that the encoder knows), both counted in tokens. Raises ValueProblem without a tokenizer. The form `terms`
        needs none, and takes at most `most_terms` of words and as many of characters.
        """
        if role is Role.OUTPUT:
            return PlainState(Form.WRITTEN)
        if form is not None and form in (Form.PROMPT, Form.LOCATED):
            return PlainState(form)
        if form is Form.TERMS:
            return _terms.fit(values, most_terms)
        if tokenizer is None:
            raise ValueProblem("state.no-tokenizer")
        built = _build(tokenizer)
        special = built.num_special_tokens_to_add(is_pair=False)
        chosen = _length(built, values, limit) if max_length is None else max_length
        if not special < chosen <= limit:
            raise ValueProblem("state.max-length", special=special, limit=limit, chosen=chosen)
        return TextState(tokenizer=bytes(tokenizer), max_length=chosen, pad_id=_pad_id(built, tokenizer))

    def dump(self, state: AnyTextState) -> Dumped:
        """Return the lengths as JSON and the tokenizer as the asset `tokenizer.json`; of terms, their lists."""
        if isinstance(state, PlainState):
            return state.dump()
        if isinstance(state, TermsState):
            return _terms.dump(state)
        return Dumped(
            {"max_length": state.max_length, "pad_id": state.pad_id},
            {ASSET: state.tokenizer},
        )

    def load(self, dumped: Dumped) -> AnyTextState:
        """Read what `dump` returned; raises ValueProblem for a damaged tokenizer, or damaged terms."""
        if PlainState.holds(dumped.data):
            return PlainState.load(dumped)
        if dumped.data.get("form") == Form.TERMS:
            return _terms.load(dumped)
        sealed = _SealedText.read(dumped.data)
        if set(dumped.assets) != {ASSET}:
            raise ValueProblem("state.absurd-assets", wanted=ASSET)
        state = TextState(dumped.assets[ASSET], sealed.max_length, sealed.pad_id)
        built = _build(state.tokenizer)
        special = built.num_special_tokens_to_add(is_pair=False)
        if not special < sealed.max_length:
            raise ValueProblem(
                "state.max-length", special=special, limit=MOST_LENGTH, chosen=sealed.max_length
            )
        known = built.get_vocab_size()
        if sealed.pad_id >= max(1, known) and built.id_to_token(sealed.pad_id) is None:
            raise ValueProblem("state.absurd-pad", pad_id=sealed.pad_id, known=known)
        assert state.built is not None  # built now, so that the first request does not wait for it
        return state

    def example(self, state: AnyTextState) -> str:
        """Return a text of two words."""
        return "an example"

    def longest(self, state: AnyTextState) -> str | None:
        """Return a text that is cut to all the tokens that the state keeps, or to TRIED_LENGTH of them; no terms."""
        if not isinstance(state, TextState):
            return None
        return "an example " * (min(state.max_length, TRIED_LENGTH) // 2 + 1)

    def specs(self, state: AnyTextState) -> dict[str, ArraySpec]:
        """Return `ids` and `mask`, or `terms` and `weights`: (batch, length); of a prompt none."""
        if isinstance(state, PlainState):
            return {}
        if isinstance(state, TermsState):
            # codes: place 0 fills rows up
            terms = ArraySpec("int64", ("batch", "length"), codes=len(state) + 1)
            return {"terms": terms, "weights": ArraySpec("float32", ("batch", "length"))}
        spec = ArraySpec("int64", ("batch", "length"))
        return {"ids": spec, "mask": spec}

    def encode(self, values: Sequence[str | None], state: AnyTextState) -> dict[str, Array]:
        """Return token ids and their mask (1: a token, 0: padding); a missing text is the empty one.

        A tokenizer without special tokens has nothing to say about an empty text; it gets one unmasked pad,
        so that a mean over its tokens stays a number.
        """
        if isinstance(state, PlainState):
            return {}
        if isinstance(state, TermsState):
            return _terms.encode(values, state)
        texts = [value or "" for value in values]
        # One text needs no second thread; many share the library's pool. Either way the ids are the same.
        encodings = (
            [state.built.encode(texts[0])] if len(texts) == 1 else state.built.encode_batch_fast(texts)
        )
        rows = [encoding.ids or [state.pad_id] for encoding in encodings]
        longest = max(map(len, rows), default=1)
        ids = np.full((len(rows), longest), state.pad_id, dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int64)
        for position, row in enumerate(rows):
            ids[position, : len(row)] = row
            mask[position, : len(row)] = 1
        return {"ids": ids, "mask": mask}

    def unknown_share(self, values: Sequence[str | None], state: AnyTextState) -> float:
        """Return which share of the tokens the tokenizer does not know, or of the letters has a script that is not its.

        Each of these reads as one and the same token, so that an encoder cannot tell such texts apart. Of terms:
        which share of those in the values training never showed.
        """
        if isinstance(state, PlainState):
            return 0.0
        if isinstance(state, TermsState):
            return _terms.unknown_share(values, state)
        foreign = _scripts.foreign_share((value or "" for value in values), state.scripts)
        model = json.loads(state.tokenizer)["model"]
        unknown = model.get("unk_token")
        # of pieces by likelihood (Unigram) the place itself stands there
        place = state.built.token_to_id(unknown) if unknown is not None else model.get("unk_id")
        if place is None:
            return foreign
        encodings = state.built.encode_batch_fast([value or "" for value in values], add_special_tokens=False)
        tokens = sum(len(encoding.ids) for encoding in encodings)
        lost = sum(encoding.ids.count(place) for encoding in encodings) / max(1, tokens)
        return max(foreign, lost)

    def require(self, state: AnyTextState, role: Role) -> None:
        """Raise ValueProblem for the state of an input that stands for an output, and the other way round."""
        if (role is Role.OUTPUT) != (isinstance(state, PlainState) and state.form is Form.WRITTEN):
            raise ValueProblem("state.absurd", key="form", error=f"of no {role.value}")

    def answers(self, state: AnyTextState) -> dict[str, ArraySpec]:
        """Return none: the driver decodes what it writes."""
        return {}

    def encode_truth(
        self, values: Sequence[str | None], inputs: Columns, state: AnyTextState
    ) -> dict[str, Array]:
        """Return none: a learner reads the texts themselves."""
        return {}

    def decode(self, arrays: Mapping[str, Array], state: AnyTextState, inputs: Columns) -> list[Answer]:
        """Return the answers that the driver decoded."""
        found: list[Answer] = arrays[DECODED].tolist()
        return found

    def outcomes(
        self,
        values: Sequence[str | None],
        arrays: Mapping[str, Array],
        state: AnyTextState,
        inputs: Columns,
    ) -> TextOutcomes:
        """Return the truths beside what was written."""
        return _written.outcomes(values, arrays)

    def cut(self, values: Sequence[str | None], state: AnyTextState) -> Cut | None:
        """Return how many texts have more tokens than the state keeps, and how many the longest has."""
        if not isinstance(state, TextState):
            return None
        encodings = _build(state.tokenizer).encode_batch_fast([value or "" for value in values])
        lengths = [len(encoding.ids) for encoding in encodings]
        beyond = sum(length > state.max_length for length in lengths)
        return Cut(beyond, len(lengths), max(lengths, default=0), state.max_length)


def _build(tokenizer: bytes) -> Tokenizer:
    try:
        return opened(tokenizer)
    except ValueError as error:
        raise ValueProblem("state.bad-tokenizer", error=str(error)) from None


def _pad_id(built: Tokenizer, tokenizer: bytes) -> int:
    stored = Tokenizer.from_str(tokenizer.decode()).padding
    if stored is not None:
        return int(stored["pad_id"])
    for token in PAD_TOKENS:
        if (known := built.token_to_id(token)) is not None:
            return int(known)
    return 0  # any id will do for a tokenizer without a pad: the mask hides it


def _length(built: Tokenizer, values: Sequence[str | None], limit: int) -> int:
    texts = [value or "" for value in values[:: math.ceil(len(values) / LENGTH_SAMPLE) or 1]]
    lengths = sorted(len(encoding.ids) for encoding in built.encode_batch_fast(texts))
    wanted = lengths[math.ceil(KEPT_WHOLE * len(lengths)) - 1] if lengths else 1
    return min(limit, math.ceil(wanted / LENGTH_STEP) * LENGTH_STEP or LENGTH_STEP)
