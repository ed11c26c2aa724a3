"""the detectors' memory lies in parts."""
# There is no way down: whoever needs one restores a backup.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "detection_checkpoint_part",
        sa.Column("shard", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("shard", "number", name=op.f("pk_detection_checkpoint_part")),
    )
    with op.batch_alter_table("detection_checkpoint", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parts", sa.Integer(), nullable=False, server_default="0"))
