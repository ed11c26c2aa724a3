"""models that a cohort's failures taught, and what they say of each device."""
# There is no way down: whoever needs one restores a backup.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "detection_fleet_model",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("cohort", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("step_s", sa.Double(), nullable=False),
        sa.Column("horizon_days", sa.Double(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("held_out", sa.Integer(), nullable=False),
        sa.Column("trained_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Double(), nullable=False),
        sa.Column("current_error", sa.Double(), nullable=True),
        sa.Column("mean_error", sa.Double(), nullable=False),
        sa.Column("in_use", sa.Boolean(), nullable=False),
        sa.Column("used_by", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_detection_fleet_model")),
        sa.UniqueConstraint("cohort", "kind", "version", name="uq_detection_fleet_model_version"),
    )
    op.create_table(
        "detection_outlook",
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remaining_days", sa.Double(), nullable=True),
        sa.Column("low_days", sa.Double(), nullable=True),
        sa.Column("high_days", sa.Double(), nullable=True),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("horizon_days", sa.Double(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_detection_outlook")),
    )
