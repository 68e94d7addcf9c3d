"""Evaluations on test sets: how many distinct packages were judged on one; each spends some of what it can prove.

Test sets that share most of their rows are one family, and their evaluations count together: other inputs make
another digest of the same rows, and a few more rows make no fresh set. A set is known by the sketch of its
rows, the least of their hashes (Broder 1997, On the resemblance and containment of documents).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from modelwright.storage.state.schema import evaluations, test_sets

SAME = 0.5  # from this share of common rows on, two test sets are one family


def take(
    connection: Connection, at: datetime, test_digest: str, package_digest: str, sketch: Sequence[str]
) -> int:
    """Write this package down as evaluated and return its number (from 1), which it keeps."""
    known = family(connection, test_digest, sketch)
    if connection.scalar(select(test_sets.c.digest).where(test_sets.c.digest == test_digest)) is None:
        connection.execute(insert(test_sets).values(digest=test_digest, family=known, sketch=list(sketch)))
    taken = _taken(connection, known, package_digest)
    if taken is not None:
        return taken
    k = _count(connection, known) + 1
    connection.execute(
        insert(evaluations).values(test_digest=known, package_digest=package_digest, k=k, at=at)
    )
    return k


def number(connection: Connection, test_digest: str, package_digest: str, sketch: Sequence[str]) -> int:
    """Return which evaluation `take` would make this package (from 1), without writing anything."""
    known = family(connection, test_digest, sketch)
    return _taken(connection, known, package_digest) or _count(connection, known) + 1


def count(connection: Connection, test_digest: str, sketch: Sequence[str]) -> int:
    """Return how many distinct packages were judged on the test set's family."""
    return _count(connection, family(connection, test_digest, sketch))


def family(connection: Connection, test_digest: str, sketch: Sequence[str]) -> str:
    """Return the digest that a test set's evaluations are counted under: of the set most like it, else its own."""
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


def _taken(connection: Connection, known: str, package_digest: str) -> int | None:
    taken: int | None = connection.scalar(
        select(evaluations.c.k).where(
            evaluations.c.test_digest == known, evaluations.c.package_digest == package_digest
        )
    )
    return taken


def _count(connection: Connection, of: str) -> int:
    return connection.scalar(select(func.count()).where(evaluations.c.test_digest == of)) or 0
