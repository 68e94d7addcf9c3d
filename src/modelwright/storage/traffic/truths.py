"""The truths that keys have reported, as they lie in the record of traffic."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelwright.core.evidence.labelled_rows import Label


@dataclass(frozen=True)
class KnownId:
    """What is known of an id: how many requests with it were answered, and the outputs that a key has labelled."""

    answers: int
    labelled: frozenset[str]


def newest(connection: sqlite3.Connection) -> int:
    """Return the number of the newest report, 0 without one."""
    return int(connection.execute("SELECT coalesce(max(n), 0) FROM feedback").fetchone()[0])


def timed_labels(
    connection: sqlite3.Connection, version: int, since: float, after_row: int = 0, after_label: int = 0
) -> Iterator[tuple[Label, float]]:
    """Yield the labels of the rows of a version, of the outputs that it has, each with the time of its row.

    Those alone that were reported after the report `after_label`, or whose row came after the row `after_row`. An id
    that another answered request has, too, tells neither of them; a copy for a version that is only watched has the id
    of its request.
    """
    columns = "SELECT r.n, r.time, r.outputs, f.output, f.key, f.value, f.time"
    # CROSS: in this order, from the few that are new (sqlite.org/optoverview.html#crossjoin)
    join = "CROSS JOIN" if after_row or after_label else "JOIN"
    labelled = f"{columns} FROM feedback f {join} requests r ON r.id = f.request_id"
    answered = f"{columns} FROM requests r CROSS JOIN feedback f ON f.request_id = r.id"
    which = (
        " AND r.time >= ? AND r.version = ? AND r.outputs IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM requests o WHERE o.id = r.id AND o.n <> r.n AND o.outputs IS NOT NULL"
        " AND (o.version = r.version OR o.mirrored = r.mirrored))"
    )
    bounds = (since, version)
    found = connection.execute(f"{labelled} WHERE f.n > ? {which}", (after_label, *bounds)).fetchall()
    if after_label:
        more = f"{answered} WHERE r.n > ? AND f.n <= ? {which}"
        found += connection.execute(more, (after_row, after_label, *bounds)).fetchall()
    for n, row_s, outputs, output, key, value, at in found:
        given = json.loads(outputs).get(output)
        if given is not None:
            yield Label(n, output, key, at, given["value"] == json.loads(value)), row_s


def ambiguous(connection: sqlite3.Connection, version: int, after_row: int) -> set[int]:
    """Return the rows of a version whose id a row after `after_row` has, too, so that its labels tell nothing."""
    found = connection.execute(
        "SELECT r.n FROM requests o CROSS JOIN requests r ON r.id = o.id AND r.n <> o.n WHERE o.n > ?"
        " AND o.outputs IS NOT NULL AND r.version = ? AND (o.version = r.version OR o.mirrored = r.mirrored)",
        (after_row, version),
    )
    return {n for (n,) in found}


def compared(
    connection: sqlite3.Connection, version: int, other: int, since: float, after_row: int = 0
) -> list[tuple[float, bool]]:
    """Return of each request that both versions answered when it came, and whether their answers differ.

    Those alone of which one of the two rows came after the row `after_row`.
    """
    columns = "SELECT ours.time, ours.outputs, others.outputs"
    which = (
        " AND ours.time >= ? AND ours.version = ? AND others.version = ?"
        " AND ours.outputs IS NOT NULL AND others.outputs IS NOT NULL"
    )
    bounds = (since, version, other)
    if not after_row:
        pairs = "FROM requests ours JOIN requests others ON others.id = ours.id WHERE TRUE"
        found = connection.execute(f"{columns} {pairs} {which}", bounds).fetchall()
    else:
        pairs = "FROM requests ours CROSS JOIN requests others ON others.id = ours.id WHERE ours.n > ?"
        found = connection.execute(f"{columns} {pairs} {which}", (after_row, *bounds)).fetchall()
        pairs = "FROM requests others CROSS JOIN requests ours ON ours.id = others.id"
        pairs = f"{pairs} WHERE others.n > ? AND ours.n <= ?"
        found += connection.execute(f"{columns} {pairs} {which}", (after_row, after_row, *bounds)).fetchall()
    return [(time_s, _differ(json.loads(first), json.loads(second))) for time_s, first, second in found]


def _differ(mine: Mapping[str, Mapping[str, object]], theirs: Mapping[str, Mapping[str, object]]) -> bool:
    return any(mine[name]["value"] != theirs[name]["value"] for name in mine.keys() & theirs.keys())


def known(connection: sqlite3.Connection, ids: Sequence[str], since: float, key: str) -> dict[str, KnownId]:
    """Return what is known of each id that was answered from `since` on."""
    listed = json.dumps(list(ids))
    answers = connection.execute(
        "SELECT id, count(*) FROM requests WHERE id IN (SELECT value FROM json_each(?)) AND time >= ?"
        " AND NOT mirrored AND outputs IS NOT NULL GROUP BY id",
        (listed, since),
    ).fetchall()
    labelled: dict[str, set[str]] = {}
    for id_, output in connection.execute(
        "SELECT request_id, output FROM feedback"
        " WHERE request_id IN (SELECT value FROM json_each(?)) AND key = ?",
        (listed, key),
    ):
        labelled.setdefault(id_, set()).add(output)
    return {id_: KnownId(count, frozenset(labelled.get(id_, ()))) for id_, count in answers}
