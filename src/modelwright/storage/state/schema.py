"""The tables of the state database, as they are now. How they came to be is in `migrations/versions`."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

HEAD = "0004"
"""The newest migration. It stands here so that opening a current database need not load Alembic."""


class UtcTime(TypeDecorator[datetime]):
    """A time with its zone, kept as UTC: SQLite has no type for it, and would drop the zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time as it is stored."""
        if value is None:
            return None
        assert value.tzinfo is not None, "a time needs a zone"
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time as it was given, in UTC."""
        return value.replace(tzinfo=UTC) if value is not None else None


# Names that follow a rule, so that a later migration can name what it changes, on every database.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

versions = Table(
    "versions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("package_digest", String(64), nullable=False),
    Column("evidence_digest", String(64), nullable=False),
    Column("champion_digest", String(64)),
    Column("package_key", String(64), nullable=False),
    Column("evidence_key", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("package_digest", "evidence_digest"),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("test_digest", String(64), primary_key=True),
    Column("package_digest", String(64), primary_key=True),
    Column("k", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    UniqueConstraint("test_digest", "k"),
)

test_sets = Table(
    "test_sets",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("family", String(64), nullable=False),  # the test_digest that its evaluations are counted under
    Column("sketch", JSON, nullable=False),
)

releases = Table(
    "releases",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, ForeignKey("versions.number"), nullable=False),
    Column("strategy", String(32), nullable=False),
    Column("status", String(32), nullable=False),
    Column("requested_at", UtcTime, nullable=False),
    Column("moved_at", UtcTime),
    Column("by", String(200), nullable=False),
    Column("detail", Text, nullable=False),
    Column("champion", Integer),  # the version that answered when it was requested
    Column("step", Integer, nullable=False, server_default="0"),
    Column("settings", JSON(none_as_null=True)),  # the strategy, where it has steps
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("release", Integer, ForeignKey("releases.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("status", String(32), nullable=False),
    Column("step", Integer, nullable=False),
    Column("shares", JSON, nullable=False),  # of the traffic from then on, by version
    Column("why", JSON, nullable=False),  # a message, worded where it is read
    Column("evidence", JSON, nullable=False),  # the verdicts that it rests on
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(64), nullable=False),
    Column("detail", JSON, nullable=False),
)
