"""From the values of a row to the tokens of its prompt, piece by piece.

Control tokens stand in the template's own text alone. In what users write, text that looks like one is text: it is
encoded with every added token of the vocabulary switched off, so that nobody can open a turn of another role. Some
vocabularies hold them beside (those of Unigram do): a text in which one is found all the same is encoded by letters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple, cast

from tokenizers import Tokenizer

from modelwright import kinds
from modelwright.core.messages import Problem, RequestError
from modelwright.core.signature import Signature
from modelwright.kinds.shared.calling import tool_calls
from modelwright.kinds.shared.calling.offered_tools import Tool
from modelwright.kinds.shared.files.tokenizer_opening import opened
from modelwright.package import content
from modelwright.package.content import Content
from modelwright.runtime.drivers.decode.calling.call_grammar import AddedTokens
from modelwright.runtime.drivers.decode.calling.tool_texts import Segment, ToolTexts
from modelwright.runtime.drivers.decode.decode_settings import Piece, bad_settings

TOKENIZER = "tokenizer.json"
TOOLS, SYSTEM, USER, ASSISTANT, TOOL = "tools", "system", "user", "assistant", "tool"

_Turn = Mapping[str, Any]


class Stretch(NamedTuple):
    """Tokens of a prompt that follow each other; spoken: whether the assistant wrote them in a turn of the dialogue.

    A turn that is not to be learned (`weight: 0`) is none that it wrote.
    given: whether they are a text of the row, and not the template's own.
    """

    ids: list[int]
    spoken: bool = False
    given: bool = False


class Prompts:
    """Encodes rows; `own` is the tokenizer as it is, which decodes what is written."""

    def __init__(
        self,
        signature: Signature,
        pieces: Sequence[Piece],
        tokenizer: Content,
        words: int,
        tools: ToolTexts | None = None,
    ) -> None:
        """Read the tokenizer; words: how many tokens the graph knows. Raises PackageError where the two differ."""
        self.own, self._plain = _opened(content.whole(tokenizer))
        highest = max(self.own.get_vocab(with_added_tokens=True).values(), default=-1)
        if highest >= words:
            raise bad_settings(TOKENIZER, fault="tokenizer", name=f"{highest + 1} > {words}")
        # runs of white space, which some vocabularies add, open no turn
        added = self.own.get_added_tokens_decoder().items()
        self._control = frozenset(one for one, token in added if token.content.strip())
        self._kinds = {field.name: kinds.value(field.kind) for field in signature.inputs}
        self._pieces = pieces
        self._tools = tools
        self._fixed: dict[str, list[int]] = {}

    def ids(self, row: Mapping[str, Any]) -> list[int]:
        """Return the tokens of a row of canonical values; raises RequestError for a role that the template has not."""
        return [one for stretch in self.stretches(row) for one in stretch.ids]

    def stretches(self, row: Mapping[str, Any]) -> Iterator[Stretch]:
        """Yield the tokens of a row in stretches; raises RequestError as `ids` does."""
        for piece in self._pieces:
            yield from self._of(piece, row, None)

    def given_places(self, row: Mapping[str, Any]) -> list[int]:
        """Return where in the tokens of a row the texts of the row itself stand."""
        found: list[int] = []
        end = 0
        for stretch in self.stretches(row):
            begin, end = end, end + len(stretch.ids)
            found += range(begin, end) if stretch.given else ()
        return found

    def offered(self, row: Mapping[str, Any]) -> list[Tool]:
        """Return the tools that a row's dialogue brings, none where it brings none."""
        for piece in self._pieces:
            turns = [] if piece.turns is None else self._turns_of(piece.turns, row)
            if turns and turns[0]["role"] == TOOLS:
                return cast("list[Tool]", json.loads(turns[0]["content"]))
        return []

    def without_tools(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row whose dialogue brings no tools."""
        named = {piece.turns for piece in self._pieces if piece.turns is not None}
        return {
            name: value[1:] if name in named and value and value[0].role == TOOLS else value
            for name, value in row.items()
        }

    def written_ids(self, text: str) -> list[int]:
        """Return the tokens of an answer, its calls as the template has them."""
        content, calls = tool_calls.parted(text) if self._tools is not None else (text, ())
        if not calls:
            return self.answer_ids(text)
        assert self._tools is not None
        return [one for part in self._tools.called(content, calls, 0) for one in self._stretch(part).ids]

    def added_tokens(self) -> AddedTokens:
        """Return the tokens that stand beside the vocabulary's own; those that are not special may be in texts."""
        added = self.own.get_added_tokens_decoder().items()
        ids = {token.content: one for one, token in added if token.content.strip()}
        return AddedTokens(ids, [one for one, token in added if not token.special])

    def marks(self, texts: ToolTexts) -> dict[int, str]:
        """Return the control tokens that stand around calls, which have a text where calls are read."""
        around = "".join([texts.prefix, texts.around[1], texts.calls_joint or ""])
        added = self.added_tokens()
        return {one: text for text, one in added.ids.items() if text in around and one not in added.spoken}

    def control_ids(self, text: str) -> list[int]:
        """Return the tokens of a text of the template's own, which may hold control tokens."""
        if text not in self._fixed:
            self._fixed[text] = self.own.encode(text, add_special_tokens=False).ids
        return self._fixed[text]

    def answer_ids(self, text: str) -> list[int]:
        """Return the tokens of a text that stands where an answer is written."""
        ids: list[int] = self._plain.encode(text, add_special_tokens=False).ids
        if self._control.isdisjoint(ids):
            return list(ids)
        letters = (self._plain.encode(one, add_special_tokens=False).ids for one in text)
        return [one for letter in letters for one in letter if one not in self._control]

    def _of(self, piece: Piece, row: Mapping[str, Any], turn: _Turn | None) -> Iterator[Stretch]:
        if piece.text is not None:
            yield Stretch(self.control_ids(piece.text))
        elif piece.content:
            turn = turn or {"role": "", "content": ""}
            yield Stretch(self._users(turn["content"], piece), spoken=_is_learned(turn), given=True)
        elif piece.input is not None:
            yield Stretch(self._users(self._text(piece.input, row[piece.input]), piece), given=True)
        elif piece.given is not None:
            if row[piece.given] is not None:
                for inner in piece.pieces:
                    yield from self._of(inner, row, turn)
        elif piece.turns is not None:
            yield from self._turns(piece, row, piece.turns)

    def _turns_of(self, name: str, row: Mapping[str, Any]) -> list[_Turn]:
        """Return the turns of an input, `{"role", "content"}`, as its kind has them in JSON."""
        value = row[name]
        return [] if value is None else cast("Any", self._kinds[name].to_json(value))

    def _turns(self, piece: Piece, row: Mapping[str, Any], name: str) -> Iterator[Stretch]:
        turns = self._turns_of(name, row)
        offered: list[Tool] = []
        if turns and turns[0]["role"] == TOOLS:
            offered, turns = json.loads(turns[0]["content"]), turns[1:]
        if offered and self._tools is None:
            raise RequestError(Problem("request.no-tools", name=TOOLS))
        texts = self._tools if offered else None
        if not turns or turns[0]["role"] != SYSTEM:
            yield from self._opening(piece, row, texts)
        at = _place_of_tools(turns, texts)
        called = answered = 0
        for place, results in _runs(turns):
            turn = turns[place]
            if turn["role"] == TOOL and self._tools is not None:
                yield from map(self._stretch, self._tools.answered(results, answered))
                answered += len(results)
                continue
            pieces = _of_role(piece, name, turn["role"])
            _, calls = self._calls(turn)
            if calls:
                yield from self._called(pieces, row, turn, called)
                called += len(calls)
            elif texts is not None and place == at:
                yield from map(self._stretch, texts.offered(offered))
                yield from self._content_on(pieces, row, turn)
            elif texts is not None and place == 0 and turn["role"] == SYSTEM:
                yield from self._system(texts, pieces, row, turn)
            else:
                for inner in pieces:
                    yield from self._of(inner, row, turn)

    def _opening(self, piece: Piece, row: Mapping[str, Any], texts: ToolTexts | None) -> Iterator[Stretch]:
        """Yield what stands at the beginning where no turn of the system does."""
        if texts is not None:
            yield Stretch(self.control_ids(texts.opening))
            return
        for inner in piece.opening:
            yield from self._of(inner, row, None)

    def _calls(self, turn: _Turn) -> tuple[str, Sequence[tool_calls.ToolCall]]:
        """Return what an assistant says, and its calls; no calls of anybody else."""
        if self._tools is None or turn["role"] != ASSISTANT:
            return turn["content"], ()
        return tool_calls.parted(turn["content"])

    def _called(
        self, pieces: Sequence[Piece], row: Mapping[str, Any], turn: _Turn, called: int
    ) -> Iterator[Stretch]:
        """Yield a turn with calls; called: how many there were before."""
        assert self._tools is not None
        content, calls = self._calls(turn)
        begin = None if content else self._tools.calls_begin
        if begin is not None:
            yield Stretch(self.control_ids(begin))
        for inner in pieces[: _content_place(pieces)] if begin is None else ():
            yield from self._of(inner, row, turn)
        for one in map(self._stretch, self._tools.called(content, calls, called)):
            yield one if _is_learned(turn) else one._replace(spoken=False)
        yield Stretch(self.control_ids(self._tools.calls_after))

    def _content_on(self, pieces: Sequence[Piece], row: Mapping[str, Any], turn: _Turn) -> Iterator[Stretch]:
        """Yield the content of a turn, and what stands behind it."""
        for inner in pieces[_content_place(pieces) :]:
            yield from self._of(inner, row, turn)

    def _system(
        self, texts: ToolTexts, pieces: Sequence[Piece], row: Mapping[str, Any], turn: _Turn
    ) -> Iterator[Stretch]:
        """Yield a turn of the system where there are tools."""
        if texts.system_before is None:
            raise RequestError(Problem("request.no-system-with-tools", name=TOOLS))
        yield Stretch(self.control_ids(texts.system_before))
        yield from self._of(pieces[_content_place(pieces)], row, turn)
        yield Stretch(self.control_ids(texts.system_after))

    def _stretch(self, segment: Segment) -> Stretch:
        ids = self.control_ids(segment.text) if segment.control else self.answer_ids(segment.text)
        return Stretch(ids, segment.spoken)

    def _users(self, text: str, piece: Piece) -> list[int]:
        return self.answer_ids(text.strip() if piece.trim else text)

    def _text(self, name: str, value: Any) -> str:
        """Return the value of an input as text: a text is itself, anything else as JSON has it."""
        if value is None:
            return ""
        plain = self._kinds[name].to_json(value)
        return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _is_learned(turn: _Turn) -> bool:
    """Tell whether a turn is the assistant's, and to be learned."""
    return bool(turn["role"] == ASSISTANT and turn.get("weight") != 0)


def _of_role(piece: Piece, name: str, role: str) -> Sequence[Piece]:
    """Return the pieces of a role; raises RequestError where there are none."""
    found = piece.roles.get(role)
    if found is None:
        known = ", ".join(f"`{one}`" for one in piece.roles)
        raise RequestError(Problem("request.unknown-role", field=name, role=role[:40], known=known))
    return found


def _content_place(pieces: Sequence[Piece]) -> int:
    """Return the place of what a turn says among its pieces."""
    return next((place for place, inner in enumerate(pieces) if inner.content), len(pieces) - 1)


def _runs(turns: Sequence[_Turn]) -> Iterator[tuple[int, list[str]]]:
    """Yield the place of each turn and what it says; results of tools that follow each other come together."""
    for _, run in groupby(enumerate(turns), lambda one: (one[1]["role"], one[0] * (one[1]["role"] != TOOL))):
        found = list(run)
        yield found[0][0], [turn["content"] for _, turn in found]


def _place_of_tools(turns: Sequence[_Turn], texts: ToolTexts | None) -> int | None:
    """Return before the content of which turn tools stand; raises RequestError where there is no such turn."""
    if texts is None:
        return None
    users = [place for place, turn in enumerate(turns) if turn["role"] == USER]
    first = int(bool(turns) and turns[0]["role"] == SYSTEM)
    if not users or (texts.at == "first" and users[0] != first):
        raise RequestError(Problem("request.no-user-for-tools", name=TOOLS))
    return users[0] if texts.at == "first" else users[-1]


def _opened(data: bytes) -> tuple[Tokenizer, Tokenizer]:
    """Return the tokenizer, and one to which added tokens are text like any other."""
    try:
        stated = json.loads(data)
        own = opened(data)
        for added in stated.get("added_tokens") or ():
            added["special"] = True  # so that the switch below speaks of them all
        plain = opened(json.dumps(stated))
    except (ValueError, TypeError, AttributeError) as error:  # it may be any JSON
        raise bad_settings(TOKENIZER, error=str(error)) from None
    plain.encode_special_tokens = True
    return own, plain
