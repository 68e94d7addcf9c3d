"""Messages are values: they compare, hash, show and cross a wire by their id, place and values."""

from __future__ import annotations

import pytest

from modelwright.core.messages import Notice, Phrase, Problem, ValueProblem
from modelwright.core.messages.errors import ModelwrightError, RequestError

MISSING = Problem("unit.number", where="a.yaml:3", given="x", example="15 ms")


def test_equal_messages_are_equal_and_hash_alike():
    same = Problem("unit.number", where="a.yaml:3", given="x", example="15 ms")
    assert same == MISSING
    assert hash(same) == hash(MISSING)
    assert len({same, MISSING, MISSING.at("b.yaml:4")}) == 2


@pytest.mark.parametrize(
    "other",
    [
        Problem("unit.symbol", where="a.yaml:3", given="x", example="15 ms"),
        Problem("unit.number", where="a.yaml:4", given="x", example="15 ms"),
        Problem("unit.number", where="a.yaml:3", given="y", example="15 ms"),
        Problem("unit.number", where="a.yaml:3", given="x"),
        Notice("unit.number", where="a.yaml:3", given="x", example="15 ms"),
        "unit.number",
        None,
    ],
)
def test_a_message_that_says_another_thing_is_another(other):
    assert other != MISSING
    assert not MISSING == other  # noqa: SIM201, SIM300 - the other way round


def test_hashes_tell_most_messages_apart():
    others = [MISSING.at("b"), MISSING.at(None), Problem("unit.symbol"), Problem("unit.number", given="x")]
    assert len({hash(one) for one in (MISSING, *others)}) == 5


def test_it_shows_what_makes_it_again():
    assert repr(MISSING) == "Problem('unit.number', where='a.yaml:3', **{'given': 'x', 'example': '15 ms'})"


def test_a_place_is_put_on_a_copy():
    moved = MISSING.at("b.yaml:9")
    assert (moved.where, MISSING.where) == ("b.yaml:9", "a.yaml:3")
    assert moved.at(None).where is None
    assert moved.at(None) == Problem("unit.number", given="x", example="15 ms")


def test_what_crosses_a_wire_is_the_same_message():
    odd = Notice(
        "unit.number",
        given=[None, 1, 2.5, True, ("a",), Phrase("slice.expected-value")],
        example=MISSING,
        x=b"bytes",
    )
    wire = odd.to_wire()
    assert wire["values"]["x"] == "b'bytes'"
    assert wire["where"] is None
    back = Notice.from_wire(wire)
    assert back.where is None
    assert back.values["given"] == [None, 1, 2.5, True, ["a"], Phrase("slice.expected-value")]
    assert back.values["example"] == MISSING
    assert back.to_wire() == wire
    assert Problem.from_wire({"id": "unit.number", "values": {}}).where is None  # a place may be absent


def test_a_phrase_is_formatted_as_its_text():
    text = Phrase("shown.value", form="nothing")
    assert f"{text:>10}|" == "   nothing|"
    assert f"{text}|" == "nothing|"


def test_a_finding_about_a_value_carries_its_values():
    problem = ValueProblem("unit.number", given="x", example="15 ms")
    assert problem.message == Problem("unit.number", given="x", example="15 ms")
    assert problem.args == ("unit.number",)
    assert (problem.found, problem.rule) == (problem.message.found, problem.message.rule)
    assert str(problem) == str(problem.message)


def test_a_refused_request_has_a_status():
    assert RequestError(MISSING).status == 422
    assert RequestError(MISSING, 413).status == 413
    assert RequestError(MISSING).problems == (MISSING,)
    assert str(ModelwrightError([MISSING, MISSING])) == f"{MISSING}\n{MISSING}"
