"""A row of a known form → the turns before an answer, and the answer. What is not read of a row is named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.shared.calling.offered_tools import text_of, tools_of
from modelwright.kinds.shared.calling.tool_calls import ToolCall, arguments_of, with_calls
from modelwright.kinds.turns import ASSISTANT, SYSTEM, TOOL, TOOLS, USER, role
from modelwright.stages.data.forms.answer_problem import AnswerProblem

Row = Mapping[str, object]
Turn = dict[str, str]
_TAKE_TURNS = (USER, ASSISTANT)
_WHO, _WHAT = ("role", "from"), ("content", "value")
_READ_PARTS = ("text", "tool_call")  # of a content in parts; a call is JSON already
_PROMPTS = ("prompt", "question", "instruction")  # a text before an answer of its own column
_VERDICTS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


@dataclass(frozen=True)
class Conversation:
    """What a row says: the turns before the answer, the answer, and the one that was liked less.

    answer: None where it is empty, or was not liked; places: of an answer that is labelled places, these. dropped:
    names of what the row holds and is not read; astray: tags that go on with a place which has not begun.
    """

    turns: Sequence[Turn]
    answer: str | None
    rejected: str | None = None
    dropped: tuple[str, ...] = ()
    places: Sequence[Mapping[str, object]] | None = None
    astray: int = 0


@dataclass
class _Turns:
    """Turns that were read, and what of them was not."""

    turns: list[Turn] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def add(self, raw: object) -> None:
        """Read one turn; raises ValueProblem for one without a role that is known, or without a text."""
        place = len(self.turns) + 1
        if not isinstance(raw, Mapping):
            raise ValueProblem("value.not-a-turn", place=place, shown=shown(raw))
        who = role(_first(raw, _WHO), place)
        content = "\n".join(self._parts(_first(raw, _WHAT))).strip()
        text = with_calls(content, list(_calls(raw.get("tool_calls"), place)))
        if not text and who != TOOL:  # what a tool answers may be empty
            raise ValueProblem("value.turn-without-text", place=place, role=who)
        self.turns.append({"role": who, "content": text})

    def _parts(self, content: object) -> Iterator[str]:
        """Yield the texts of a content, which may have parts; other parts (reasoning, pictures) are named."""
        for part in content if isinstance(content, list) else [content]:
            if isinstance(part, str):
                yield part
            elif isinstance(part, Mapping):
                text = next((part[one] for one in ("text", "value") if isinstance(part.get(one), str)), None)
                if part.get("type", "text") in _READ_PARTS and isinstance(text, str):
                    yield text
                else:
                    self.dropped.append(str(part.get("type")))


def of_alpaca(row: Row) -> Conversation:
    """Read an instruction, an input and an output; `system` and `history`, pairs of what was asked and answered."""
    found = _Turns()
    _begin(found, row)
    for pair in _listed(row.get("history")):
        both = pair if isinstance(pair, list) and len(pair) == len(_TAKE_TURNS) else (pair, None)
        for who, text in zip(_TAKE_TURNS, both, strict=True):
            found.add({"role": who, "content": text})
    texts = [one.strip() for name in ("instruction", "input") if isinstance(one := row.get(name), str)]
    found.add({"role": USER, "content": "\n".join(filter(None, texts))})
    return _whole(found, _text(row.get("output")), None, row)


def of_turns(row: Row, column: str) -> Conversation:
    """Read a list of turns whose last one is the answer, as ShareGPT and OpenAI's messages have it."""
    if row.get("label") is False:  # as rows of single verdicts have it
        raise AnswerProblem(ValueProblem("value.disliked-answer"))
    found = _Turns()
    _begin(found, row)
    return _whole(found, _answered(found, row.get(column)), None, row)


def of_preference(row: Row) -> Conversation:
    """Read two answers to one prompt; each may be a text, a turn, or all turns with the answer as the last."""
    chosen, rejected = (_answer(row, name) for name in ("chosen", "rejected"))
    found = _turns_before(row, chosen, rejected)
    return _whole(found, chosen.answer, rejected.answer, row)


def of_verdict(row: Row, columns: Sequence[str]) -> Conversation:
    """Read an answer that was liked or not: its row's only truth, or only an answer to be avoided.

    columns: where the answer stands, as the last of its turns or behind a prompt, and last the verdict. Raises
    ValueProblem for a row without a verdict, or without an answer.
    """
    *_, place, mark = columns
    liked = verdict(row.get(mark))
    if liked is None:
        raise AnswerProblem(ValueProblem("value.no-verdict", column=mark, shown=shown(row.get(mark))))
    if len(columns) == len((place, mark)):
        found = _Turns()
        _begin(found, row)
        answer: str | None = _answered(found, row.get(place))
    else:
        stated = _answer(row, place)
        answer, found = stated.answer, _turns_before(row, stated)
    if answer is None or not answer.strip():
        raise AnswerProblem(ValueProblem("value.verdict-without-answer", column=place))
    return _whole(found, answer if liked else None, None if liked else answer, row)


