"""The record of live traffic, in a SQLite file of its own, so that traffic never touches the state database.

One schema from the first day: request id, time, version, inputs (less those that are private, which the
server leaves out), outputs, confidence, latency, HTTP status, and the truth when it becomes known.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from modelwright.core.evidence.labelled_rows import Label
from modelwright.core.json_types import Json
from modelwright.storage.state import backups
from modelwright.storage.traffic import live_schema, truths
from modelwright.storage.traffic.followed_traffic import FollowedTraffic
from modelwright.storage.traffic.traffic_window import FIGURES, Window
from modelwright.storage.traffic.truths import KnownId
from modelwright.storage.traffic.writer import Answered, Writer

__all__ = ["Answered", "KnownId", "Lease", "LiveRecord", "Row", "Window"]

MOST_WAITING = 20_000  # rows between server and disk: a few seconds of a busy server, some 20 MB
_ROWS = (
    "SELECT id, time, version, inputs, outputs, confidence, latency_s, code, unseen, mirrored,"
    # the latest of each output: a bare column stands in the row that has the maximum (sqlite.org/lang_select.html)
    " (SELECT json_group_object(output, json(value)) FROM (SELECT output, value, max(time) FROM feedback"
    " WHERE request_id = requests.id GROUP BY output))"
    " FROM requests"
)
_FIGURES = f"SELECT {FIGURES} FROM requests"  # noqa: S608 - a constant
# Of all versions: what was answered. Of one: also the copies that it got while it was only watched.
_WITHIN = "WHERE time >= ? AND time < ? AND CASE WHEN ? IS NULL THEN NOT mirrored ELSE version = ? END"
_PRUNED_AT_ONCE = 5_000  # rows a transaction, so that the writer waits a few ms at most
COPY_KEPT_S = 7 * 86_400.0  # from before a change of the schema


@dataclass(frozen=True)
class Row:
    """One answered row of a request, or one request that failed (no outputs).

    time: seconds since the epoch; outputs: {output: {"value", "confidence"}}; confidence: the lowest of the
    outputs, None where there is none; unseen: inputs whose value training never showed; feedback: the truth by
    output, as far as it is known; mirrored: a copy, whose answer nobody got (the request's own row has the same id).
    """

    id: str
    time: float
    version: int
    inputs: Mapping[str, Json]
    outputs: Mapping[str, Mapping[str, Json]] | None
    confidence: float | None
    latency_s: float
    code: int
    feedback: Mapping[str, Json]
    unseen: tuple[str, ...] = ()
    mirrored: bool = False


@dataclass(frozen=True)
class Lease:
    """Who may do a thing until when (seconds since the epoch); `term` grows with every change of holder."""

    name: str
    holder: str
    until: float
    term: int

    def holds(self, now_s: float, ttl_s: float) -> bool:
        """Tell whether it holds at a Unix time, of leases that are taken for `ttl_s` seconds.

        One that would hold for longer than that was taken before the clock was set back, perhaps by who is gone.
        """
        return now_s < self.until <= now_s + ttl_s


class LiveRecord:
    """The record at a path. Clock: seconds since the epoch."""

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.time, most_waiting: int = MOST_WAITING
    ) -> None:
        self._path = path
        self._clock = clock
        self._writer = Writer(path, most_waiting, clock)

    @classmethod
    def open(
        cls, path: Path, clock: Callable[[], float] = time.time, most_waiting: int = MOST_WAITING
    ) -> Self:
        """Open the record, made if it is not there. Raises StateError and MachineError."""
        live_schema.make(path)
        return cls(path, clock, most_waiting)

    # -- writing -------------------------------------------------------------------------------------------

    def record(self, rows: Sequence[Answered]) -> None:
        """Hand answered rows over to be written; never waits for the disk, nor raises for it (`dropped`)."""
        self._writer.put(rows)

    def feedback(self, request_id: str, output: str, value: object, key: str = "") -> bool:
        """Hand over the truth about an output (JSON), of which a key's latest counts; tells whether there was room."""
        return self._writer.put_truth(request_id, output, value, key)

    @property
    def dropped(self) -> int:
        """Return how many rows of this process were not recorded: no room, no disk, or no JSON."""
        return self._writer.dropped

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until all that was handed over before is written; tells whether it was in time."""
        return self._writer.flush(timeout_s)

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what waits and end the writer's thread. Further rows are dropped."""
        self._writer.close(timeout_s)

    # -- reading -------------------------------------------------------------------------------------------

    def window(
        self,
        since: float,
        version: int | None = None,
        until: float | None = None,
        most: int | None = None,
    ) -> Window:
        """Return the figures of the rows from `since` on and before `until` (seconds since the epoch).

        most: so many of the newest, in the order of their times: a busy server has millions of rows within a day.
        """
        until = until if until is not None else float("inf")
        within = (since, until, version, version)
        with self._reading() as connection:
            dropped = connection.execute(
                "SELECT coalesce(sum(rows), 0) FROM dropped WHERE time >= ? AND time < ?", (since, until)
            ).fetchone()[0]
            if most is None:
                return Window.read(connection.execute(f"{_FIGURES} {_WITHIN} ORDER BY n", within), dropped)
            # the index on the time is walked backwards, and no further than to the last one wanted
            newest = f"{_FIGURES} {_WITHIN} ORDER BY time DESC LIMIT ?"
            return Window.read(connection.execute(newest, (*within, most)), dropped, backwards=True)

    def rows(
        self,
        since: float,
        version: int | None = None,
        until: float | None = None,
        limit: int | None = None,
    ) -> list[Row]:
        """Return whole rows with their feedback, in the order of arrival; `limit` takes the newest."""
        until = until if until is not None else float("inf")
        with self._reading() as connection:
            found = connection.execute(
                f"{_ROWS} {_WITHIN} ORDER BY n DESC LIMIT ?",
                (since, until, version, version, limit if limit is not None else -1),
            ).fetchall()
        return [_as_row(one) for one in reversed(found)]

    def labels(self, version: int, since: float, until: float | None = None) -> list[Label]:
        """Return what keys have reported of the rows of a version; since and until bound when the request came.

        A row counts where it alone has its id: what several requests brought cannot tell them apart.
        """
        until = until if until is not None else float("inf")
        with self._reading() as connection:
            found = truths.timed_labels(connection, version, since)
            return [label for label, row_s in found if row_s < until]

    def known(self, ids: Sequence[str], since: float, key: str) -> dict[str, KnownId]:
        """Return of each id that was answered from `since` on how often, and what `key` reported of it before."""
        with self._reading() as connection:
            return truths.known(connection, ids, since, key)

    def compared(self, version: int, other: int, since: float, until: float | None = None) -> tuple[int, int]:
        """Return how many requests of some time two versions both answered, and how many of them differently.

        One of them answered copies. Values are compared as they were recorded, of the outputs that both have.
        """
        until = until if until is not None else float("inf")
        with self._reading() as connection:
            found = truths.compared(connection, version, other, since)
        differing = [differs for time_s, differs in found if time_s < until]
        return len(differing), sum(differing)

    def follow(self, version: int, champion: int, since: float, *, compares: bool = False) -> FollowedTraffic:
        """Return the rows of two versions from a Unix time on, read as they come; compares: also `compared`."""
        return FollowedTraffic(self._reading, version, champion, since, compares=compares)

    def find(self, request_id: str) -> Row | None:
        """Return the newest row of a request id, once it is written."""
        with self._reading() as connection:
            one = connection.execute(
                f"{_ROWS} WHERE id = ? AND NOT mirrored ORDER BY n DESC LIMIT 1", (request_id,)
            ).fetchone()
        return _as_row(one) if one is not None else None

    # -- retention -----------------------------------------------------------------------------------------

    def prune(self, before: float) -> int:
        """Remove what is older than `before` (seconds since the epoch) with its feedback; return how much.

        So does the copy from before a change of the schema, once it is a week old.
        """
        removed = 0
        with self._reading() as connection:
            while True:
                with live_schema.transaction(connection):
                    gone = connection.execute(
                        "DELETE FROM requests WHERE n IN (SELECT n FROM requests WHERE time < ? LIMIT ?)",
                        (before, _PRUNED_AT_ONCE),
                    ).rowcount
                removed += gone
                if gone < _PRUNED_AT_ONCE:
                    break
            with live_schema.transaction(connection):
                connection.execute(
                    "DELETE FROM feedback WHERE time < ? AND NOT EXISTS"
                    " (SELECT 1 FROM requests WHERE requests.id = feedback.request_id)",
                    (before,),
                )
                connection.execute("DELETE FROM dropped WHERE time < ?", (before,))
            # It gives back one page per step, and `execute` would take one step.
            connection.executescript("PRAGMA incremental_vacuum")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # only then does the file shrink
            backups.forget(self._path, self._clock() - COPY_KEPT_S)
        return removed

    # -- leases --------------------------------------------------------------------------------------------

    def lease(self, name: str, holder: str, ttl_s: float) -> Lease:
        """Take or renew a lease for `ttl_s` seconds if nobody else holds it; return whoever holds it now."""
        with self._reading() as connection, live_schema.transaction(connection):
            now = self._clock()
            held = _lease(connection, name)
            if held is not None and held.holder != holder and held.holds(now, ttl_s):
                return held
            same = held is not None and held.holder == holder
            term = held.term + (not same) if held is not None else 1
            taken = Lease(name, holder, now + ttl_s, term)
            connection.execute(
                "INSERT OR REPLACE INTO leases (name, holder, until, term) VALUES (?, ?, ?, ?)",
                (taken.name, taken.holder, taken.until, taken.term),
            )
            return taken

    def give_back(self, name: str, holder: str) -> None:
        """End a lease at once, if `holder` has it."""
        with self._reading() as connection, live_schema.transaction(connection):
            connection.execute(
                "UPDATE leases SET until = ? WHERE name = ? AND holder = ?", (self._clock(), name, holder)
            )

    def last_holder(self, name: str) -> Lease | None:
        """Return the lease that was taken last, whether or not it still holds; None where nobody ever had it."""
        with self._reading() as connection:
            return _lease(connection, name)

    # -- inside --------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with live_schema.explained(self._path), closing(live_schema.connect(self._path)) as connection:
            yield connection


def _as_row(found: Sequence[Any]) -> Row:
    *plain, feedback = found
    request_id, at, version, inputs, outputs, confidence, latency_s, code, unseen, mirrored = plain
    return Row(
        id=request_id,
        time=at,
        version=version,
        inputs=json.loads(inputs),
        outputs=json.loads(outputs) if outputs is not None else None,
        confidence=confidence,
        latency_s=latency_s,
        code=code,
        feedback=json.loads(feedback),
        unseen=tuple(json.loads(unseen)) if unseen is not None else (),
        mirrored=bool(mirrored),
    )


def _lease(connection: sqlite3.Connection, name: str) -> Lease | None:
    found = connection.execute(
        "SELECT name, holder, until, term FROM leases WHERE name = ?", (name,)
    ).fetchone()
    return Lease(*found) if found is not None else None
