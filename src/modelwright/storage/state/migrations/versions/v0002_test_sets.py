"""Test sets are known again by their rows, so that looks at the same rows count together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; what was counted before stays counted, under its digest alone."""
    op.create_table(
        "test_sets",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("family", sa.String(64), nullable=False),
        sa.Column("sketch", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_test_sets"),
    )
