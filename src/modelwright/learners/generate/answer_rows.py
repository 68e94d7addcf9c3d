"""The rows of a project as a language model learns them: prompts as they are served, and the true answers behind them.

Of a dialogue with several answers each is learned: what the assistant wrote, and the token that ended it.

What cannot be learned from is left out and counted by its reason: an answer or a prompt that is missing, a dialogue
whose turns do not alternate, a role that the template has no texts for, an object that does not fit the schema, more
tokens than the context holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from modelwright import kinds
from modelwright.core.messages import Notice, Phrase, RequestError
from modelwright.core.messages.setting import setting
from modelwright.core.signature import Field, Signature
from modelwright.kinds.shared.schemas.written_order import answer_text
from modelwright.kinds.turns import is_dialogue
from modelwright.learners.causal.packing import cut, is_document, packed
from modelwright.learners.causal.preference_objective import PairRows
from modelwright.learners.causal.token_rows import TokenRow, TokenRows
from modelwright.learners.causal.verdict_objective import VerdictRows
from modelwright.learners.generate import answer_schemas, prompt_pieces
from modelwright.learners.generate.weights_folder import DecoderWeights
from modelwright.runtime.drivers.decode.answer_masks import AnswerMasks
from modelwright.runtime.drivers.decode.prompts import Prompts, Stretch
from modelwright.storage.formats.examples import Examples

_TOO_LONG = "too-long"
_WITH_TOOLS = "with-tools"
_REFUSED = dict.fromkeys(
    ("request.no-tools", "request.no-system-with-tools", "request.no-user-for-tools"), _WITH_TOOLS
)
_NAMED = 5  # rows that a message names
_SPEAKERS = frozenset({"user", "assistant"})  # whose turns alternate


@dataclass(frozen=True)
class AnswerRows:
    """Rows of tokens, and the ids of those that are left out, by the reason's message."""

    rows: TokenRows | PairRows | VerdictRows
    count: int  # of the rows that they were read from
    left_out: Mapping[str, Sequence[str]]
    longest: int  # tokens of the longest that is left out for its length

    def notices(self, context: int, most: int) -> Iterator[Notice]:
        """Yield for each reason how many rows are left out, and which come first.

        context: tokens that a row may have; most: that it could have at best, by the weights.
        """
        for reason, ids in sorted(self.left_out.items()):
            yield Notice(
                "generate.left-out",
                where=None,
                count=len(ids),
                rows=self.count,
                reason=Phrase(f"generate.row-{reason}", context=context, longest=self.longest),
                ids=ids[:_NAMED],
                line=self._line(reason, most),
            )

    def _line(self, reason: str, most: int) -> str | None:
        """Return the line of the project file that takes rows in, None where there is none."""
        if reason == _WITH_TOOLS:
            return setting("data.tools", False)
        return (
            setting("model.context", self.longest) if reason == _TOO_LONG and self.longest <= most else None
        )


@dataclass
class _Kept:
    """Rows that can be learned from so far, one or two together, and the ids of the others by their reason."""

    context: int
    rows: list[list[TokenRow]] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    longest: int = 0

    def add(self, name: str, found: Sequence[TokenRow | str]) -> bool:
        """Take in what was read of a row: tokens, or why there are none; tell whether it can be learned from."""
        rows = [one for one in found if not isinstance(one, str)]
        reasons = [one for one in found if isinstance(one, str)]
        long = [len(one.ids) for one in rows if len(one.ids) > self.context and not is_document(one)]
        if reasons:
            self.left_out[reasons[0]].append(name)
        elif long:
            self.left_out[_TOO_LONG].append(name)
            self.longest = max(self.longest, *long)
        else:
            self.rows.append(rows)
            return True
        return False


