"""The rows of versions since a moment, of which each reading fetches those alone that came since the reading before.

It holds what `LiveRecord.window`, `labels` and `compared` would return, which read all rows again: a release is judged
every second, and the second reading of 100,000 rows shows little that the first has not shown.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.labelled_rows import Label
from modelwright.storage.traffic import truths
from modelwright.storage.traffic.traffic_window import FIGURES, Window, joined

# Rows are numbered as they are written, one transaction after the other: what is seen once has all that came before.
_FIGURES = f"SELECT {FIGURES} FROM requests"  # noqa: S608 - a constant
_ALL_OF = "WHERE time >= ? AND version = ? ORDER BY n"
_SINCE_N = "WHERE n > ? AND +version IN (SELECT value FROM json_each(?)) ORDER BY n"
_LAST = "SELECT n, id, time FROM requests ORDER BY n DESC LIMIT 1"
_Row = tuple[int, str, float]


class FollowedTraffic:
    """Two versions from a Unix time on: the one that is rolled out and the champion. For one thread at a time."""

    def __init__(
        self,
        reading: Callable[[], AbstractContextManager[sqlite3.Connection]],
        version: int,
        champion: int,
        since: float,
        *,
        compares: bool,
    ) -> None:
        """Follow what `reading` connects to; nothing is read yet. compares: `compared` is wanted."""
        self.version, self.champion, self.since = version, champion, since
        self.readings_before = 0  # grows with a reading that found rows of before `since`
        self._reading, self._compares = reading, compares
        self._last: _Row | None = None  # of all rows, the newest that was there at the last reading
        self._last_label = 0
        self._forget()

    def _forget(self) -> None:
        numbers = (self.version, self.champion)
        self._windows = {number: Window.of([]) for number in numbers}
        # by row, output and key: a key's report replaces its earlier one; beside each, the time of its row
        self._labels: dict[int, dict[tuple[int, str, str], tuple[Label, float]]] = {
            one: {} for one in numbers
        }
        self._listed: dict[int, list[Label]] = {}  # as they were returned last
        self._compared: tuple[NDArray[np.float64], NDArray[np.bool_]] = (np.zeros(0), np.zeros(0, np.bool_))

    def read(self) -> None:
        """Fetch what came since the reading before: all, the first time and where the record is another one since."""
        known, self._last = self._last, None  # should this fail halfway, the next reading begins anew
        with self._reading() as connection:
            connection.execute("BEGIN")  # one state of the record for all that follows
            last: _Row | None = connection.execute(_LAST).fetchone()
            last_label = truths.newest(connection)
            self._read(connection, known)
        self._last, self._last_label = last, last_label

    def window(self, version: int, until: float) -> Window:
        """Return the figures of the rows of a version before a Unix time."""
        return self._windows[version].before(until)

    def labels(self, version: int, until: float) -> list[Label]:
        """Return what keys have reported of a version's rows before a Unix time; the same list until that changes."""
        held = self._labels[version].values()
        if any(row_s >= until for _, row_s in held):
            return [label for label, row_s in held if row_s < until]
        if version not in self._listed:
            self._listed[version] = [label for label, _ in held]
        return self._listed[version]

    def compared(self, until: float) -> tuple[int, int]:
        """Return how many requests before a Unix time both versions answered, and how many of them differently."""
        times, differs = self._compared
        kept = times < until
        return int(kept.sum()), int(differs[kept].sum())

    def _read(self, connection: sqlite3.Connection, known: _Row | None) -> None:
        if known is not None:
            same = connection.execute("SELECT n, id, time FROM requests WHERE n = ?", known[:1]).fetchone()
            if same != known:
                known = None  # rows were removed, and their numbers may be given again
        numbers = list(self._windows)
        if known is None:
            self._forget()
            self._last_label = 0
            self.readings_before += 1
            for number in numbers:
                rows = connection.execute(f"{_FIGURES} {_ALL_OF}", (self.since, number))
                self._windows[number] = Window.read(rows)
        else:
            rows = connection.execute(f"{_FIGURES} {_SINCE_N}", (known[0], str(numbers)))
            self._add(Window.read(rows))
        after = 0 if known is None else known[0]
        for number in numbers:
            self._label(connection, number, after)
        found = (
            truths.compared(connection, self.version, self.champion, self.since, after)
            if self._compares
            else []
        )
        if found:
            times, differs = zip(*found, strict=True)
            self._compared = (
                np.concatenate([self._compared[0], np.array(times, np.float64)]),
                np.concatenate([self._compared[1], np.array(differs, np.bool_)]),
            )

    def _add(self, new: Window) -> None:
        """Put new rows behind those of their versions, without those of before `since`."""
        is_late = new.time >= self.since
        self.readings_before += int(not is_late.all())
        for number, window in self._windows.items():
            added = new.of_rows(is_late & (new.version == number))
            if len(added):
                self._windows[number] = joined([window, added])

    def _label(self, connection: sqlite3.Connection, number: int, after: int) -> None:
        held = self._labels[number]
        ambiguous = truths.ambiguous(connection, number, after) if held else set()
        gone = [one for one in held if one[0] in ambiguous]
        found = list(truths.timed_labels(connection, number, self.since, after, self._last_label))
        for key in gone:
            del held[key]
        for label, row_s in found:
            held[label.row, label.output, label.key] = label, row_s
        if gone or found:
            self._listed.pop(number, None)
