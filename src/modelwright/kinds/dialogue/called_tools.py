"""Calls of tools in the turns of an assistant as OpenAI's protocol has them, and the results that belong to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelwright.core.messages import ValueProblem, shown
from modelwright.kinds.shared.calling.tool_calls import ToolCall, arguments_of, text_as_arguments
from modelwright.kinds.turns import TOOL


def calls_of(raw: object, place: int, *, may_be_cut: bool) -> tuple[ToolCall, ...]:
    """Return the calls of a turn, `tool_calls`; raises ValueProblem for what is none, of the turn at `place`.

    may_be_cut: whether arguments may be a text that is no object, as an answer has them that was cut.
    """
    if raw is None:
        return ()
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise ValueProblem("value.not-a-call", place=place, shown=shown(raw))
    return tuple(_call(one, place, may_be_cut=may_be_cut) for one in raw)


def in_order_of_calls(roles: Sequence[str], raw: Sequence[object], first: int) -> list[int]:
    """Return the places of turns, results of tools in the order of the calls that they name by their ids.

    first: the number by which a message names the first of them. Raises ValueProblem for a result that names no call of
    the turn before it.
    """
    order = list(range(len(raw)))
    called: list[str] = []
    begin = 0
    for place, (role, turn) in enumerate(zip(roles, raw, strict=True)):
        if role != TOOL:
            called, begin = _ids(turn), place + 1
            continue
        named = turn.get("tool_call_id") if isinstance(turn, Mapping) else None
        if called and named is not None and named not in called:
            raise ValueProblem("value.unknown-call", place=place + first, shown=shown(named))
        if called and named is not None:
            ranks = [(_rank(raw[one], called), one) for one in range(begin, place + 1)]
            order[begin : place + 1] = [one for _, one in sorted(ranks)]
    return order


def _call(raw: object, place: int, *, may_be_cut: bool) -> ToolCall:
    function = raw.get("function", raw) if isinstance(raw, Mapping) else None
    if isinstance(function, Mapping) and isinstance(name := function.get("name"), str) and name:
        stated = function.get("arguments")
        arguments = arguments_of(stated)
        if arguments is None and isinstance(stated, str) and may_be_cut:
            arguments = text_as_arguments(stated)  # the result beside it may say so
        if arguments is not None:
            return ToolCall(name, arguments)
    raise ValueProblem("value.not-a-call", place=place, shown=shown(raw))


def _ids(turn: object) -> list[str]:
    calls = turn.get("tool_calls") if isinstance(turn, Mapping) else None
    found = (
        [one.get("id") for one in calls if isinstance(one, Mapping)] if isinstance(calls, Sequence) else []
    )
    return [one for one in found if isinstance(one, str)]


def _rank(turn: object, called: Sequence[str]) -> int:
    """Return the place of the call that a result names, behind all of them where it names none."""
    named = turn.get("tool_call_id") if isinstance(turn, Mapping) else None
    return called.index(named) if isinstance(named, str) and named in called else len(called)
