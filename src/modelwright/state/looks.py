"""Looks at a test set: how many distinct packages were judged on it; every look spends some of its proof."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from modelwright.state.schema import looks


def take(connection: Connection, at: datetime, test_digest: str, package_digest: str) -> int:
    """Return which look at the test set this package is (from 1); the same package keeps its number."""
    known: int | None = connection.scalar(
        select(looks.c.k).where(looks.c.test_digest == test_digest, looks.c.package_digest == package_digest)
    )
    if known is not None:
        return known
    k = count(connection, test_digest) + 1
    connection.execute(
        insert(looks).values(test_digest=test_digest, package_digest=package_digest, k=k, at=at)
    )
    return k


def count(connection: Connection, test_digest: str) -> int:
    """Return how many distinct packages were judged on the test set."""
    return connection.scalar(select(func.count()).where(looks.c.test_digest == test_digest)) or 0
