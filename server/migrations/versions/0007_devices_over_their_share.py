"""devices over their share wait outside; refused messages that are counted only."""
# There is no way down: whoever needs one restores a backup.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.add_column(sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("quarantined_message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("messages", sa.Integer(), nullable=False, server_default="1"))
