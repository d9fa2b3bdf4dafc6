"""Remember which webhook bodies were delivered, so that one posted again is recognised."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "webhook_bodies",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_webhook_bodies")),
    )
    op.create_index(op.f("ix_webhook_bodies_received_at"), "webhook_bodies", ["received_at"])


def downgrade() -> None:
    op.drop_table("webhook_bodies")
