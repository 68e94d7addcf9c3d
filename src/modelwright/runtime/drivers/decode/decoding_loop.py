"""The loop that many answers share: rows join and leave at any token, and each step brings all one token further.

A step writes one token of each answer under way, and reads a piece of a prompt, those that wait in turn. Rows that
write lie in the first slots, so that one run takes them all; a slot in between that becomes free is filled by moving
the last. Nobody has a thread of his own: who waits for news makes the next step, unless somebody else is making it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modelwright.runtime.drivers.contract.driver import Load
from modelwright.runtime.drivers.decode.cached_graph import CachedGraph
from modelwright.runtime.drivers.decode.kept_beginnings import KeptBeginnings
from modelwright.runtime.drivers.decode.reading_pace import ReadingPace
from modelwright.runtime.drivers.decode.writing_row import WritingRow

_KEPT_SHARE = 0.25  # of the bound, for beginnings of prompts that may come again


class DecodingLoop:
    """Rows in the queue, rows that are being read, and rows that write.

    `submit`, `cancel` and `advance` may be called from any thread; all else happens within a step, one at a time.
    """

    def __init__(self, graph: CachedGraph, slots: int, cache_bytes: int) -> None:
        """cache_bytes: what rows in slots and kept beginnings may take together."""
        self._graph = graph
        self._bytes = cache_bytes
        self._token_bytes = graph.cache.token_bytes
        self._kept = KeptBeginnings(graph.chunk, self._token_bytes)
        self._slots: list[WritingRow | None] = [None] * slots
        self._writing = 0  # the rows that write have the slots 0 … writing - 1
        self._reading: deque[WritingRow] = deque()
        self._queue: deque[WritingRow] = deque()
        self._condition = threading.Condition()
        self._come: list[WritingRow] = []
        self._left: set[WritingRow] = set()
        self._pace = ReadingPace()
        self._steps = 0
        self._is_stepping = False
        self._prompt_tokens = self._kept_tokens = self._written_tokens = 0

    def submit(self, rows: Sequence[WritingRow]) -> int:
        """Take rows into the queue; return the number of the last step before them."""
        with self._condition:
            self._come += [row for row in rows if not row.done]
            return self._steps

    def cancel(self, rows: Sequence[WritingRow]) -> None:
        """Let rows go that nobody waits for; their slots are free before the next step."""
        with self._condition:
            self._left |= {row for row in rows if not row.done}
            if not self._is_stepping:  # there may be no next step for long
                self._take_news()

    def advance(self, seen: int) -> int:
        """Return the number of a step after `seen`, once it is made: by this thread, where no other is at it."""
        with self._condition:
            while self._steps == seen:
                if not self._is_stepping:
                    self._is_stepping = True
                    break
                self._condition.wait()
            else:
                return self._steps
        try:
            self._step()
        finally:
            with self._condition:
                self._steps += 1
                self._is_stepping = False
                self._condition.notify_all()
        return seen + 1

    @property
    def in_slots(self) -> int:
        """Return how many rows have a slot."""
        return sum(row is not None for row in self._slots)

    @property
    def load(self) -> Load:
        """Return what there is to do, and what was done; between two steps it is exact."""
        slots = [row for row in self._slots if row is not None]
        return Load(
            waiting=len(self._queue) + len(self._come),
            writing=len(slots),
            cache_bytes=self._token_bytes * sum(row.read for row in slots) + self._kept.size,
            prompt_tokens=self._prompt_tokens,
            kept_tokens=self._kept_tokens,
            written_tokens=self._written_tokens,
        )

    def _step(self) -> None:
        with self._condition:
            self._take_news()
        self._admit()
        try:
            self._write()
            self._read()
        except Exception as error:  # the runtime's, or a tokenizer's: who waits for a row hears of it
            for row in [one for one in self._slots if one is not None]:
                row.error = error
                self._release(row)

    def _take_news(self) -> None:
        """Queue who has come, and free the slots of who has left."""
        self._queue.extend(self._come)
        self._come.clear()
        if self._left:
            self._queue = deque(row for row in self._queue if row not in self._left)
            for row in self._left:
                self._release(row)
            self._left.clear()

    def _admit(self) -> None:
        """Give slots to those that wait longest, as far as there are slots and bytes; nobody is overtaken."""
        for row in self._queue:
            row.end_in_time()
        self._queue = deque(row for row in self._queue if not row.done)
        while self._queue and None in self._slots:
            wanted = self._reserved() + self._queue[0].reserved * self._token_bytes
            if wanted > self._bytes:
                return
            row = self._queue.popleft()
            # the last: the first ones are for who writes
            slot = len(self._slots) - 1 - self._slots[::-1].index(None)
            self._slots[slot] = row
            self._reading.append(row)
            self._kept.shrink(self._bytes - wanted)
            self._reuse(row, slot)

    def _reserved(self) -> int:
        return self._token_bytes * sum(row.reserved for row in self._slots if row is not None)

    def _reuse(self, row: WritingRow, slot: int) -> None:
        """Begin where an earlier prompt was the same."""
        for chunk in self._kept.known(self._kept.keys(row.ids[: row.to_read])):
            end = row.read + self._graph.chunk
            if row.places(row.read, end):
                break  # what follows these tokens is wanted, which is not kept
            self._graph.cache.put(slot, row.read, chunk)
            row.read = row.kept = end
        self._prompt_tokens += row.kept
        self._kept_tokens += row.kept

    def _write(self) -> None:
        """Write one token of each answer under way."""
        rows = [row for row in self._slots[: self._writing] if row is not None]
        if not rows:
            return
        begun = time.monotonic()
        ids = np.array([[row.ids[-1]] for row in rows], dtype=np.int64)
        logits = self._graph.write(ids, [row.read + 1 for row in rows])
        for place, row in enumerate(rows):
            row.read += 1
            row.take(logits[place : place + 1])
        self._written_tokens += len(rows)
        for row in rows:
            if row.done:
                self._release(row)
        self._pace.has_written(time.monotonic() - begun)

    def _read(self) -> None:
        """Read a piece of the prompt whose turn it is, and of others beside it; answers follow those that end."""
        for row in list(self._reading):
            row.end_in_time()
            if row.done:
                self._release(row)
        if not self._reading:
            return
        begun = time.monotonic()
        ends = self._pieces()
        rows = list(ends)
        slot, length = self._side_by_side(rows), max(end - row.read for row, end in ends.items())
        ids = np.zeros((len(rows), length), dtype=np.int64)
        places: list[range] = []
        for number, (row, end) in enumerate(ends.items()):
            ids[number, : end - row.read] = row.ids[row.read : end]
            wanted = row.places(row.read, end)
            places.append(range(number * length + wanted.start, number * length + wanted.stop))
        logits = self._graph.run(slot, ids, list(ends.values()), [one for some in places for one in some])
        first = 0
        for (row, end), some in zip(ends.items(), places, strict=True):
            self._has_read(row, end, logits[first : first + len(some)])
            first += len(some)
        self._pace.has_read(ids.size, time.monotonic() - begun)

    def _pieces(self) -> dict[WritingRow, int]:
        """Return the rows that are read now, and up to where.

        The one whose turn it is; and where nothing of it is read yet, others like it, as far as that is quicker than
        one after the other.
        """
        first = self._reading[0]
        if not self._graph.reads_alike:
            return {first: self._end(first, self._graph.chunk)}
        most = self._pace.tokens(self._graph.chunk, someone_writes=self._writing > 0)
        found = {first: self._end(first, most)}
        if first.read:
            return found
        longest, wanted = found[first], len(first.places(0, found[first]))
        new = [row for row in self._reading if row is not first and row.read == 0]
        for row in sorted(new, key=lambda one: abs(one.to_read - first.to_read)):
            end = self._end(row, most)
            wanted += len(row.places(0, end))
            longest_then = max(longest, end)
            too_many = (len(found) + 1) * longest_then > (most if self._writing else 2 * most)
            if too_many or wanted > self._graph.most_places:
                break
            if not self._pace.is_quicker(len(found), longest, end):
                break
            found[row], longest = end, longest_then
        return dict(list(found.items())[: self._room()])

    def _end(self, row: WritingRow, most: int) -> int:
        """Return up to where a row is read; one token is never left over: alone it is read to other bits."""
        end = min(row.read + most, row.to_read)
        while len(row.places(row.read, end)) > self._graph.most_places:
            end -= 1
        return end - 1 if row.to_read - end == 1 and end - row.read > 2 else end

    def _room(self) -> int:
        """Return how many slots behind those of who writes hold nothing that was read."""
        held = (place for place, row in enumerate(self._slots) if row is not None and row.read)
        return max(1, next((one for one in held if one >= self._writing), len(self._slots)) - self._writing)

    def _side_by_side(self, rows: Sequence[WritingRow]) -> int:
        """Return the first slot of rows; of several nothing is read yet: they get the first that are free to them."""
        if len(rows) == 1:
            return self._slots.index(rows[0])
        begin, end = self._writing, self._writing + len(rows)
        others = [row for row in self._slots[begin:end] if row is not None and row not in rows]
        self._slots[begin:] = [None if row in rows or row in others else row for row in self._slots[begin:]]
        self._slots[begin:end] = rows
        for row in others:
            self._slots[len(self._slots) - 1 - self._slots[::-1].index(None)] = row
        return begin

    def _has_read(self, row: WritingRow, end: int, logits: NDArray[np.float32]) -> None:
        """Go on with a row that is read up to `end`; logits: after the places where it wants them, (k, words)."""
        begin, row.read = row.read, end
        self._prompt_tokens += end - begin
        if len(logits):
            before = len(row.ids)
            row.take(logits)
            self._written_tokens += len(row.ids) - before
        self._keep(row, begin)
        self._reading.remove(row)
        if row.done:
            self._release(row)
        elif end < row.to_read:
            self._reading.append(row)
        else:
            self._join(row, self._slots.index(row))

    def _keep(self, row: WritingRow, begin: int) -> None:
        """Keep what a row has read since `begin`, in whole chunks."""
        chunk = self._graph.chunk
        if begin // chunk == row.read // chunk:
            return  # none has come to its end
        keys = self._kept.keys(row.ids[: row.to_read])
        most = int(min(_KEPT_SHARE * self._bytes, self._bytes - self._reserved()))
        for number in range(begin // chunk, min(row.read // chunk, len(keys))):
            if chunk * self._token_bytes <= most:
                self._kept.shrink(most - chunk * self._token_bytes)
                held = self._graph.cache.copied(self._slots.index(row), number * chunk, (number + 1) * chunk)
                self._kept.keep(keys[number], held)

    def _join(self, row: WritingRow, slot: int) -> None:
        """Move a row that has been read to those that write."""
        target = self._writing
        self._writing += 1
        other = self._slots[target]
        if slot == target:
            return
        cache = self._graph.cache
        if other is None:
            cache.move(slot, target, row.read)
            self._slots[slot] = None
        else:  # it is being read in the slot that is wanted: they change places
            kept = cache.copied(target, 0, other.read)
            cache.move(slot, target, row.read)
            cache.put(slot, 0, kept)
            self._slots[slot] = other
        self._slots[target] = row

    def _release(self, row: WritingRow) -> None:
        """Free the slot of a row, if it has one; the last of those that write takes its place among them."""
        if row not in self._slots:
            return
        slot = self._slots.index(row)
        self._slots[slot] = None
        if row in self._reading:
            self._reading.remove(row)
        self._graph.cache.free(slot)
        if slot >= self._writing:
            return
        self._writing -= 1
        last = self._slots[self._writing]
        if slot != self._writing and last is not None:
            self._graph.cache.move(self._writing, slot, last.read)
            self._slots[slot], self._slots[self._writing] = last, None
