"""Values cross between gateway and worker as their kinds say: JSON as it is, bytes as bytes."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

import pytest

from modelwright import kinds
from modelwright.core.digests import of_bytes
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Role
from modelwright.kinds.contract.value import Value
from modelwright.runtime.worker import values
from modelwright.runtime.worker.frames import Unpacker, packed
from modelwright.runtime.worker.values import Crossing


class Picture(Value):
    """A kind whose values are bytes: base64 in JSON, themselves on the wire."""

    name: ClassVar[str] = "picture"
    summary: ClassVar[str] = "bytes"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.INPUT, Role.OUTPUT})

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}

    def parse(self, raw: object, *, lenient: bool = False) -> bytes | None:
        return None if raw is None else base64.b64decode(str(raw))

    def to_json(self, value: bytes) -> str:
        return base64.b64encode(value).decode()

    def to_wire(self, value: bytes) -> bytes:
        return value

    def from_wire(self, wire: bytes) -> bytes:
        return wire


@pytest.fixture
def crossing(monkeypatch: pytest.MonkeyPatch) -> Crossing:
    """Return the crossing of a signature with pictures on both sides (in the place of tags and dates)."""
    real = kinds.value
    monkeypatch.setattr(
        values.kinds, "value", lambda name: Picture() if name in {"date", "tags"} else real(name)
    )
    return Crossing(Signature.parse("f(a: number, b: date?) -> c: category, d: tags"))


def sent(message: list) -> list:
    """Return a message as it arrives."""
    (found,) = Unpacker().feed(packed(message))
    return found


def test_bytes_arrive_as_bytes(crossing: Crossing) -> None:
    rows = [(1.0, b"\x00\xff" * 10), (2.0, None)]
    out = crossing.rows_out(rows)
    assert [tuple(row) for row in crossing.rows_in(sent(["ask", 1, out])[2])] == rows
    answers = [[["x", 0.5], [b"\n{}", None]], [[None, None], [None, None]]]
    assert crossing.answers_in(sent(["end", 1, crossing.answers_out(answers)])[2]) == answers


def test_what_is_json_already_is_not_touched() -> None:
    plain = Crossing(Signature.parse("f(a: number, b: text) -> c: category"))
    rows: list[list[Any]] = [[1.0, "x"]]
    assert plain.rows_out(rows) is rows
    assert plain.rows_in(rows) is rows


def test_sets_cross_as_lists_and_come_back() -> None:
    crossing = Crossing(Signature.parse("f(a: number) -> d: tags"))
    value = kinds.value("tags").parse(["b", "a"])
    answers = [[[value, 0.5]]]
    assert crossing.answers_in(sent(["end", 1, crossing.answers_out(answers)])[2]) == answers


def test_the_record_keeps_digest_and_size_of_bytes() -> None:
    assert Picture().to_record(b"abc") == {"sha256": of_bytes(b"abc"), "bytes": 3}
    assert kinds.value("number").to_record(3.0) == 3.0
