"""The tools of one row: which of them may be called, and how its answer is held to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelwright.core.messages import Problem, RequestError
from modelwright.kinds.shared.calling.offered_tools import Tool
from modelwright.kinds.shared.schemas.answer_schema import schema_problem
from modelwright.runtime.drivers.decode.calling.call_reading import CallReader
from modelwright.runtime.drivers.decode.calling.call_schema import call_schema
from modelwright.runtime.drivers.decode.calling.tool_texts import ToolTexts
from modelwright.runtime.drivers.decode.row_options import (
    AUTO,
    CHOICE,
    NONE,
    REQUIRED,
    RowOptions,
)

MOST_CALLS = 8  # of an answer that can but call: one that goes round in circles comes to an end


@dataclass(frozen=True)
class RowTools:
    """What a row's tools make of it.

    begins: what its answer has before its first token; free: tools that it may call by objects that are held to them;
    further: those that it may call behind the first call, which must come.
    """

    options: RowOptions
    reader: CallReader | None = None
    begins: str = ""
    free: Sequence[Tool] = ()
    further: Sequence[Tool] = ()


def row_tools(options: RowOptions, tools: Sequence[Tool], texts: ToolTexts | None) -> RowTools:
    """Return what is made of a row with tools; raises RequestError for a choice that cannot be kept."""
    if options.choice == NONE or (options.choice == AUTO and not tools):
        return RowTools(options)
    if not tools:
        raise RequestError(Problem("request.no-tool-to-call", name=CHOICE))
    if texts is None:
        raise RequestError(Problem("request.no-tools", name="tools"))
    names = [str(one["function"]["name"]) for one in tools]
    for name in options.allowed or ():
        if name not in names:
            raise RequestError(Problem("request.unknown-tool", name=CHOICE, tool=name, known=names))
    if options.allowed is not None:
        tools = [one for one, name in zip(tools, names, strict=True) if name in options.allowed]
        names = [name for name in names if name in options.allowed]
    if options.choice == AUTO:
        reader = CallReader(texts, names, forced=False, most=1 if options.one_call else None)
        stop = (*options.stop, *(one for one in reader.stops if one not in options.stop))
        # without a mark, a call cannot be told from a text before it has ended, but from an object of another form
        is_held = reader.mark is not None or options.schema is not None
        return RowTools(replace(options, stop=stop), reader, free=tools if is_held else ())
    named = options.choice.removeprefix("=")
    wanted = [one for one in tools if options.choice == REQUIRED or one["function"]["name"] == named]
    if not wanted:
        raise RequestError(Problem("request.unknown-tool", name=CHOICE, tool=named, known=names))
    # a tool that is named is called once, as the protocol has it
    one_call = options.choice != REQUIRED or options.one_call or texts.calls_joint is None
    most = 1 if one_call else MOST_CALLS
    reader = CallReader(texts, [one["function"]["name"] for one in wanted], forced=True, most=most)
    held = replace(options, schema=call_schema(wanted, texts.keys))
    return RowTools(held, reader, texts.prefix, further=() if one_call else wanted)


def refused_schema(tools: Sequence[Tool], found: Problem) -> Problem:
    """Return why answers cannot be held to the parameters of a tool, by its place; found: of all of them together."""
    for place, tool in enumerate(tools):
        problem = schema_problem(tool["function"]["parameters"], f"tools.{place}.function.parameters")
        if problem is not None:
            return problem
    return found
