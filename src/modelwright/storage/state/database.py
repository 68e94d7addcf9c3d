"""The state of a function in the world: its versions, evaluations on its test sets, releases, and the audit log.

Every method is one transaction, writers one after the other; so several processes may use it at once, and a
crash at any instant leaves it as it was before or after.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine

from modelwright.core.messages import Problem, StateError
from modelwright.core.rollouts.state_machine import Decision, Status
from modelwright.core.rollouts.strategy import Strategy
from modelwright.storage import read_only
from modelwright.storage.state import audit, backups, evaluations, opening, releases, versions
from modelwright.storage.state.audit import Entry
from modelwright.storage.state.releases import Decided, Release
from modelwright.storage.state.versions import Version

__all__ = ["Decided", "Entry", "Release", "Standing", "State", "Status", "Version"]


@dataclass(frozen=True)
class Standing:
    """What a gateway follows: a rollout that has not ended, the release that is settled, and their versions."""

    rolling: Release | None
    settled: Release | None
    versions: Mapping[int, Version]


def _now() -> datetime:
    return datetime.now(UTC)


class State:
    """The state database. Clock: what is written down as the time, with its zone."""

    def __init__(
        self, engine: Engine, where: str, clock: Callable[[], datetime] = _now, *, copy_of: Path | None = None
    ) -> None:
        self._engine = engine
        self._where = where
        self._clock = clock
        self._copy_of = copy_of  # the file that this is a copy in memory of, since it cannot be written here

    @classmethod
    def open(cls, where: str | Path, clock: Callable[[], datetime] = _now) -> Self:
        """Open the database at a path (SQLite) or URL, made or brought up to date. Raises StateError.

        A file that cannot be written here is read; what would write then raises StateError.
        """
        path = opening.file_of(where)
        if path is not None and not read_only.is_writable(path):
            return cls(opening.snapshot(path), str(path), clock, copy_of=path)
        engine = opening.connect(where)
        return cls(engine, opening.shown(engine), clock)

    @property
    def file(self) -> Path | None:
        """Return the file of an SQLite database, None for a server (or one in memory)."""
        if self._copy_of is not None:
            return self._copy_of
        return opening.file_of_url(self._engine.url)

    @property
    def where(self) -> str:
        """Return where the database is, as messages show it."""
        return self._where

    def is_new(self) -> bool:
        """Return whether nothing was ever done with this database: whatever is done leaves an entry of the audit."""
        return not self.audit(1)

    # -- versions ------------------------------------------------------------------------------------------

    def register_version(
        self,
        *,
        package_digest: str,
        evidence_digest: str,
        champion_digest: str | None,
        package_key: str,
        evidence_key: str,
        by: str = "run",
    ) -> int:
        """Return the number of a package with its evidence: a new one, or the one that it has already."""
        with self._write() as connection:
            version, is_new = versions.register(
                connection,
                self._clock(),
                package_digest=package_digest,
                evidence_digest=evidence_digest,
                champion_digest=champion_digest,
                package_key=package_key,
                evidence_key=evidence_key,
            )
            if is_new:
                detail = {"version": version.number, "package": package_digest, "evidence": evidence_digest}
                audit.write(connection, version.created_at, by, "version.registered", detail)
            return version.number

    def versions(self) -> list[Version]:
        """Return all versions by number."""
        with self._read() as connection:
            return versions.every(connection)

    def version(self, number: int) -> Version:
        """Return a version by its number. Raises StateError."""
        with self._read() as connection:
            return self._version(connection, number)

    # -- evaluations --------------------------------------------------------------------------------------

    def register_evaluation(
        self, test_digest: str, package_digest: str, sketch: Sequence[str] = (), by: str = "run"
    ) -> int:
        """Count this package as judged on a test set and return which evaluation it is (from 1).

        The same package keeps its number, so a rerun spends nothing. `sketch` holds the least hashes of the
        rows, by which a test set that shares most of them is taken for the same.
        """
        with self._write() as connection:
            before = evaluations.count(connection, test_digest, sketch)
            at = self._clock()
            k = evaluations.take(connection, at, test_digest, package_digest, sketch)
            if k > before:
                detail = {"test": test_digest, "package": package_digest, "k": k}
                audit.write(connection, at, by, "test.evaluated", detail)
            return k

    def evaluation_number(self, test_digest: str, package_digest: str, sketch: Sequence[str] = ()) -> int:
        """Return the number that `register_evaluation` would give this package; nothing is written."""
        with self._read() as connection:
            return evaluations.number(connection, test_digest, package_digest, sketch)

    def evaluations(self, test_digest: str, sketch: Sequence[str] = ()) -> int:
        """Return how many distinct packages were judged on a test set, or one that shares most of its rows."""
        with self._read() as connection:
            return evaluations.count(connection, test_digest, sketch)

    # -- releases ------------------------------------------------------------------------------------------

    def request_release(self, version: int, strategy: str, by: str, steps: Strategy | None = None) -> Release:
        """Ask that a version be served, unless the newest request does so already. Raises StateError.

        steps: the strategy of that name; without one, or where nothing serves yet, all traffic moves at once.
        """
        with self._write() as connection:
            self._version(connection, version)
            at = self._clock()
            release, is_new = releases.request(connection, at, version, strategy, by, steps)
            if is_new:
                detail = {"release": release.id, "version": version, "strategy": strategy}
                audit.write(connection, at, by, "release.requested", detail)
        if is_new:
            self._back_up(at)
        return release

    def desired_release(self) -> Release | None:
        """Return the release that all traffic should go to: the newest that has not failed and needs no more proof."""
        return self.standing().settled

    def rolling_release(self) -> Release | None:
        """Return the newest release where it is a rollout that has not ended, None otherwise."""
        return self.standing().rolling

    def standing(self, beside: Collection[int] = ()) -> Standing:
        """Return which releases there are to follow, their versions and those `beside`, as they are at one instant.

        How long the history is makes no difference: a gateway asks several times a second.
        """
        with self._read() as connection:
            rolling, settled = releases.unended(connection), releases.settled(connection)
            numbers = {number for one in (rolling, settled) if one is not None for number in one.versions}
            return Standing(rolling, settled, versions.those(connection, numbers.union(beside)))

    def advance(self, release: Release, decision: Decision, by: str = "gateway") -> Release:
        """Take a release from where it was seen to where a decision says; return where it stands now.

        One that has moved meanwhile stays as it is: who decided on an older state decides again.
        """
        with self._write() as connection:
            at = self._clock()
            moved = releases.advance(connection, at, release, decision)
            if (moved.status, moved.step, moved.moved_at) == (decision.status, decision.step, at):
                detail = {"release": moved.id, "version": moved.version, "detail": moved.detail}
                audit.write(connection, at, by, f"release.{moved.status}", detail)
        return moved

    def decisions(self, release_id: int) -> list[Decided]:
        """Return the decisions about a release, each with its evidence, in their order."""
        with self._read() as connection:
            return releases.decided(connection, release_id)

    def mark(self, release_id: int, status: str, detail: str = "", by: str = "gateway") -> Release:
        """Write what became of a release without steps: `serving`, `retired` or `failed`. Raises StateError."""
        with self._write() as connection:
            at = self._clock()
            release = releases.mark(connection, at, release_id, Status(status), detail)
            marked = {"release": release_id, "version": release.version, "detail": detail}
            audit.write(connection, at, by, f"release.{release.status}", marked)
            return release

    def releases(self) -> list[Release]:
        """Return all releases in the order of their requests."""
        with self._read() as connection:
            return releases.history(connection)

    def production(self) -> Version | None:
        """Return the version in production: that of the newest release that has not failed, and is no rollout."""
        stack = self._standing()
        return stack[-1] if stack else None

    def previous(self) -> Version | None:
        """Return the version that a rollback goes to: the newest before with another package.

        See `releases.standing`; a version with the same package and newer evidence would change nothing.
        """
        stack = self._standing()
        others = [one for one in stack if one.package_digest != stack[-1].package_digest]
        return others[-1] if others else None

    def released_versions(self) -> tuple[int, ...]:
        """Return the numbers of all versions with a release that has not failed, by their first request."""
        past = [release for release in self.releases() if release.counts]
        return tuple(dict.fromkeys(release.version for release in past))

    # -- audit ---------------------------------------------------------------------------------------------

    def note(self, actor: str, action: str, detail: Mapping[str, object]) -> None:
        """Write into the audit log what is recorded nowhere else; `detail` is JSON."""
        with self._write() as connection:
            audit.write(connection, self._clock(), actor, action, detail)

    def audit(self, limit: int = 100) -> list[Entry]:
        """Return the newest entries of the audit log, newest first."""
        with self._read() as connection:
            return audit.newest(connection, limit)

    # -- inside --------------------------------------------------------------------------------------------

    def _back_up(self, at: datetime) -> None:
        """Copy an SQLite database beside itself; where that fails the release stands, and the audit says so."""
        if self.file is None:
            return
        try:
            backups.take(self.file, at.astimezone(UTC))
        except (sqlite3.Error, OSError) as error:
            self.note("state", "backup.failed", {"error": str(error)})

    def _standing(self) -> list[Version]:
        """Return the versions that a series of rollbacks would pass (see `releases.standing`)."""
        with self._read() as connection:
            numbers = releases.standing(releases.history(connection))
            return [self._version(connection, number) for number in numbers]

    def _version(self, connection: Connection, number: int) -> Version:
        found = versions.find(connection, number)
        if found is None:
            raise StateError(Problem("state.unknown-version", where=self._where, version=number))
        return found

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with opening.explained(self._where), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        if self._copy_of is not None:
            raise StateError(Problem("state.read-only", where=self._where))
        with opening.explained(self._where), opening.writing(self._engine) as connection:
            yield connection
