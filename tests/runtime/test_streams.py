"""A worker with several streams: each is one part further in turn, and one that is left is closed."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from typing import Any

import pytest
from tiny_serving import linear_body

from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.runtime.worker.frames import Unpacker, packed
from modelwright.runtime.worker.inbox import Inbox
from modelwright.runtime.worker.streams import work_in_parts


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
