"""Remember who lost a role lately: the brake counts people, and no longer lines of the role log."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "losses",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lost_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "user_id", name=op.f("pk_losses")),
    )
    op.create_index(op.f("ix_losses_lost_at"), "losses", ["lost_at"])
    op.create_index("ix_losses_count", "losses", ["guild_id", "lost_at", "user_id"])
    # An upgrade in the middle of an outage starts from what the log says of it; the brake looks back an hour.
    op.execute(
        "INSERT INTO losses (guild_id, user_id, lost_at) SELECT guild_id, user_id, max(at) FROM role_log "
        "WHERE action = 'revoked' AND cause NOT IN ('unlinked', 'manual') GROUP BY guild_id, user_id"
    )
    op.drop_index("ix_role_log_count", "role_log")
    op.drop_index("ix_ledger_count", "ledger")
    op.create_index("ix_ledger_count", "ledger", ["guild_id", "holding", "origin", "user_id"])


def downgrade() -> None:
    op.drop_index("ix_ledger_count", "ledger")
    op.create_index("ix_ledger_count", "ledger", ["guild_id", "holding", "origin"])
    op.create_index("ix_role_log_count", "role_log", ["guild_id", "action", "at", "cause"])
    op.drop_index("ix_losses_count", "losses")
    op.drop_index(op.f("ix_losses_lost_at"), "losses")
    op.drop_table("losses")
