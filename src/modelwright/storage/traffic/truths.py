"""The truths that keys have reported, as they lie in the record of traffic."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from modelwright.core.evidence.labelled_rows import Label


@dataclass(frozen=True)
class KnownId:
    """What is known of an id: how many requests with it were answered, and the outputs that a key has labelled."""

    answers: int
    labelled: frozenset[str]


def labels(connection: sqlite3.Connection, version: int, since: float, until: float) -> list[Label]:
    """Return the labels of the rows of a version, of the outputs that it has.

    An id that another answered request has, too, tells neither of them; a copy for a version that is only watched has
    the id of its request.
    """
    found = connection.execute(
        "SELECT n, outputs, output, key, value, f.time FROM feedback f JOIN requests r ON r.id = f.request_id"
        " WHERE r.time >= ? AND r.time < ? AND r.version = ? AND r.outputs IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM requests o WHERE o.id = r.id AND o.n <> r.n AND o.outputs IS NOT NULL"
        " AND (o.version = r.version OR o.mirrored = r.mirrored))",
        (since, until, version),
    )
    rows = []
    for n, outputs, output, key, value, at in found:
        answered = json.loads(outputs).get(output)
        if answered is not None:
            rows.append(Label(n, output, key, at, answered["value"] == json.loads(value)))
    return rows


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
