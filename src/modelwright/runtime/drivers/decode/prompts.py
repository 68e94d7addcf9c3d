"""From the values of a row to the tokens of its prompt, piece by piece.

Control tokens stand in the template's own text alone. In what users write, text that looks like one is text: it is
encoded with every added token of the vocabulary switched off, so that nobody can open a turn of another role. Some
vocabularies hold them beside (those of Unigram do): a text in which one is found all the same is encoded by letters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from tokenizers import Tokenizer

from modelwright import kinds
from modelwright.core.messages import Problem, RequestError
from modelwright.core.signature import Signature
from modelwright.package import content
from modelwright.package.content import Content
from modelwright.runtime.drivers.decode.decode_settings import Piece, bad_settings

TOKENIZER = "tokenizer.json"
SYSTEM, ASSISTANT = "system", "assistant"


class Stretch(NamedTuple):
    """Tokens of a prompt that follow each other; spoken: whether the assistant wrote them in a turn of the dialogue."""

    ids: list[int]
    spoken: bool = False


class Prompts:
    """Encodes rows; `own` is the tokenizer as it is, which decodes what is written."""

    def __init__(self, signature: Signature, pieces: Sequence[Piece], tokenizer: Content, words: int) -> None:
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
        self._fixed: dict[str, list[int]] = {}

    def ids(self, row: Mapping[str, Any]) -> list[int]:
        """Return the tokens of a row of canonical values; raises RequestError for a role that the template has not."""
        return [one for stretch in self.stretches(row) for one in stretch.ids]

    def stretches(self, row: Mapping[str, Any]) -> Iterator[Stretch]:
        """Yield the tokens of a row in stretches; raises RequestError as `ids` does."""
        for piece in self._pieces:
            yield from self._of(piece, row, None)

    def answer_ids(self, text: str) -> list[int]:
        """Return the tokens of a text that stands where an answer is written."""
        ids: list[int] = self._plain.encode(text, add_special_tokens=False).ids
        if self._control.isdisjoint(ids):
            return list(ids)
        letters = (self._plain.encode(one, add_special_tokens=False).ids for one in text)
        return [one for letter in letters for one in letter if one not in self._control]

    def _of(self, piece: Piece, row: Mapping[str, Any], turn: Mapping[str, str] | None) -> Iterator[Stretch]:
        if piece.text is not None:
            if piece.text not in self._fixed:
                self._fixed[piece.text] = self.own.encode(piece.text, add_special_tokens=False).ids
            yield Stretch(self._fixed[piece.text])
        elif piece.content:
            turn = turn or {"role": "", "content": ""}
            yield Stretch(self._users(turn["content"], piece), spoken=turn["role"] == ASSISTANT)
        elif piece.input is not None:
            yield Stretch(self._users(self._text(piece.input, row[piece.input]), piece))
        elif piece.given is not None:
            if row[piece.given] is not None:
                for inner in piece.pieces:
                    yield from self._of(inner, row, turn)
        elif piece.turns is not None:
            yield from self._turns(piece, row, piece.turns)

    def _turns(self, piece: Piece, row: Mapping[str, Any], name: str) -> Iterator[Stretch]:
        value = row[name]
        # a dialogue is a list of turns, {"role", "content"}, as its kind has them in JSON
        turns: list[dict[str, str]] = [] if value is None else cast("Any", self._kinds[name].to_json(value))
        if not turns or turns[0]["role"] != SYSTEM:
            for inner in piece.opening:
                yield from self._of(inner, row, None)
        for turn in turns:
            pieces = piece.roles.get(turn["role"])
            if pieces is None:
                known = ", ".join(f"`{role}`" for role in piece.roles)
                raise RequestError(
                    Problem("request.unknown-role", field=name, role=turn["role"][:40], known=known)
                )
            for inner in pieces:
                yield from self._of(inner, row, turn)

    def _users(self, text: str, piece: Piece) -> list[int]:
        return self.answer_ids(text.strip() if piece.trim else text)

    def _text(self, name: str, value: Any) -> str:
        """Return the value of an input as text: a text is itself, anything else as JSON has it."""
        if value is None:
            return ""
        plain = self._kinds[name].to_json(value)
        return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _opened(data: bytes) -> tuple[Tokenizer, Tokenizer]:
    """Return the tokenizer, and one to which added tokens are text like any other."""
    try:
        stated = json.loads(data)
        # without padding and cutting, whatever it was trained with
        stated |= {"padding": None, "truncation": None}
        own = Tokenizer.from_str(json.dumps(stated))
        for added in stated.get("added_tokens") or ():
            added["special"] = True  # so that the switch below speaks of them all
        plain = Tokenizer.from_str(json.dumps(stated))
    except Exception as error:  # the library raises plain Exception
        raise bad_settings(TOKENIZER, error=str(error)) from None
    plain.encode_special_tokens = True
    return own, plain
