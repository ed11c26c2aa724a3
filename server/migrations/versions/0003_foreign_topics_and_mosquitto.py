"""topics of foreign devices, and secrets as Mosquitto checks them."""
# There is no way down: whoever needs one restores a backup.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("mosquitto_hash", sa.String(length=160), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("topics", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("gateway_id", sa.String(length=64), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_device_gateway_id"), "device", ["gateway_id"], ["id"]
        )
        batch_op.create_index(batch_op.f("ix_device_gateway_id"), ["gateway_id"], unique=False)
