"""Looks at test sets: how many distinct packages were judged on it; every look spends some of its proof.

Test sets that share most of their rows are one family, and looks at them count together: another choice of inputs
makes another digest of the same rows, and a few more rows make no fresh set. A set is known by the sketch of its
rows, the least of their hashes (Broder 1997, On the resemblance and containment of documents).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from modelwright.storage.state.schema import looks, test_sets

SAME = 0.5  # from this share of common rows on, two test sets are one family


def take(
    connection: Connection, at: datetime, test_digest: str, package_digest: str, sketch: Sequence[str]
) -> int:
    """Return which look at the test set's family this package is (from 1); the same package keeps its number."""
    known = family(connection, test_digest, sketch)
    if connection.scalar(select(test_sets.c.digest).where(test_sets.c.digest == test_digest)) is None:
        connection.execute(insert(test_sets).values(digest=test_digest, family=known, sketch=list(sketch)))
    taken: int | None = connection.scalar(
        select(looks.c.k).where(looks.c.test_digest == known, looks.c.package_digest == package_digest)
    )
    if taken is not None:
        return taken
    k = _count(connection, known) + 1
    connection.execute(insert(looks).values(test_digest=known, package_digest=package_digest, k=k, at=at))
    return k


def count(connection: Connection, test_digest: str, sketch: Sequence[str]) -> int:
    """Return how many distinct packages were judged on the test set's family."""
    return _count(connection, family(connection, test_digest, sketch))


def family(connection: Connection, test_digest: str, sketch: Sequence[str]) -> str:
    """Return the digest that a test set's looks are counted under: of the set most like it, else its own."""
    nearest, share = test_digest, 0.0
    for one in connection.execute(select(test_sets)):
        if one.digest == test_digest:
            return str(one.family)
        alike = common_share(sketch, one.sketch)
        if alike >= SAME and alike > share:
            nearest, share = str(one.family), alike
    return nearest


def common_share(one: Sequence[str], other: Sequence[str]) -> float:
    """Return which share of all rows of two sets both have (Jaccard), estimated from their sketches."""
    least = sorted({*one, *other})[: max(len(one), len(other))]
    return sum(row in one and row in other for row in least) / len(least) if least else 0.0


def _count(connection: Connection, of: str) -> int:
    return connection.scalar(select(func.count()).where(looks.c.test_digest == of)) or 0
