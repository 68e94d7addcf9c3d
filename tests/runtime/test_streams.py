"""A worker with several streams: each is one part further in turn, and one that is left is closed."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tiny_writing
from tiny_serving import linear_body

from modelwright.package.packages import Package
from modelwright.runtime import drivers
from modelwright.runtime.drivers.contract.driver import Load
from modelwright.runtime.drivers.decode.answer_masks import AnswerMask
from modelwright.runtime.function import Function
from modelwright.runtime.worker.frames import Unpacker, packed
from modelwright.runtime.worker.growing_lists import restored, shortened
from modelwright.runtime.worker.inbox import Inbox
from modelwright.runtime.worker.streams import work_in_parts

ITEMS = [{"token": "a"}, {"token": "b"}]


def test_streams_take_turns(spell: str) -> None:
    function = Function(Package(replace(linear_body(), driver=spell, graphs={}), "", 1))
    gateway, theirs = socket.socketpair()
    with gateway, theirs:
        for number in range(3):  # all there before it begins
            gateway.sendall(packed(["ask", number, [[1.0, None]], 0.0, {}]))
        gateway.sendall(packed(["leave", 2]))

        def work() -> None:
            with pytest.raises(EOFError):
                work_in_parts(function, Inbox(theirs), theirs)

        worker = threading.Thread(target=work)
        worker.start()
        found: list[Any] = []
        unpacker = Unpacker()
        gateway.settimeout(30)
        while sum(message[0] == "end" for message in found) < 2:
            found += unpacker.feed(gateway.recv(1 << 16))
        gateway.shutdown(socket.SHUT_WR)
        worker.join(30)
    assert not worker.is_alive()
    assert [(kind, number) for kind, number, *_ in found] == [
        ("part", 0), ("part", 1), ("part", 0), ("part", 1), ("part", 0), ("part", 1), ("end", 0), ("end", 1),
    ]  # fmt: skip


def test_a_prompt_that_cannot_be_answered_is_refused_and_one_that_leaves_frees_its_slot() -> None:
    function = Function(Package(drivers.samples("decode").body(), "", 1))
    loop = function._running.loop  # type: ignore[attr-defined]
    assert function.at_once == 2
    gateway, theirs = socket.socketpair()
    with gateway, theirs:
        worker = threading.Thread(target=_work, args=(function, theirs))
        gateway.sendall(packed(["ask", 0, [["y" * 80]], 0.0, {}]))
        gateway.sendall(packed(["ask", 1, [["a"]], 0.0, {"top_p": 2.0}]))
        for number in range(2, 12):  # more than there are slots: they wait
            gateway.sendall(packed(["ask", number, [["hello"]], 0.0, {"max_tokens": 30}]))
        worker.start()
        found: list[Any] = []
        unpacker = Unpacker()
        gateway.settimeout(30)
        while not any(message[0] == "part" for message in found):
            found += unpacker.feed(gateway.recv(1 << 16))
        for number in (2, 3, 4):  # two that write, and one that waits
            gateway.sendall(packed(["leave", number]))
        while not set(range(5, 12)) <= {number for kind, number, *_ in found if kind == "end"}:
            found += unpacker.feed(gateway.recv(1 << 16))
        gateway.shutdown(socket.SHUT_WR)
        worker.join(30)
    assert not worker.is_alive()
    assert loop.in_slots == 0
    refused = {number: rest[-1][0] for kind, number, *rest in found if kind == "misfit"}
    assert sorted(refused) == [0, 1]
    assert "request.long-prompt" in str(refused[0])
    assert "request.option" in str(refused[1])
    assert all(message[2] for message in found if message[0] == "part"), "a part without rows is not sent"


def test_a_request_that_cannot_even_begin_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    function = Function(Package(drivers.samples("decode").body(), "", 1))
    whole = function.misfits

    def broken(columns: Any, options: Any = None) -> Any:
        if options.get("seed") == 1:
            raise ValueError("an internal error")
        return whole(columns, options)

    monkeypatch.setattr(function, "misfits", broken)
    gateway, theirs = socket.socketpair()
    with gateway, theirs:
        worker = threading.Thread(target=_work, args=(function, theirs))
        for seed in range(3):
            gateway.sendall(packed(["ask", seed, [["hello"]], 0.0, {"max_tokens": 2, "seed": seed}]))
        worker.start()
        found: list[Any] = []
        unpacker = Unpacker()
        gateway.settimeout(30)
        while sum(message[0] in {"end", "failed"} for message in found) < 3:
            found += unpacker.feed(gateway.recv(1 << 16))
        gateway.shutdown(socket.SHUT_WR)
        worker.join(30)
    ends = {number: kind for kind, number, *_ in found if kind in {"end", "failed"}}
    assert ends == {0: "end", 1: "failed", 2: "end"}


def test_an_answer_that_cannot_go_on_in_its_schema_is_refused_and_no_fault(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("llguidance")
    function = Function(Package(tiny_writing.reply_body(), "", 1))
    nothing = np.zeros(function._running._graph.words, dtype=np.bool_)  # type: ignore[attr-defined]
    monkeypatch.setattr(AnswerMask, "may_come", lambda _: nothing)
    gateway, theirs = socket.socketpair()
    with gateway, theirs:
        gateway.sendall(packed(["ask", 0, [["hello"]], 0.0, {"schema": {"type": "object"}}]))
        gateway.sendall(packed(["ask", 1, [["hello"]], 0.0, {"max_tokens": 2}]))
        worker = threading.Thread(target=_work, args=(function, theirs))
        worker.start()
        found: list[Any] = []
        unpacker = Unpacker()
        gateway.settimeout(30)
        while not {0, 1} <= {number for kind, number, *_ in found if kind in {"misfit", "end", "failed"}}:
            found += unpacker.feed(gateway.recv(1 << 16))
        gateway.shutdown(socket.SHUT_WR)
        worker.join(30)
    ends = {number: (kind, rest) for kind, number, *rest in found if kind not in {"part", "load"}}
    assert (ends[0][0], ends[1][0]) == ("misfit", "end")
    assert "schema.dead-end" in str(ends[0][1][-1])
    assert not caplog.records, "what was asked is at fault: nothing of it is logged"


def test_what_is_known_of_tokens_crosses_once_and_parts_hold_all_of_it() -> None:
    function = Function(Package(tiny_writing.reply_body(), "", 1))
    gateway, theirs = socket.socketpair()
    found: list[Any] = []
    with gateway, theirs:
        worker = threading.Thread(target=_work, args=(function, theirs))
        options = {"max_tokens": 60, "logprobs": 20, "logit_bias": {"2": -100}}
        gateway.sendall(packed(["ask", 0, [["hello"], ["How much?"]], 0.0, options]))
        worker.start()
        unpacker = Unpacker()
        gateway.settimeout(30)
        while not any(message[0] == "end" for message in found):
            found += unpacker.feed(gateway.recv(1 << 16))
        gateway.shutdown(socket.SHUT_WR)
        worker.join(30)
    (whole,) = (message[2] for message in found if message[0] == "end")
    sent = sum(len(packed(message)) for message in found if message[0] == "part")
    assert sent < 2 * len(packed(whole)), "and not thirty times as much"
    newest: dict[int, Any] = {}
    for _, _, places, answers in (message for message in found if message[0] == "part"):
        for place, answer in zip(places, answers, strict=True):
            before = newest.get(place)
            newest[place] = restored(answer, before)
            ((_, _, _, _, details),) = newest[place]
            assert len(details["logprobs"]) == details["tokens"]
            assert before is None or len(before[0][4]["logprobs"]) == before[0][4]["tokens"], (
                "an earlier part stays"
            )
    assert [newest[0], newest[1]] == whole


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([[1, None]], [[2, None]]),
        ([[1, None, None, None, {"a": [1]}]], [[2, None]]),
        ([[1, None]], [[2, None, None, None, {"a": [1]}]]),
        ([[1, None, None, None, {"a": [{"b": 1}]}]], [[2, None, None, None, {"a": [{"b": 2}, {"b": 1}]}]]),
        ([[1, None, None, None, {"a": [1, 2]}]], [[2, None, None, None, {"a": [1]}]]),
        ([[1, None, None, None, {"a": []}]], [[2, None, None, None, {"a": [1], "c": 3}]]),
        ([[1, None, None, None, {"a": ITEMS[:1]}]], [[2, None, None, None, {"a": ITEMS, "c": 3}]]),
        ([[1, None, None, None, {"a": ITEMS}]], [[2, None, None, None, {"a": [*ITEMS]}]]),
        (
            [[1, None], [1, None, None, None, {"a": ITEMS[:1]}]],
            [[2, 0.5], [2, None, None, None, {"a": ITEMS}]],
        ),
    ],
)
def test_any_answer_behind_another_is_restored(before: Any, now: Any) -> None:
    sent = shortened(now, before)
    assert restored(json.loads(json.dumps(sent)), json.loads(json.dumps(before))) == now
    assert shortened(now, None) is now


def test_who_leaves_frees_its_slot_before_the_next_token_and_the_counts_say_so() -> None:
    body = drivers.samples("decode").body()
    function = Function(
        Package(replace(body, settings={**body.settings, "sampling": {"max_tokens": 50}}), "", 1)
    )
    gateway, theirs = socket.socketpair()
    with gateway, theirs:
        worker = threading.Thread(target=_work, args=(function, theirs))
        gateway.sendall(packed(["ask", 0, [["hello"]], 0.0, {"max_tokens": 2}]))
        worker.start()
        found: list[Any] = []
        unpacker = Unpacker()
        gateway.settimeout(30)
        while not any(message[0] == "end" for message in found):
            found += unpacker.feed(gateway.recv(1 << 16))
        (end,) = [message for message in found if message[0] == "end"]
        ((first_ms, *gaps_ms),) = end[-1]
        assert len(gaps_ms) == 1
        assert first_ms > 0
        assert gaps_ms[0] > 0
        before = [Load(*message[2]) for message in found if message[0] == "load"][-1]
        assert (before.waiting, before.writing, before.written_tokens) == (0, 0, 2)
        assert before.prompt_tokens == len("> hello\n")
        gateway.sendall(packed(["ask", 1, [["hello"]] * 60, 0.0, {}]))  # 3,000 tokens: it leaves long before
        while not any(message[:2] == ["part", 1] for message in found):
            found += unpacker.feed(gateway.recv(1 << 16))
        gateway.sendall(packed(["leave", 1]))
        while found[-1][0] != "load" or Load(*found[-1][2]).writing:
            found += unpacker.feed(gateway.recv(1 << 16))
        gateway.shutdown(socket.SHUT_WR)
        worker.join(30)
    after = Load(*found[-1][2])
    parts = [message for message in found if message[:2] == ["part", 1]]
    last = {place: one for part in parts for place, one in zip(part[2], part[3], strict=True)}
    tokens = sum(answer[-1]["tokens"] for (answer,) in last.values())
    assert after.written_tokens - before.written_tokens == tokens < 3000
    assert function.load() == after, "nothing is written for who has left"


def _work(function: Function, connection: socket.socket) -> None:
    with pytest.raises(EOFError):
        work_in_parts(function, Inbox(connection), connection)