class AnswerReader:
    """Reads rows as tokens; context: how many a row may have."""

    def __init__(self, signature: Signature, weights: DecoderWeights, words: int, context: int) -> None:
        settings = prompt_pieces.settings(signature, weights.template)
        self._prompts = Prompts(signature, settings.prompt, weights.tokenizer, words, settings.tools)
        self._signature, self._ends, self._context = signature, weights.ends, context
        self._schema = answer_schemas.held_to(signature, weights)
        self._masks = AnswerMasks(self._prompts.own, words, weights.ends)

    def read(self, examples: Examples, *, packs: bool = False) -> AnswerRows:
        """Return the rows that can be learned from; of documents, all of which is learned, too long ones are cut.

        packs: documents stand together in rows as long as the context.
        """
        kept = _Kept(self._context)
        for place, name in enumerate(examples.ids):
            truth = examples.columns[self._signature.outputs[0].name][place]
            kept.add(name, [self._row(examples, place, truth)])
        found = [row for (row,) in kept.rows]
        if found and all(map(is_document, found)):
            found = packed(found, self._context) if packs else list(cut(found, self._context))
        return AnswerRows(TokenRows(found), len(examples), kept.left_out, kept.longest)

    def beside_schema(self, examples: Examples) -> Iterator[Notice]:
        """Yield how many answers do not fit the schema, where answers are held to one, and which rows come first."""
        truths = zip(examples.ids, examples.columns[self._signature.outputs[0].name], strict=True)
        ids = [name for name, truth in truths if truth is not None and self._written(truth) is None]
        if ids:
            yield Notice(
                "generate.beside-schema", where=None, count=len(ids), rows=len(examples), ids=ids[:_NAMED]
            )

    def _written(self, truth: object) -> list[int] | None:
        """Return the tokens by which an answer is written, None where no answer of the schema is this one."""
        found = self._prompts.written_ids(answer_text(str(truth), self._schema))
        fits = self._schema is None or self._masks.fits(found, self._schema)
        return found if fits else None

    def read_pairs(self, examples: Examples) -> AnswerRows:
        """Return the pairs that can be learned from: the true answers, and those that were liked less."""
        kept = _Kept(self._context)
        rejected = examples.less_liked or [None] * len(examples)
        for place, name in enumerate(examples.ids):
            truth, other = examples.columns[self._signature.outputs[0].name][place], rejected[place]
            if other is None:
                kept.left_out["without-rejected"].append(name)
            elif str(truth).strip() == str(other).strip():
                kept.left_out["with-equal-answers"].append(name)
            else:
                pair = [self._row(examples, place, one, last=True) for one in (truth, other)]
                kept.add(name, ["with-equal-answers"] if _are_equal(pair) else pair)
        chosen, worse = (TokenRows([pair[side] for pair in kept.rows]) for side in range(2))
        pairs = PairRows(chosen, worse)
        return AnswerRows(pairs, len(examples), kept.left_out, kept.longest)

    def read_verdicts(self, examples: Examples) -> AnswerRows:
        """Return the answers that can be learned from, each with whether it was liked: then it is its row's truth."""
        kept, liked = _Kept(self._context), list[bool]()
        rejected = examples.less_liked or [None] * len(examples)
        found: dict[str, tuple[TokenRow | str, bool]] = {}
        verdicts: dict[bytes, set[bool]] = defaultdict(set)
        for place, name in enumerate(examples.ids):
            truth = examples.columns[self._signature.outputs[0].name][place]
            row = self._row(examples, place, rejected[place] if truth is None else truth, last=True)
            found[name] = row, truth is not None
            if isinstance(row, TokenRow):
                verdicts[row.ids.tobytes()].add(truth is not None)
        for name, (row, good) in found.items():
            twice = isinstance(row, TokenRow) and len(verdicts[row.ids.tobytes()]) > 1
            if kept.add(name, ["with-both-verdicts" if twice else row]):
                liked.append(good)
        rows = VerdictRows.of([row for (row,) in kept.rows], liked, self._context)
        return AnswerRows(rows, len(examples), kept.left_out, kept.longest)

    def _row(self, examples: Examples, place: int, truth: object, *, last: bool = False) -> TokenRow | str:
        """Return a row, or the reason why there is none; last: of the last answer alone something is learned."""
        if truth is None:
            return "without-answer"
        given = {field.name: examples.columns[field.name][place] for field in self._signature.inputs}
        if not all(self._alternates(field, given[field.name]) for field in self._signature.inputs):
            return "with-odd-turns"
        try:
            prompt = list(self._prompts.stretches(given))
        except RequestError as error:
            return _REFUSED.get(error.problems[0].id, "with-unknown-role")
        written = self._written(truth)
        if written is None:
            return "beside-schema"
        answer = [*written, *self._ends[:1]]
        if len(answer) < 2 and not any(stretch.ids for stretch in prompt):
            return "without-answer"
        if last:
            prompt = [Stretch(one.ids) for one in prompt]
        return self._learned([*prompt, Stretch(answer, spoken=True)])

    def _learned(self, stretches: Sequence[Stretch]) -> TokenRow:
        """Return the row of some stretches, of which those that are spoken are learned, each with what ends it."""
        ids: list[int] = []
        learned: list[bool] = []
        after_answer = False
        for stretch in stretches:
            ids += stretch.ids
            # the template's own text behind an answer: up to the token at which writing would end
            ended = self._until_end(stretch.ids) if after_answer and not stretch.spoken else 0
            learned += [stretch.spoken or place < ended for place in range(len(stretch.ids))]
            after_answer = stretch.spoken
        return TokenRow.of(ids, learned)

    def _until_end(self, ids: Sequence[int]) -> int:
        """Return how many tokens there are up to the first that ends an answer, 0 where none does."""
        return next((place for place, one in enumerate(ids, 1) if one in self._ends), 0)

    def _alternates(self, field: Field, value: object) -> bool:
        """Tell whether user and assistant take turns in a dialogue, and the user has the last word."""
        if value is None or not is_dialogue(field):
            return True
        turns = kinds.value(field.kind).to_json(value)
        assert isinstance(turns, list)
        speakers = [str(one["role"]) for one in turns if isinstance(one, dict)]
        twice = any(one == other and one in _SPEAKERS for one, other in pairwise(speakers))
        return not twice and speakers[-1] != "assistant"


def _are_equal(pair: Sequence[TokenRow | str]) -> bool:
    """Tell whether two answers are the same to the model: texts that differ may be written with the same tokens."""
    ids = {one.ids.tobytes() for one in pair if isinstance(one, TokenRow)}
    return len(ids) == 1 and not any(isinstance(one, str) for one in pair)
