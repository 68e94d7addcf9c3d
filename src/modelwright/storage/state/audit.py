"""The audit log: who did what when, written in the transaction that did it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, desc, insert, select

from modelwright.core import digests
from modelwright.storage.state.schema import audit


@dataclass(frozen=True)
class Entry:
    """One line of the log; `detail` is JSON."""

    id: int
    at: datetime
    actor: str
    action: str
    detail: Mapping[str, object]


def write(
    connection: Connection, at: datetime, actor: str, action: str, detail: Mapping[str, object]
) -> None:
    """Append an entry. Raises TypeError for a detail that is no JSON, whatever the database's driver does."""
    plain = json.loads(digests.canonical_json(dict(detail)))
    connection.execute(insert(audit).values(at=at, actor=actor, action=action, detail=plain))


def newest(connection: Connection, limit: int) -> list[Entry]:
    """Return the newest entries, newest first."""
    rows = connection.execute(select(audit).order_by(desc(audit.c.id)).limit(limit))
    return [Entry(**row._mapping) for row in rows]
