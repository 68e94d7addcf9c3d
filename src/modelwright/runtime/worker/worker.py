"""A worker: one version in a process of its own, so that a graph that crashes takes no connection with it.

The gateway starts it with one end of a socket pair, which no other process can reach, and which closes when
the gateway dies, however it dies; the worker then ends as well. Requests that arrive while a batch runs make
up the next batch.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import socket
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias, TypedDict, cast

from modelwright.core.messages import PackageError, Phrase, Problem, UserError, preferred, use
from modelwright.package import gpu
from modelwright.package.confinement import confine, modules
from modelwright.package.manifest import SettledEntry
from modelwright.package.ort import onnxruntime
from modelwright.package.packages import read
from modelwright.runtime.batching import MOST_PADDED
from modelwright.runtime.function import Answers, Columns, Function
from modelwright.runtime.log_lines import BoundedHandler
from modelwright.runtime.machine import cores
from modelwright.runtime.worker.batcher import Batcher
from modelwright.runtime.worker.form import form_of
from modelwright.runtime.worker.frames import Message, Unpacker, packed
from modelwright.runtime.worker.inbox import Inbox, Waiting
from modelwright.runtime.worker.parent import die_with_parent
from modelwright.runtime.worker.streams import work_in_parts
from modelwright.runtime.worker.timed_opening import candidates, opened
from modelwright.runtime.worker.values import (
    COUNT_TOKENS,
    PROMPT_TOKENS,
    Crossing,
    RowAnswer,
    Unseen,
    row_answer,
)

_LOG = logging.getLogger(__name__)
_GONE: Message = [None, None]
_WARM_UP_ROWS = (1, 1)  # and a full batch
_Answered: TypeAlias = tuple[Sequence[RowAnswer], Unseen]
_Device: TypeAlias = Literal["auto", "cpu", "cuda"]
_Refused: TypeAlias = list[Problem]  # what is wrong with the rows, which the worker alone can tell


def work(
    function: Function,
    inbox: Inbox,
    connection: socket.socket,
    max_batch: int,
    max_wait_s: float,
    bar_s: float | None = None,
) -> None:
    """Answer batch after batch; raises EOFError or ConnectionError when the gateway is gone.

    Requests of like length share a pass; bar_s is the time that an answer may take, None where there is no such bar.
    """
    crossing = Crossing(function.signature)

    def sizes(rows: Sequence[Sequence[object]]) -> list[int]:
        return function.sizes(function.rows.columns([tuple(row) for row in crossing.rows_in(rows)]))

    batcher = Batcher(sizes, max_batch, max_wait_s, bar_s)
    while True:
        batch = inbox.take(batcher)
        begun = time.monotonic()
        answers = _answers(function, crossing, batch, max_batch)
        inference_s = time.monotonic() - begun
        batcher.observe(batch, inference_s)
        rows = sum(len(request.rows) for request in batch)
        replies = [
            _reply(request, answered, begun - request.sent, inference_s, rows)
            for request, answered in zip(batch, answers, strict=True)
        ]
        connection.sendall(b"".join(replies))


def _answers(
    function: Function, crossing: Crossing, batch: Sequence[Waiting], max_batch: int
) -> list[_Answered | _Refused | None]:
    """Return the answers of each request, or why its rows cannot be answered; None where the body fails on it."""
    rows = [tuple(row) for request in batch for row in crossing.rows_in(request.rows)]
    columns = function.rows.columns(rows)
    refused = function.misfits(columns)
    if refused and len(batch) == 1:
        several = len(rows) > 1
        return [[one.at(f"item {row}" if several else None) for row in refused for one in refused[row]]]
    if refused:
        return [_answers(function, crossing, [request], max_batch)[0] for request in batch]
    try:
        wanted = any(request.options.get("probabilities") for request in batch)
        # Single rows were chosen to share one pass; the rows of a list are what they are.
        padded = math.inf if all(len(request.rows) == 1 for request in batch) else MOST_PADDED
        predicted = function.answer(columns, max_batch, probabilities=wanted, most_padded=padded)
        predicted = _with_tokens(predicted, function, columns, batch)
        unseen = function.unseen(columns)
    except Exception:
        if len(batch) > 1:
            return [_answers(function, crossing, [request], max_batch)[0] for request in batch]
        _LOG.exception("%s", Phrase("serve.body-raised"))
        return [None]
    whole = [row_answer(row.values()) for row in predicted]
    flat = crossing.answers_out(whole)
    found: list[_Answered | _Refused | None] = []
    begin = 0
    for request in batch:
        end = begin + len(request.rows)
        found.append(
            (flat[begin:end], [[row - begin, [*unseen[row]]] for row in unseen if begin <= row < end])
        )
        begin = end
    return found


def _with_tokens(
    predicted: list[Answers], function: Function, columns: Columns, batch: Sequence[Waiting]
) -> list[Answers]:
    """Return the answers, of requests that ask for it with how many tokens of their rows were read."""
    wanted = [bool(request.options.get(COUNT_TOKENS)) for request in batch for _ in request.rows]
    counts = function.tokens(columns) if any(wanted) else None
    if counts is None:
        return predicted
    return [
        {
            name: replace(one, details={**(one.details or {}), PROMPT_TOKENS: count})
            for name, one in row.items()
        }
        if is_wanted
        else row
        for row, count, is_wanted in zip(predicted, counts, wanted, strict=True)
    ]


def _reply(
    request: Waiting, answered: _Answered | _Refused | None, queue_s: float, inference_s: float, rows: int
) -> bytes:
    if isinstance(answered, list):
        wire = [problem.to_wire() for problem in answered]
        return packed(["misfit", request.id, queue_s, inference_s, rows, wire])
    if answered is not None:
        answers, unseen = answered
        try:
            return packed(["end", request.id, answers, queue_s, inference_s, rows, unseen])
        except ValueError:  # an answer that is no number
            pass
    return packed(["failed", request.id, queue_s, inference_s, rows])


def _warm_up(function: Function, max_batch: int) -> None:
    # the first passes allocate memory and choose kernels; no request should wait for that
    for rows in (max_batch, *_WARM_UP_ROWS) if not function.streams else ():
        function.answer(function.example(rows), max_batch)  # a body need not answer what is missing


class _Order(TypedDict):
    """What a worker opens, and how: as `channel.start` has it."""

    package: str
    threads: int | None  # of each pass; None: as timed here
    sharing: int  # the workers that share the cores, where threads are timed
    max_batch: int | None  # None: as suits the threads
    max_wait_s: float
    bar_s: float | None  # the time that an answer may take
    device: _Device


def _usable(device: _Device, lacks: gpu.Lack | None) -> _Device:
    """Return the device as it can be had: the CPU where there is no GPU; raises PackageError where it must be one."""
    if device == "cuda" and lacks is not None:
        raise PackageError(Problem("serve.no-gpu", lacks=lacks))
    if device == "auto" and lacks == "runtime" and gpu.device_files():
        _LOG.warning("%s", Phrase("serve.cpu-runtime"))
    return device if lacks is None else "cpu"


def _orders(connection: socket.socket) -> Iterator[Message]:
    """Yield what the gateway says before it has heard that the worker is ready, until it is gone."""
    unpacker = Unpacker()
    with suppress(ConnectionError):
        while data := connection.recv(1 << 16):
            yield from unpacker.feed(data)


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the package that the gateway names, say so, and answer until it closes the socket."""
    parser = argparse.ArgumentParser(prog="modelwright.runtime.worker.worker", description=main.__doc__)
    parser.add_argument("--socket", type=int, required=True, help="the file descriptor of a connected socket")
    options = parser.parse_args(arguments)

    if not sys.warnoptions:
        # Libraries warn of what a client has sent, past the bounds of the log.
        warnings.simplefilter("ignore")
    connection = socket.socket(fileno=options.socket)
    die_with_parent()
    use(preferred(os.environ))
    logging.getLogger("modelwright").addHandler(BoundedHandler())
    orders = _orders(connection)
    kind, what = next(orders, _GONE)
    if kind is None:
        return 0  # it was started ahead, and nothing was to be served
    package = Path(what if kind == "read" else what["package"]).absolute()
    device = "auto" if kind == "read" else cast("_Order", what)["device"]
    lacks = gpu.lack(onnxruntime.get_available_providers()) if device != "cpu" else None
    # From here on it reads the package and what Python needs, writes nothing, and connects to nobody.
    is_confined = confine([package, *modules()], on_gpu=device != "cpu" and lacks is None)
    try:
        whole = read(package)
        ahead = None
        if kind == "read":
            ahead = candidates(whole, cores())
            kind, what = next(orders, _GONE)
        if kind is None:
            return 0
        order = cast("_Order", what)
        function, layout = opened(
            whole,
            order["threads"],
            max(1, cores() // order["sharing"]),
            _usable(order["device"], lacks),
            ahead,
        )
        ahead = None  # those that were not taken would keep their memory
        max_batch = order["max_batch"] or layout.rows
        _warm_up(function, max_batch)
    except UserError as error:
        with suppress(ConnectionError):
            connection.sendall(packed(["refused", [problem.to_wire() for problem in error.problems]]))
        return 1
    try:
        connection.sendall(
            packed(
                [
                    "ready",
                    str(function.signature),
                    function.digest,
                    function.streams,
                    is_confined,
                    form_of(function),
                    {name: SettledEntry.of(one).model_dump() for name, one in function.rows.settled.items()},
                    {one.name: list(function.known(one.name)) for one in function.signature.outputs},
                    [layout.workers, layout.threads, layout.on_gpu],
                    dict(function.options),
                ]
            )
        )
        if function.streams:
            work_in_parts(function, Inbox(connection), connection)
        else:
            inbox = Inbox(connection)
            work(function, inbox, connection, max_batch, order["max_wait_s"], order["bar_s"])
    except (EOFError, ConnectionError):
        pass  # the gateway is gone, or needs this version no longer
    return 0


if __name__ == "__main__":
    sys.exit(main())
