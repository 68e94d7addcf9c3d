"""Writes live traffic in batches from a thread of its own, so that no request waits for a disk."""

from __future__ import annotations

import json
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from modelwright.core.messages import ModelwrightError
from modelwright.storage.traffic import live_schema

LINGER_S = 0.05  # a batch waits this long for more: 20 transactions a second at most, whatever the traffic
_BATCH_ROWS = 2_000
_LOG = logging.getLogger(__name__)

T = TypeVar("T")
SqlValue = str | int | float | None
"""What a column of SQLite takes here."""


class Answered(Protocol):
    """What the server says of one answered row; see `live.Row` for the units."""

    @property
    def id(self) -> str: ...
    @property
    def time(self) -> float: ...
    @property
    def version(self) -> int: ...
    @property
    def inputs(self) -> Mapping[str, object]: ...
    @property
    def outputs(self) -> Mapping[str, Mapping[str, object]] | None: ...
    @property
    def latency_s(self) -> float: ...
    @property
    def code(self) -> int: ...
    @property
    def unseen(self) -> Sequence[str]: ...
    @property
    def mirrored(self) -> bool: ...
    @property
    def first_s(self) -> float | None: ...
    @property
    def tokens_per_second(self) -> float | None: ...


@dataclass(frozen=True)
class _Truth:
    request_id: str
    output: str
    value: object
    time: float
    key: str


class Writer:
    """A bounded queue and the thread that empties it into the database."""

    def __init__(self, path: Path, most_waiting: int, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._waiting: queue.Queue[Sequence[Answered] | _Truth | threading.Event] = queue.Queue()
        self._most_waiting = most_waiting
        self._rows_waiting = 0
        self._lock = threading.Lock()
        self._dropped = 0
        self._untold = 0  # of the dropped, those that the database does not say yet
        self._hurry = threading.Event()
        self._closing = False
        self._open: tuple[int, sqlite3.Connection] | None = None  # the file's inode, and a connection to it
        self._thread: threading.Thread | None = None  # from the first row on: whoever only reads has none

    @property
    def dropped(self) -> int:
        """Return how many rows of this process were not recorded."""
        return self._dropped

    def put(self, rows: Sequence[Answered]) -> None:
        """Hand rows over; never blocks. Rows that find the queue full are dropped and counted."""
        with self._lock:
            self._start()
            if self._closing or self._rows_waiting + len(rows) > self._most_waiting:
                self._dropped += len(rows)
                self._untold += len(rows)
                return
            self._rows_waiting += len(rows)
            self._waiting.put(rows)

    def put_truth(self, request_id: str, output: str, value: object, key: str) -> bool:
        """Hand feedback over; never blocks. Tells whether there was room."""
        with self._lock:
            self._start()
            if self._closing or self._rows_waiting >= self._most_waiting:
                return False
            self._rows_waiting += 1
            self._waiting.put(_Truth(request_id, output, value, self._clock(), key))
            return True

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was handed over before is written or lost; tells whether it was in time."""
        if self._thread is None or not self._thread.is_alive():
            return True
        done = threading.Event()
        self._waiting.put(done)
        self._hurry.set()
        return done.wait(timeout_s)

    def close(self, timeout_s: float) -> None:
        """Write what waits, and end the thread."""
        with self._lock:
            self._closing = True
        self.flush(timeout_s)
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _start(self) -> None:
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._run, name="live-record", daemon=True)
            self._thread.start()

    # -- in the thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            first = self._waiting.get()
            self._hurry.wait(LINGER_S)
            batch: list[Sequence[Answered] | _Truth] = []
            flushed: list[threading.Event] = []
            taken = 0
            item: Sequence[Answered] | _Truth | threading.Event | None = first
            while item is not None:
                if isinstance(item, threading.Event):
                    flushed.append(item)
                    self._hurry.clear()
                else:
                    batch.append(item)
                    taken += 1 if isinstance(item, _Truth) else len(item)
                item = self._next() if taken < _BATCH_ROWS else None
            self._write(batch, taken)
            for done in flushed:
                done.set()
            if self._closing and self._waiting.empty():
                self._disconnect()
                return

    def _next(self) -> Sequence[Answered] | _Truth | threading.Event | None:
        try:
            return self._waiting.get_nowait()
        except queue.Empty:
            return None

    def _write(self, batch: Sequence[Sequence[Answered] | _Truth], taken: int) -> None:
        rows: list[tuple[SqlValue, ...]] = []
        truths: list[tuple[SqlValue, ...]] = []
        for item in batch:
            if isinstance(item, _Truth):
                truths.extend(_encoded([item], _truth))
            else:
                rows.extend(_encoded(item, _row))
        lost = taken - len(rows) - len(truths)
        with self._lock:
            self._rows_waiting -= taken
            untold = self._untold
        try:
            self._insert(rows, truths, untold + lost)
        except (sqlite3.Error, OSError, ModelwrightError) as error:
            self._disconnect()
            # The server goes on answering; the record has a gap, and says so as soon as it can.
            _LOG.error("live traffic not recorded: %s", error)
            lost, untold = taken, 0
            with self._lock:
                self._untold += taken
        with self._lock:
            self._dropped += lost
            self._untold -= untold

    def _insert(
        self, rows: list[tuple[SqlValue, ...]], truths: list[tuple[SqlValue, ...]], dropped: int
    ) -> None:
        if not (rows or truths or dropped):
            return
        connection = self._connection()
        with live_schema.transaction(connection):
            connection.executemany(
                "INSERT INTO requests (id, time, version, inputs, outputs, confidence, latency_s, code, unseen,"
                " mirrored, first_s, tokens_per_second) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            connection.executemany(
                # what a key reports again gets a new number: who reads on from a number finds it
                "INSERT OR REPLACE INTO feedback (request_id, output, value, time, key) VALUES (?, ?, ?, ?, ?)",
                truths,
            )
            if dropped:
                connection.execute("INSERT INTO dropped (time, rows) VALUES (?, ?)", (self._clock(), dropped))

    def _connection(self) -> sqlite3.Connection:
        """Return the open connection; a new one when the file was moved away, for nobody would read that."""
        found = self._path.stat().st_ino if self._path.exists() else None
        if self._open is None or self._open[0] != found:
            self._disconnect()
            live_schema.make(self._path)
            self._open = (self._path.stat().st_ino, live_schema.connect(self._path))
        return self._open[1]

    def _disconnect(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None


def _encoded(items: Sequence[T], encode: Callable[[T], tuple[SqlValue, ...]]) -> list[tuple[SqlValue, ...]]:
    found = []
    for item in items:
        try:
            found.append(encode(item))
        except (TypeError, ValueError) as error:  # a value that JSON does not know: this row alone is lost
            _LOG.error("a row of live traffic is not recorded: %s", error)
    return found


def _row(row: Answered) -> tuple[SqlValue, ...]:
    return (
        row.id,
        row.time,
        row.version,
        _json(row.inputs),
        _json(row.outputs) if row.outputs is not None else None,
        _confidence(row.outputs),
        row.latency_s,
        row.code,
        _json(list(row.unseen)) if row.unseen else None,
        int(row.mirrored),
        row.first_s,
        row.tokens_per_second,
    )


def _truth(truth: _Truth) -> tuple[SqlValue, ...]:
    return (truth.request_id, truth.output, _json(truth.value), truth.time, truth.key)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def _confidence(outputs: Mapping[str, Mapping[str, object]] | None) -> float | None:
    given = (one.get("confidence") for one in (outputs or {}).values())
    return min((one for one in given if isinstance(one, int | float)), default=None)
