"""Tables, columns, statuses and actions get the words of the field: evaluations, and requests of a release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep every row; only names change."""
    op.create_table(
        "evaluations",
        sa.Column("test_digest", sa.String(64), nullable=False),
        sa.Column("package_digest", sa.String(64), nullable=False),
        sa.Column("k", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("test_digest", "package_digest", name="pk_evaluations"),
        sa.UniqueConstraint("test_digest", "k", name="uq_evaluations_test_digest"),
    )
    op.execute("INSERT INTO evaluations SELECT test_digest, package_digest, k, at FROM looks")
    op.drop_table("looks")
    # By hand: Alembic would copy the table, and with it what refers to it.
    op.execute("ALTER TABLE releases RENAME COLUMN wished_at TO requested_at")
    op.execute("UPDATE releases SET status = 'requested' WHERE status = 'wished'")
    op.execute("UPDATE audit SET action = 'release.requested' WHERE action = 'release.wished'")
    op.execute("UPDATE audit SET action = 'test.evaluated' WHERE action = 'test.looked'")
