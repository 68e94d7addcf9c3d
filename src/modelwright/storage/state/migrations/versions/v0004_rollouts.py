"""Releases that go step by step: where they stand, how they move, and every decision with its evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep every release as one that moves all traffic at once, which they all did."""
    # By hand: Alembic would copy the table, and with it what refers to it.
    op.execute("ALTER TABLE releases ADD COLUMN champion INTEGER")
    op.execute("ALTER TABLE releases ADD COLUMN step INTEGER DEFAULT '0' NOT NULL")
    op.execute("ALTER TABLE releases ADD COLUMN settings JSON")
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("release", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("shares", sa.JSON, nullable=False),
        sa.Column("why", sa.JSON, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
        sa.ForeignKeyConstraint(["release"], ["releases.id"], name="fk_decisions_release"),
    )
