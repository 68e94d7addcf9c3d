"""Tasks that people have reviewed, as Prodigy exports them: those that were accepted are rows.

A task has `answer`, which is accept, reject or ignore, beside the hashes by which the tool knows it.
https://prodi.gy/docs/api-interfaces
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

Row = Mapping[str, object]
_ANSWER, _HASH = "answer", "_task_hash"
_REJECTED, _IGNORED = "reject", "ignore"


@dataclass
class ReviewedTasks:
    """Leaves out tasks that were not accepted, and counts them."""

    rejected: int = 0
    ignored: int = 0

    def accepted(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows that were accepted, and rows that are no tasks as they are."""
        for row in rows:
            answer = row.get(_ANSWER) if _HASH in row else None
            self.rejected += answer == _REJECTED
            self.ignored += answer == _IGNORED
            if answer not in (_REJECTED, _IGNORED):
                yield row