def verdict(raw: object) -> bool | None:
    """Return what a cell says of an answer, None where it is no verdict."""
    return _VERDICTS.get(str(raw).strip().lower())


def _turns_before(row: Row, *answers: Conversation) -> _Turns:
    """Return the turns before answers that stand in columns of their own; where no column has them, with the first."""
    stated = next((row[one] for one in ("conversations", "messages") if row.get(one) is not None), None)
    prompt = next((row[one] for one in _PROMPTS if row.get(one) is not None), None)
    found = _Turns(dropped=[name for one in answers for name in one.dropped])
    _begin(found, row)
    for raw in _listed(prompt if isinstance(prompt, list) else stated):
        found.add(raw)
    if not found.turns or found.turns[-1]["role"] == SYSTEM:
        if isinstance(prompt, str):
            texts = [prompt.strip(), one.strip() if isinstance(one := row.get("input"), str) else ""]
            found.add({"role": USER, "content": "\n".join(filter(None, texts))})
        else:
            found.turns += answers[0].turns
    return found


def _answer(row: Row, name: str) -> Conversation:
    """Return an answer, and the turns before it where they stand with it."""
    raw = row.get(name) if row.get(name) is not None else row.get(f"{name}_messages")
    if isinstance(raw, str) or raw is None:
        return Conversation([], _text(raw))
    found = _Turns()
    for one in raw if isinstance(raw, list) else [raw]:
        found.add(one)
    answer = _last(found)
    return Conversation(found.turns, answer, dropped=tuple(found.dropped))


def _begin(found: _Turns, row: Row) -> None:
    """Read what stands in a column `system`."""
    if isinstance(system := row.get("system"), str) and system.strip():
        found.add({"role": SYSTEM, "content": system})


def _answered(found: _Turns, stated: object) -> str:
    """Read turns, and take the answer away from their end; raises AnswerProblem for what is none."""
    *before, last = _listed(stated) or [None]
    if last is None:
        raise ValueProblem("value.no-turns")
    for raw in before:
        found.add(raw)
    try:
        found.add(last)
    except ValueProblem as problem:
        if before:
            raise AnswerProblem(problem) from None
        raise
    return _last(found)


def _last(found: _Turns) -> str:
    """Take the answer away from the end of the turns; raises ValueProblem where there is none."""
    if not found.turns:
        raise ValueProblem("value.no-turns")
    if found.turns[-1]["role"] != ASSISTANT:
        raise AnswerProblem(ValueProblem("value.no-last-answer", role=found.turns[-1]["role"]))
    return found.turns.pop()["content"]


def _whole(found: _Turns, answer: str | None, rejected: str | None, row: Row) -> Conversation:
    """Return what was read; raises ValueProblem where user and assistant do not take turns."""
    before = [one["role"] for one in found.turns]
    for place, (one, after) in enumerate(pairwise([*before, ASSISTANT]), 1):
        if (one == after and one in _TAKE_TURNS) or (after == ASSISTANT and one == SYSTEM):
            raise ValueProblem("value.no-turn-taking", place=place + 1, before=one, role=after)
    if not before:
        raise ValueProblem("value.no-turn-taking", place=1, before=None, role=ASSISTANT)
    offered, unread = _offered(row)
    dropped = [*found.dropped, *unread]
    return Conversation([*offered, *found.turns], answer, rejected, tuple(dropped))


def _calls(raw: object, place: int) -> Iterator[ToolCall]:
    """Yield the calls of tools in a turn; raises ValueProblem for what is none."""
    for call in raw if isinstance(raw, list) else ():
        function = call.get("function", call) if isinstance(call, Mapping) else {}
        name, arguments = function.get("name"), arguments_of(function.get("arguments"))
        if not isinstance(name, str) or not name or arguments is None:
            raise ValueProblem("value.not-a-call", place=place, shown=shown(call))
        yield ToolCall(name, arguments)


def _offered(row: Row) -> tuple[list[Turn], list[str]]:
    """Return the turn that holds a row's tools, and the name of what of them is not read."""
    stated = row.get("tools")
    if stated in (None, "", "[]", []):
        return [], []
    try:
        return [{"role": TOOLS, "content": text_of(tools_of(stated))}], []
    except ValueProblem:
        return [], ["tools"]


def _listed(raw: object) -> Sequence[object]:
    """Return a list, which a cell of text may hold as JSON; nothing of what is missing."""
    if isinstance(raw, str) and raw.lstrip()[:1] in ("[", "{"):
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError):
            raise ValueProblem("value.not-a-dialogue", shown=shown(raw)) from None
    if isinstance(raw, Mapping):
        raw = [raw]
    if raw is None or raw == "":
        return ()
    if not isinstance(raw, list):
        raise ValueProblem("value.not-a-dialogue", shown=shown(raw))
    return raw


def _text(raw: object) -> str | None:
    if raw is None or isinstance(raw, str):
        return raw or None
    raise AnswerProblem(ValueProblem("value.not-a-text", shown=shown(raw)))


def _first(raw: Mapping[str, object], names: Sequence[str]) -> object:
    return next((raw[name] for name in names if raw.get(name) is not None), None)
