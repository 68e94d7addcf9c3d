"""The texts of a chat template around tools, calls and results.

In these texts `{tools}`, `{name}`, `{arguments}`, `{id}` and `{result}` are places. All else is the template's own,
which alone may hold control tokens; what comes into the places is text like any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

from pydantic import Field, field_validator

from modelwright.kinds.shared.calling.offered_tools import Tool
from modelwright.kinds.shared.calling.tool_calls import ToolCall
from modelwright.kinds.shared.sealed_state import SealedState

_PLACE = re.compile(r"(\{(?:tools|name|arguments|id|result)\})")
_NAME, _ARGUMENTS, _ID = "\u00abname\u00bb", {"\u00ab": "arguments"}, "\u00abid\u00bb"


class Segment(NamedTuple):
    """A piece of a prompt. control: whether it may hold control tokens; spoken: whether the assistant writes it."""

    text: str
    control: bool = False
    spoken: bool = False


class CallKeys(NamedTuple):
    """Where a call stands in its object: under which keys, and what other keys always have."""

    order: tuple[str, ...]
    name: str
    arguments: str
    own_id: str | None
    fixed: dict[str, object]

    @property
    def forced(self) -> tuple[str, ...]:
        """Return the keys of a call that is written under a mask: the arguments last, and no id."""
        first = (one for one in self.order if one not in (self.arguments, self.own_id))
        return (*first, self.arguments)


class ToolTexts(SealedState):
    """What stands around tools, calls and results."""

    opening: str = Field(
        "", description="where there are tools, the beginning if no turn of the system is there"
    )
    system_before: str | None = Field(
        None, description="where there are tools, before a turn of the system; null: it has none"
    )
    system_after: str = Field("", description="where there are tools, after a turn of the system")
    user: str = Field(
        description="before a turn of the user, with `{tools}` for the tools: of the first or the last"
    )
    at: Literal["first", "last"] = Field("first", description="before which turn of the user tools stand")
    item: Literal["whole", "function"] = Field(
        "whole", description="a tool as `{type, function}`, or its function alone, as JSON"
    )
    indent: int | None = Field(
        None, ge=0, le=8, description="spaces that its JSON is indented by; null: one line"
    )
    joint: str = Field("\n", description="between two tools")
    call: str = Field(
        description='a call, with `{name}` and `{arguments}`: `{"name": "{name}", "arguments": {arguments}}`'
    )
    calls_begin: str | None = Field(
        None, description="before a turn that begins with calls; null: as before any turn of the assistant"
    )
    calls_before: str = Field("", description="before the calls of a turn")
    calls_joint: str | None = Field("\n", description="between two calls; null: there is one alone")
    calls_after: str = Field("", description="after the calls of a turn")
    content_joint: str | None = Field(
        "\n", description="between what is said and calls; null: it is left out"
    )
    results_before: str = Field("", description="before results that follow each other")
    result: str = Field("{result}", description="a result of a call, with `{result}`")
    results_joint: str = Field("", description="between two results")
    results_after: str = Field("", description="after them")
    quoted: bool = Field(False, description="whether a result stands there as a JSON text")

    @field_validator("user", "result")
    @classmethod
    def _has_its_place(cls, text: str, info: object) -> str:
        place = "{tools}" if getattr(info, "field_name", "") == "user" else "{result}"
        if text.count(place) != 1:
            raise ValueError(f"{place} must be there once")
        return text

    @field_validator("call")
    @classmethod
    def _is_an_object(cls, text: str) -> str:
        if _keys(text) is None:
            raise ValueError("a call must hold a JSON object with {name} and {arguments}")
        return text

    @cached_property
    def keys(self) -> CallKeys:
        """Return where a call stands in its object."""
        found = _keys(self.call)
        assert found is not None, "a call was read when it was sealed"
        return found

    @cached_property
    def around(self) -> tuple[str, str]:
        """Return what stands before the object of a call, and after it."""
        begin, end = _object(self.call)
        return self.call[:begin], self.call[end:]

    @property
    def prefix(self) -> str:
        """Return what an answer begins with that is a call."""
        return self.calls_before + self.around[0]

    def offered(self, tools: Sequence[Tool]) -> Iterator[Segment]:
        """Yield what stands before the turn of the user that has the tools."""
        shown = (
            json.dumps(
                one if self.item == "whole" else one["function"], ensure_ascii=False, indent=self.indent
            )
            for one in tools
        )
        yield from _filled(self.user, {"{tools}": self.joint.join(shown)})

    def called(self, content: str, calls: Sequence[ToolCall], before: int) -> Iterator[Segment]:
        """Yield what an assistant says and calls, without the end of its turn; before: calls in earlier turns."""
        if content and self.content_joint is not None:
            yield Segment(content, spoken=True)
            yield Segment(self.content_joint, control=True, spoken=True)
        yield Segment(self.calls_before, control=True, spoken=True)
        for place, call in enumerate(calls):
            if place:
                yield Segment(self.calls_joint or "", control=True, spoken=True)
            yield Segment(self.around[0], control=True, spoken=True)
            yield Segment(self.object_of(call, before + place), spoken=True)
            yield Segment(self.around[1], control=True, spoken=True)

    def answered(self, results: Sequence[str], before: int) -> Iterator[Segment]:
        """Yield the results of calls; before: results earlier in the dialogue."""
        yield Segment(self.results_before, control=True)
        for place, result in enumerate(results):
            if place:
                yield Segment(self.results_joint, control=True)
            text = json.dumps(result, ensure_ascii=False)[1:-1] if self.quoted else result
            yield from _filled(self.result, {"{result}": text, "{id}": own_id(before + place)})
        yield Segment(self.results_after, control=True)

    def object_of(self, call: ToolCall, place: int) -> str:
        """Return the object of a call; place: of the call in its dialogue."""
        begin, end = _object(self.call)
        values = {
            "{name}": json.dumps(call.name, ensure_ascii=False)[1:-1],
            "{arguments}": call.arguments,
            "{id}": own_id(place),
        }
        return "".join(one.text for one in _filled(self.call[begin:end], values))


def own_id(place: int) -> str:
    """Return the id of a call by its place in a dialogue: nine letters and digits, as some templates want it."""
    return f"call{place:05d}"


def _filled(text: str, values: dict[str, str]) -> Iterator[Segment]:
    for part in _PLACE.split(text):
        if part in values:
            yield Segment(values[part])
        elif part:
            yield Segment(part, control=True)


def _object(call: str) -> tuple[int, int]:
    """Return where the object of a call begins and ends, (0, 0) where there is none."""
    plain = _PLACE.sub(lambda found: "_" * len(found[0]), call)
    begin, end = plain.find("{"), plain.rfind("}")
    return (begin, end + 1) if 0 <= begin < end else (0, 0)


def _keys(call: str) -> CallKeys | None:
    """Return the keys of the object of a call; None where there is none with a name and arguments, and nothing else."""
    begin, end = _object(call)
    text = call[begin:end].replace("{name}", _NAME).replace("{arguments}", json.dumps(_ARGUMENTS))
    try:
        found = json.loads(text.replace("{id}", _ID))
    except (ValueError, RecursionError):
        return None
    by_value = {
        what: [key for key, value in found.items() if value == one]
        for what, one in (("name", _NAME), ("arguments", _ARGUMENTS), ("id", _ID))
    }
    if len(by_value["name"]) != 1 or len(by_value["arguments"]) != 1 or len(by_value["id"]) > 1:
        return None
    placed = [key for keys in by_value.values() for key in keys]
    fixed = {key: value for key, value in found.items() if key not in placed}
    own = next(iter(by_value["id"]), None)
    return CallKeys(tuple(found), by_value["name"][0], by_value["arguments"][0], own, fixed)
