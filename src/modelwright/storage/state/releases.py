"""Releases: requests that a version be served, and what became of them.

Nothing moves by writing a request. A gateway reads the newest one, moves traffic, and marks. A release without a
strategy of steps moves all traffic at once: requested, then serving or failed. The others go the way of
`core/rollouts/state_machine.py`, and every decision is kept with what it rests on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, desc, insert, null, select, update

from modelwright.core.messages import Phrase, Problem, StateError
from modelwright.core.rollouts.state_machine import DEAD, UNDER_WAY, Decision, Rollout, Status
from modelwright.core.rollouts.strategy import Strategy
from modelwright.storage.state.schema import decisions, releases


@dataclass(frozen=True)
class Release:
    """One request that a version be served; `moved_at` is when its status or step last changed.

    settings: the strategy where it has steps (else all traffic moves at once); step: the one it is at; champion: the
    version that answered when it was requested.
    """

    id: int
    version: int
    strategy: str
    status: Status
    requested_at: datetime
    moved_at: datetime | None
    by: str
    detail: str
    champion: int | None = None
    step: int = 0
    settings: Mapping[str, Any] | None = None

    @property
    def rollout(self) -> Rollout | None:
        """Return where its rollout stands, None for a release without steps."""
        if self.settings is None or self.champion is None:
            return None
        return Rollout(
            version=self.version,
            champion=self.champion,
            strategy=Strategy.from_json(self.settings),
            status=self.status,
            step=self.step,
            requested_s=self.requested_at.timestamp(),
            entered_s=(self.moved_at or self.requested_at).timestamp(),
        )

    @property
    def versions(self) -> tuple[int, ...]:
        """Return the numbers of the versions that its traffic may name."""
        return (self.version,) if self.champion is None else (self.version, self.champion)

    @property
    def counts(self) -> bool:
        """Return whether its version is to answer everything: it did not fail, and is not still to be proven."""
        if self.status in DEAD:
            return False
        return self.settings is None or self.status not in UNDER_WAY


# `Release.counts`, as the database finds it
_COUNTS = releases.c.status.not_in(sorted(DEAD)) & (
    releases.c.settings.is_(null()) | releases.c.status.not_in(sorted(UNDER_WAY))
)

# Made once: a gateway asks several times a second, and what a statement is made of are circles, left to the collector.
_NEWEST = select(releases).order_by(desc(releases.c.id)).limit(1)
_SETTLED = _NEWEST.where(_COUNTS)


@dataclass(frozen=True)
class Decided:
    """One decision about a release, as it was written down: what was decided when, why, and the evidence (JSON)."""

    release: int
    at: datetime
    status: Status
    step: int
    shares: Mapping[str, float]
    why: Phrase
    evidence: Sequence[Mapping[str, Any]]


def request(
    connection: Connection,
    at: datetime,
    version: int,
    strategy: str,
    by: str,
    steps: Strategy | None = None,
) -> tuple[Release, bool]:
    """Return the release of a version, and whether it is new: not when it is the newest request and lives.

    steps: the strategy, where there is a champion that answers meanwhile; a rollout that is under way ends.
    """
    newest = current(connection)
    if newest is not None and newest.version == version and newest.status not in DEAD:
        return newest, False
    stack = standing(history(connection))
    rolls = steps is not None and bool(steps.steps) and bool(stack)
    champion = stack[-1] if rolls else None
    settings = steps.as_json() if rolls and steps is not None else None
    if newest is not None and newest.rollout is not None and newest.status in UNDER_WAY:
        ended = Decision(Status.ABORTED, newest.step, Phrase("rollout.superseded", version=version, by=by))
        advance(connection, at, newest, ended)
    found = connection.execute(
        insert(releases).values(
            version=version,
            strategy=strategy,
            status=Status.REQUESTED.value,
            requested_at=at,
            by=by,
            detail="",
            champion=champion,
            step=0,
            settings=settings,
        )
    ).inserted_primary_key
    assert found is not None
    made = Release(found[0], version, strategy, Status.REQUESTED, at, None, by, "", champion, 0, settings)
    return made, True


def current(connection: Connection) -> Release | None:
    """Return the newest request, whatever became of it."""
    return _first(connection, _NEWEST)


def settled(connection: Connection) -> Release | None:
    """Return the release that all traffic should go to: the newest that has not failed and needs no more proof."""
    # The database finds it: each row that is read here waits, in a busy gateway, for its turn among the threads.
    return _first(connection, _SETTLED)


def _first(connection: Connection, statement: Select[Any]) -> Release | None:
    found = connection.execute(statement).first()
    return _release(dict(found._mapping)) if found is not None else None


def unended(connection: Connection) -> Release | None:
    """Return the newest release where it is a rollout that has not ended, None otherwise."""
    newest = current(connection)
    going = newest is not None and (newest.status in UNDER_WAY or newest.status is Status.ABORTED)
    return newest if newest is not None and going and newest.settings is not None else None


def advance(connection: Connection, at: datetime, release: Release, decision: Decision) -> Release:
    """Take a release where a decision says, with its evidence. One that has moved meanwhile stays as it is now."""
    row = connection.execute(select(releases).where(releases.c.id == release.id)).one()
    now = _release(dict(row._mapping))
    if (now.status, now.step) != (release.status, release.step):
        return now
    moved = replace(now, status=decision.status, step=decision.step, moved_at=at, detail=str(decision.why))
    if decision.status is Status.SERVING:
        _retire_others(connection, at, release.id)
    connection.execute(
        update(releases)
        .where(releases.c.id == release.id)
        .values(status=moved.status.value, step=moved.step, moved_at=at, detail=moved.detail)
    )
    rollout = moved.rollout
    connection.execute(
        insert(decisions).values(
            release=release.id,
            at=at,
            status=moved.status.value,
            step=moved.step,
            shares={str(key): value for key, value in (rollout.shares if rollout else {}).items()},
            why=decision.why.to_wire(),
            evidence=[one.as_json() for one in decision.verdicts],
        )
    )
    return moved


def decided(connection: Connection, release_id: int) -> list[Decided]:
    """Return the decisions about a release, in their order."""
    rows = connection.execute(
        select(decisions).where(decisions.c.release == release_id).order_by(decisions.c.id)
    )
    return [
        Decided(
            row.release,
            row.at,
            Status(row.status),
            row.step,
            row.shares,
            Phrase.from_wire(row.why),
            row.evidence,
        )
        for row in rows
    ]


def history(connection: Connection) -> list[Release]:
    """Return all releases in the order of their requests."""
    rows = connection.execute(select(releases).order_by(releases.c.id))
    return [_release(dict(row._mapping)) for row in rows]


def mark(connection: Connection, at: datetime, release_id: int, status: Status, detail: str) -> Release:
    """Write what became of a release; whoever served before one that serves is retired. Raises StateError."""
    row = connection.execute(select(releases).where(releases.c.id == release_id)).one_or_none()
    if row is None:
        raise StateError(Problem("state.unknown-release", release=release_id))
    known = _release(dict(row._mapping))
    if known.status in DEAD and status not in DEAD:
        problem = Problem(
            "state.release-failed", release=release_id, version=known.version, status=status.value
        )
        raise StateError(problem)
    if status is Status.SERVING:
        _retire_others(connection, at, release_id)
    connection.execute(
        update(releases)
        .where(releases.c.id == release_id)
        .values(status=status.value, moved_at=at, detail=detail)
    )
    return replace(known, status=status, moved_at=at, detail=detail)


def _retire_others(connection: Connection, at: datetime, release_id: int) -> None:
    connection.execute(
        update(releases)
        .where(releases.c.status == Status.SERVING.value, releases.c.id != release_id)
        .values(status=Status.RETIRED.value, moved_at=at)
    )


def standing(past: list[Release]) -> list[int]:
    """Return the versions that a series of rollbacks would pass, oldest first; the last one is in production.

    A release of a version that stands there already is a return to it: what came after it was left behind,
    so that rolling back twice goes back two steps, not to and fro.
    """
    stack: list[int] = []
    for release in past:
        if not release.counts:
            continue
        if release.version in stack:
            del stack[stack.index(release.version) + 1 :]
        else:
            stack.append(release.version)
    return stack


def _release(row: dict[str, object]) -> Release:
    return Release(**(row | {"status": Status(str(row["status"]))}))  # type: ignore[arg-type]
