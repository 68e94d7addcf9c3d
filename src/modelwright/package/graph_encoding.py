"""Reads ONNX graphs strictly: one way to write a graph, and every other one is refused.

Protocol buffers may be written in many ways that readers take for the same, or for something else: numbers longer than
needed, fields in any order, twice, unknown, or cut. Who checks a graph with one reader and runs it with another must
not leave them room to differ. So only the bytes that protocol buffers themselves would write are taken: decoding them
and writing them again changes nothing. Nothing is built in memory; texts and numbers are all that a part keeps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelwright.package.graph_schema import ENUMERATIONS, FIXED_BYTES, MESSAGES, ROOT, VARINTS, GraphField

MOST_DEPTH = 100  # as deep as protocol buffers themselves allow
# A varint in its shortest form, up to 64 bits; the second is one of 32 bits, where a negative one has 64 as well.
_INT64 = rb"(?:[\x00-\x7f]|[\x80-\xff]{1,8}[\x01-\x7f]|[\x80-\xff]{9}\x01)"
_INT32 = rb"(?:[\x00-\x7f]|[\x80-\xff]{1,3}[\x01-\x7f]|[\x80-\xff]{4}(?:[\x01-\x07]|[\xf8-\xff]\xff{4}\x01))"
_VARINT = re.compile(_INT64)
_PATTERNS: Mapping[str, bytes] = {
    **dict.fromkeys(VARINTS, _INT32),
    "int64": _INT64,
    "uint64": _INT64,
    **{name: rb"[\x00-\xff]{%d}" % size for name, size in FIXED_BYTES.items()},
}
# Possessive, so that a run of millions takes no memory. A packed one is values alone, any other repeats its tag.
_ONE = {name: re.compile(pattern) for name, pattern in _PATTERNS.items()}
_PACKED = {name: re.compile(rb"(?:%s)++" % pattern) for name, pattern in _PATTERNS.items()}
_RUNS = {
    field: re.compile(
        rb"(?:%s%s)++" % (re.escape(bytes([field.number << 3 | field.wire])), _PATTERNS[field.type])
    )
    for fields in MESSAGES.values()
    for field in fields.values()
    if field.repeated and not field.packed and field.type in _PATTERNS
}


class GraphEncodingError(ValueError):
    """Bytes that are no graph, or not written as protocol buffers write it.

    fault: `unknown` field, `wire` type, `order` of fields, a field `twice`, a number too `long`, an `empty` list, what
    is no `text`, `cut` off, or too `deep`; place: the way to it, as names of fields; at: the byte.
    """

    def __init__(self, fault: str, way: tuple[str, ...], at: int) -> None:
        super().__init__(fault)
        self.fault = fault
        self.place = ".".join(("model", *way))
        self.at = at


@dataclass(frozen=True, slots=True)
class GraphPart:
    """A message of a graph: the names of the fields that lead to it, its type, and its own texts and numbers."""

    way: tuple[str, ...]
    type: str
    values: Mapping[str, str | int]


def parts(graph: bytes | memoryview) -> Iterator[GraphPart]:
    """Yield every message of a graph, those inside of it before it; raises GraphEncodingError."""
    return _read(memoryview(graph), 0, len(graph), ROOT, ())


def _read(data: memoryview, place: int, end: int, message: str, way: tuple[str, ...]) -> Iterator[GraphPart]:
    if len(way) > MOST_DEPTH:
        raise GraphEncodingError("deep", way, place)
    fields = MESSAGES[message]
    values: dict[str, str | int] = {}
    last, group = 0, False
    while place < end:
        begin = place
        tag, place = _varint(data, place, end, way)
        field = fields.get(tag >> 3)
        if field is None:
            raise GraphEncodingError("unknown", way, begin)
        inner = (*way, field.name)
        if tag & 7 != field.wire:
            raise GraphEncodingError("wire", inner, begin)
        again = field.number == last and not (field.repeated and not field.packed)
        if again or (field.in_group and group):
            raise GraphEncodingError("twice", inner, begin)
        if field.number < last:
            raise GraphEncodingError("order", inner, begin)
        last, group = field.number, group or field.in_group
        if field.wire != 2:
            place = _scalars(data, begin, place, end, field, inner, values)
            continue
        size, begin = _varint(data, place, end, inner)
        place = begin + size
        if place > end:
            raise GraphEncodingError("cut", inner, begin)
        if field.is_message:
            yield from _read(data, begin, place, field.type, inner)
        elif field.packed:
            _require_packed(data, begin, place, field, inner)
        elif field.type == "string":
            text = _text(data, begin, place, inner)
            if not field.repeated:
                values[field.name] = text
    yield GraphPart(way, message, values)


def _scalars(
    data: memoryview,
    begin: int,
    place: int,
    end: int,
    field: GraphField,
    way: tuple[str, ...],
    values: dict[str, str | int],
) -> int:
    """Return where the numbers of a field end, whose tag stands from `begin` to `place`; keep a single one."""
    found = (
        _RUNS[field].match(data, begin, end)  # each with its tag
        if field.repeated
        else _ONE[field.type].match(data, place, end)
    )
    if found is None:
        raise GraphEncodingError("long", way, begin)
    if field.wire == 0 and not field.repeated:
        values[field.name] = value = _number(data, place, found.end())
        if value not in ENUMERATIONS.get(field.type, (value,)):
            raise GraphEncodingError("unknown", way, begin)
    return found.end()


def _varint(data: memoryview, place: int, end: int, way: tuple[str, ...]) -> tuple[int, int]:
    """Return a tag or a length, and where it ends."""
    if place < end and data[place] < 0x80:
        return data[place], place + 1  # nearly always
    found = _VARINT.match(data, place, end)
    if found is None:
        raise GraphEncodingError("long", way, place)
    return _number(data, place, found.end()), found.end()


def _number(data: memoryview, place: int, end: int) -> int:
    """Return the value of a varint that was found to be one, without its sign."""
    value = 0
    for byte in reversed(data[place:end]):
        value = value << 7 | byte & 0x7F
    return value


def _text(data: memoryview, place: int, end: int, way: tuple[str, ...]) -> str:
    try:
        return str(data[place:end], "utf-8")
    except UnicodeDecodeError:
        raise GraphEncodingError("text", way, place) from None


def _require_packed(data: memoryview, place: int, end: int, field: GraphField, way: tuple[str, ...]) -> None:
    if place == end:  # nobody writes a list of none
        raise GraphEncodingError("empty", way, place)
    if size := FIXED_BYTES.get(field.type):
        if (end - place) % size:
            raise GraphEncodingError("cut", way, place)
    elif _PACKED[field.type].fullmatch(data, place, end) is None:
        raise GraphEncodingError("long", way, place)
