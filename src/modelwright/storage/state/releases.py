"""Releases: requests that a version be served, and what became of them.

    requested ──▶ serving ──▶ retired      another release serves instead
        └───────────┴───────▶ failed       final: whoever wants it after all requests it anew

A request is an entry; nothing moves by writing it. The gateway reads the newest request, moves traffic, and marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, desc, insert, select, update

from modelwright.core.messages import Problem, StateError
from modelwright.storage.state.schema import releases


class Status(StrEnum):
    """What became of a release."""

    REQUESTED = "requested"
    SERVING = "serving"
    RETIRED = "retired"
    FAILED = "failed"


@dataclass(frozen=True)
class Release:
    """One request that a version be served; `moved_at` is when its status last changed."""

    id: int
    version: int
    strategy: str
    status: Status
    requested_at: datetime
    moved_at: datetime | None
    by: str
    detail: str


def request(
    connection: Connection, at: datetime, version: int, strategy: str, by: str
) -> tuple[Release, bool]:
    """Return the release of a version, and whether it is new: not when it is the newest request and lives."""
    newest = current(connection)
    if newest is not None and newest.version == version and newest.status is not Status.FAILED:
        return newest, False
    found = connection.execute(
        insert(releases).values(
            version=version,
            strategy=strategy,
            status=Status.REQUESTED.value,
            requested_at=at,
            by=by,
            detail="",
        )
    ).inserted_primary_key
    assert found is not None
    return Release(found[0], version, strategy, Status.REQUESTED, at, None, by, ""), True


def current(connection: Connection) -> Release | None:
    """Return the newest request, whatever became of it."""
    found = history(connection, newest_first=True, limit=1)
    return found[0] if found else None


def desired(connection: Connection) -> Release | None:
    """Return the release that should be serving: the newest request that has not failed."""
    found = connection.execute(
        select(releases)
        .where(releases.c.status != Status.FAILED.value)
        .order_by(desc(releases.c.id))
        .limit(1)
    ).one_or_none()
    return _release(dict(found._mapping)) if found is not None else None


def history(connection: Connection, *, newest_first: bool = False, limit: int | None = None) -> list[Release]:
    """Return all releases in the order of their requests."""
    order = desc(releases.c.id) if newest_first else releases.c.id
    rows = connection.execute(select(releases).order_by(order).limit(limit))
    return [_release(dict(row._mapping)) for row in rows]


def mark(connection: Connection, at: datetime, release_id: int, status: Status, detail: str) -> Release:
    """Write what became of a release; whoever served before one that serves is retired. Raises StateError."""
    row = connection.execute(select(releases).where(releases.c.id == release_id)).one_or_none()
    if row is None:
        raise StateError(Problem("state.unknown-release", release=release_id))
    known = _release(dict(row._mapping))
    if known.status is Status.FAILED and status is not Status.FAILED:
        problem = Problem(
            "state.release-failed", release=release_id, version=known.version, status=status.value
        )
        raise StateError(problem)
    if status is Status.SERVING:
        connection.execute(
            update(releases)
            .where(releases.c.status == Status.SERVING.value, releases.c.id != release_id)
            .values(status=Status.RETIRED.value, moved_at=at)
        )
    connection.execute(
        update(releases)
        .where(releases.c.id == release_id)
        .values(status=status.value, moved_at=at, detail=detail)
    )
    return Release(known.id, known.version, known.strategy, status, known.requested_at, at, known.by, detail)


def standing(past: list[Release]) -> list[int]:
    """Return the versions that a series of rollbacks would pass, oldest first; the last one is in production.

    A release of a version that stands there already is a return to it: what came after it was left behind,
    so that rolling back twice goes back two steps, not to and fro.
    """
    stack: list[int] = []
    for release in past:
        if release.status is Status.FAILED:
            continue
        if release.version in stack:
            del stack[stack.index(release.version) + 1 :]
        else:
            stack.append(release.version)
    return stack


def _release(row: dict[str, object]) -> Release:
    return Release(**(row | {"status": Status(str(row["status"]))}))  # type: ignore[arg-type]
