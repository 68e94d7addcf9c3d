"""A row of a known form → the turns before an answer, and the answer. What is not read of a row is named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.shared.calling.offered_tools import text_of, tools_of
from modelwright.kinds.shared.calling.tool_calls import ToolCall, arguments_of, with_calls
from modelwright.kinds.turns import ASSISTANT, SYSTEM, TOOL, TOOLS, USER, role, unlearned
from modelwright.stages.data.forms.answer_problem import AnswerProblem

Row = Mapping[str, object]
Turn = dict[str, Any]  # of an assistant that is not to be learned with `weight: 0`
_TAKE_TURNS = (USER, ASSISTANT)
_WHO, _WHAT = ("role", "from"), ("content", "value")
_TEXT, _CALL = "text", "tool_call"  # parts of a content that are read
_CALLERS = ("function_call", "tool_call")  # roles whose whole content is a call, as ShareGPT has them
_TOOLS = ("tools", "functions")
_PROMPTS = ("prompt", "question", "query", "instruction")  # a text before an answer of its own column
# How preferences of people are published as one text (Bai et al. 2022, hh-rlhf).
_SPOKEN = re.compile(r"\n\n(Human|Assistant): ?")
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
    marks: list[str] = field(default_factory=list)  # by which turns are not to be learned

    def add(self, raw: object) -> None:
        """Read one turn; raises ValueProblem for one without a role that is known, or without a text."""
        place = len(self.turns) + 1
        if not isinstance(raw, Mapping):
            raise ValueProblem("value.not-a-turn", place=place, shown=shown(raw))
        who = role(_first(raw, _WHO), place)
        stated = str(_first(raw, _WHO)).strip().lower()
        parts = list(self._parts(_first(raw, _WHAT), _CALL if stated in _CALLERS else _TEXT))
        made = [(_written_calls(text, place) if kind == _CALL else [], text) for kind, text in parts]
        calls = [call for found, _ in made for call in found]
        calls += _calls(raw.get("tool_calls"), place)
        calls += _calls([one] if isinstance(one := raw.get("function_call"), Mapping) else None, place)
        text = with_calls("\n".join(text for found, text in made if not found).strip(), calls)
        if not text and who != TOOL:  # what a tool answers may be empty
            raise ValueProblem("value.turn-without-text", place=place, role=who)
        mark = unlearned(raw) if who == ASSISTANT else None
        self.marks += [] if mark is None else [mark]
        self.turns.append({"role": who, "content": text, **({} if mark is None else {"weight": 0})})

    def _parts(self, content: object, usual: str) -> Iterator[tuple[str, str]]:
        """Yield the texts of a content, which may have parts, and what they are; others (pictures) are named."""
        for part in content if isinstance(content, list) else [content]:
            if isinstance(part, str):
                yield usual, part
            elif isinstance(part, Mapping):
                text = next((part[one] for one in ("text", "value") if isinstance(part.get(one), str)), None)
                if (kind := part.get("type", _TEXT)) in (_TEXT, _CALL) and isinstance(text, str):
                    yield str(kind), text
                else:
                    self.dropped.append(str(part.get("type")))


def of_alpaca(row: Row) -> Conversation:
    """Read an instruction, an input and an output; `system` and `history`, pairs of what was asked and answered.

    Also a `context` and a `response` in their place (Dolly).
    """
    found = _Turns()
    _begin(found, row)
    for pair in _listed(row.get("history")):
        both = pair if isinstance(pair, list) and len(pair) == len(_TAKE_TURNS) else (pair, None)
        for who, text in zip(_TAKE_TURNS, both, strict=True):
            found.add({"role": who, "content": text})
    names = ("instruction", "input", "context")
    texts = [one.strip() for name in names if isinstance(one := row.get(name), str)]
    found.add({"role": USER, "content": "\n".join(filter(None, texts))})
    return _whole(found, _text(_first(row, ("output", "response"))), None, row)


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


def of_completion(row: Row, columns: Sequence[str]) -> Conversation:
    """Read a prompt and its answer, each a text or turns, from two columns."""
    stated = _answer(row, columns[-1])
    return _whole(_turns_before(row, stated), stated.answer, None, row)


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
    if isinstance(raw, str) and (spoken := _SPOKEN.split(raw))[0] == "" and len(spoken) > 1:
        raw = [{"role": who, "content": text} for who, text in zip(spoken[1::2], spoken[2::2], strict=True)]
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
    _leave_unlearned(found)
    return _last(found)


def _leave_unlearned(found: _Turns) -> None:
    """Leave out what stands behind the last answer that is to be learned; raises AnswerProblem where there is none."""
    if "weight" not in found.turns[-1]:
        return
    answers = ((place, turn) for place, turn in enumerate(found.turns) if turn["role"] == ASSISTANT)
    learned = [place for place, turn in answers if "weight" not in turn]
    if not learned:
        raise AnswerProblem(ValueProblem("value.nothing-learned", mark=found.marks[-1]))
    found.dropped.append(found.marks[-1])
    del found.turns[learned[-1] + 1 :]


def _last(found: _Turns) -> str:
    """Take the answer away from the end of the turns; raises ValueProblem where there is none."""
    if not found.turns:
        raise ValueProblem("value.no-turns")
    if found.turns[-1]["role"] != ASSISTANT:
        raise AnswerProblem(ValueProblem("value.no-last-answer", role=found.turns[-1]["role"]))
    return str(found.turns.pop()["content"])


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
        name, arguments = function.get("name"), arguments_of(_first(function, ("arguments", "parameters")))
        if not isinstance(name, str) or not name or arguments is None:
            raise ValueProblem("value.not-a-call", place=place, shown=shown(call))
        yield ToolCall(name, arguments)


def _written_calls(text: str, place: int) -> list[ToolCall]:
    """Return the calls that a text is the JSON of, one or a list; none where it is something else."""
    try:
        stated = json.loads(text)
        return list(_calls(stated if isinstance(stated, list) else [stated], place))
    except (ValueError, RecursionError, ValueProblem):
        return []


def _offered(row: Row) -> tuple[list[Turn], list[str]]:
    """Return the turn that holds a row's tools, and the name of what of them is not read."""
    name = next((one for one in _TOOLS if row.get(one) is not None), TOOLS)
    stated = row.get(name)
    if stated in (None, "", []) or (functions := _as_functions(stated)) == []:
        return [], []
    try:
        return [{"role": TOOLS, "content": text_of(tools_of(functions))}], []
    except ValueProblem:
        return [], [name]


def _as_functions(stated: object) -> object:
    """Return tools as the protocol has them; ShareGPT, and the protocol's first form, name functions alone."""
    try:
        stated = json.loads(stated) if isinstance(stated, str) else stated
    except (ValueError, RecursionError):
        return stated
    return [
        {"type": "function", "function": one}
        if isinstance(one, Mapping) and "name" in one and "function" not in one
        else one
        for one in (stated if isinstance(stated, list) else [stated])
    ]


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
    if raw and all(isinstance(one, str) for one in raw):  # as UltraChat has them: the user begins
        return [{"role": _TAKE_TURNS[place % 2], "content": text} for place, text in enumerate(raw)]
    return raw


def _text(raw: object) -> str | None:
    if raw is None or isinstance(raw, str):
        return raw or None
    raise AnswerProblem(ValueProblem("value.not-a-text", shown=shown(raw)))


def _first(raw: Mapping[str, object], names: Sequence[str]) -> object:
    return next((raw[name] for name in names if raw.get(name) is not None), None)
