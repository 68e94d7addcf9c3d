"""Calls of tools in what a body has written so far."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelwright.kinds.shared.calling.tool_calls import ToolCall, arguments_of
from modelwright.runtime.drivers.decode.calling.tool_texts import ToolTexts

_BETWEEN = " \t\r\n,[]"  # what may stand between two objects
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class CalledText:
    """What is said, and what is called. is_whole: whether the last call's arguments have come to their end."""

    content: str
    calls: tuple[ToolCall, ...] = ()
    is_whole: bool = True


class CallReader:
    """Reads the answers to one request. What was shown of an answer stays as it grows."""

    def __init__(self, texts: ToolTexts, names: Sequence[str], *, forced: bool, most: int | None) -> None:
        """names: of the tools; forced: whether an answer is the object of a call; most: calls that are read.

        mark: what a call begins with, None where it is known by its object alone.
        """
        self._texts = texts
        self._names = frozenset(names)
        self._forced = forced
        self._most = most
        words = texts.prefix.split()
        self.mark = words[0] if words and any(map(str.isalpha, words[0])) else None
        self._end = texts.around[1].strip()

    @property
    def stops(self) -> tuple[str, ...]:
        """Return the texts at which an answer may end, as it has as many calls as are read."""
        return (self._end,) if self._most == 1 and self._end and not self._forced and self.mark else ()

    def read(self, text: str, *, done: bool) -> CalledText:
        """Return what stands in an answer so far; done: whether nothing more comes."""
        if self._forced:
            return self._of_object(text)
        begin = self._begin(text)
        if begin is None:
            return CalledText(text if done else text[: len(text) - self._held(text)].rstrip())
        calls = list(self._calls(text, begin))
        if not calls and done:
            return CalledText(text)
        content = text[:begin].rstrip()
        if not calls:
            return CalledText(content)
        end = calls[-1][1]
        rest = text[end:].replace(self._end, "") if self._end else text[end:]
        found = tuple(call for call, _ in calls)
        left = rest.strip(_BETWEEN)
        if done and left and self._most is None:
            content = "\n".join(filter(None, [content, left]))
        return CalledText(content, found[: self._most])

    def _of_object(self, text: str) -> CalledText:
        """Return the call that an object is, as far as it is written, and those behind it that are whole."""
        for name in self._names:
            before = self._before_arguments(name)
            if text.startswith(before):
                try:
                    _, end = _DECODER.raw_decode(text, len(before))
                except (ValueError, RecursionError):
                    return CalledText("", (ToolCall(name, text[len(before) :]),), is_whole=False)
                calls = [ToolCall(name, text[len(before) : end])]
                closed = text.find("}", end)
                if closed >= 0 and self._most != 1:
                    calls += [call for call, _ in self._calls(text, closed + 1)]
                return CalledText("", tuple(calls[: self._most]))
        return CalledText("", is_whole=False)

    def _before_arguments(self, name: str) -> str:
        """Return the object of a call up to its arguments, as it is written under the mask."""
        keys = self._texts.keys
        found = "{"
        for key in keys.forced[:-1]:
            value = name if key == keys.name else keys.fixed[key]
            found += f"{_dumped(key)}: {_dumped(value)}, "
        return f"{found}{_dumped(keys.arguments)}: "

    def _begin(self, text: str) -> int | None:
        """Return where calls begin."""
        if self.mark is not None:
            found = text.find(self.mark)
            return None if found < 0 else found
        begin = len(text) - len(text.lstrip(_BETWEEN))
        return begin if text[begin : begin + 1] == "{" else None

    def _held(self, text: str) -> int:
        """Return how many characters at the end may be the beginning of a mark."""
        mark = self.mark or ""
        return next(
            (size for size in range(min(len(mark) - 1, len(text)), 0, -1) if text.endswith(mark[:size])), 0
        )

    def _calls(self, text: str, begin: int) -> Iterator[tuple[ToolCall, int]]:
        """Yield each call that is whole, and where its object ends."""
        at = begin
        while True:
            at = self._skipped(text, at)
            if text[at : at + 1] != "{":
                return
            try:
                stated, at = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError):
                return
            call = self._call(stated)
            if call is None:
                return
            yield call, at

    def _skipped(self, text: str, at: int) -> int:
        """Return where the next object may begin: behind marks, ends and what stands between."""
        marks = [one for one in (self.mark, self._end) if one]
        while at < len(text):
            mark = next((one for one in marks if text.startswith(one, at)), None)
            if mark is None and text[at] not in _BETWEEN:
                break
            at += 1 if mark is None else len(mark)
        return at

    def _call(self, stated: object) -> ToolCall | None:
        """Return the call of an object, None where it calls no tool that is there."""
        keys = self._texts.keys
        if not isinstance(stated, dict) or stated.get(keys.name) not in self._names:
            return None
        arguments = arguments_of(stated.get(keys.arguments, {}))
        return None if arguments is None else ToolCall(str(stated[keys.name]), arguments)


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
