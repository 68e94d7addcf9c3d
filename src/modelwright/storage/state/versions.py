"""Versions: a number, a package and the evidence about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select

from modelwright.storage.state.schema import versions

# made once: a gateway asks several times a second
_THOSE = select(versions).where(versions.c.number.in_(bindparam("numbers", expanding=True)))


@dataclass(frozen=True)
class Version:
    """A package with its evidence, by digest; the keys find both in the store.

    `champion_digest` is the package that the evidence compares with, None when there was none.
    """

    number: int
    package_digest: str
    evidence_digest: str
    champion_digest: str | None
    package_key: str
    evidence_key: str
    created_at: datetime


def register(
    connection: Connection,
    at: datetime,
    *,
    package_digest: str,
    evidence_digest: str,
    champion_digest: str | None,
    package_key: str,
    evidence_key: str,
) -> tuple[Version, bool]:
    """Return the version of a package and its evidence, and whether it is new.

    The keys follow the latest registration: after `run --keep` the same bits lie under another key too, and
    the old one may be gone.
    """
    known = connection.execute(
        select(versions).where(
            versions.c.package_digest == package_digest, versions.c.evidence_digest == evidence_digest
        )
    ).one_or_none()
    if known is not None:
        connection.execute(
            versions.update()
            .where(
                versions.c.number == known.number,
                (versions.c.package_key != package_key) | (versions.c.evidence_key != evidence_key),
            )
            .values(package_key=package_key, evidence_key=evidence_key)
        )
        found = find(connection, known.number)
        assert found is not None
        return found, False
    number = (connection.scalar(select(func.max(versions.c.number))) or 0) + 1
    version = Version(number, package_digest, evidence_digest, champion_digest, package_key, evidence_key, at)
    connection.execute(insert(versions).values(vars(version)))
    return version, True


def find(connection: Connection, number: int) -> Version | None:
    """Return a version by its number."""
    row = connection.execute(select(versions).where(versions.c.number == number)).one_or_none()
    return Version(**row._mapping) if row is not None else None


def those(connection: Connection, numbers: Collection[int]) -> dict[int, Version]:
    """Return versions by their numbers, as far as there are such."""
    rows = connection.execute(_THOSE, {"numbers": sorted(numbers)})
    return {row.number: Version(**row._mapping) for row in rows}


def every(connection: Connection) -> list[Version]:
    """Return all versions by number."""
    rows = connection.execute(select(versions).order_by(versions.c.number))
    return [Version(**row._mapping) for row in rows]
