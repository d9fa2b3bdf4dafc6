"""Create the tables.

Types are written out, so that this file means the same for ever: an instant is a BigInteger of microseconds.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# SQLite counts up by itself only in a column it calls INTEGER.
_counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _ids(*names: str) -> list[sa.Column[int]]:
    """Give the columns of a key made of ids of Discord."""
    return [sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in names]


def upgrade() -> None:
    _create_people()
    _create_guilds()
    _create_roles()
    _create_work()


def _create_people() -> None:
    """Create what says who is linked, and what Patreon says of them."""
    op.create_table(
        "links",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("patron_id", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.Column("broken_since", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_links")),
        sa.UniqueConstraint("patron_id", name=op.f("uq_links_patron_id")),
    )
    op.create_table(
        "token_pairs",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("pair_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("previous_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("spare_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("broken_since", sa.BigInteger(), nullable=True),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_holder", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_token_pairs")),
    )
    op.create_index(op.f("ix_token_pairs_expires_at"), "token_pairs", ["expires_at"])
    op.create_table(
        "link_attempts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("state_hash", sa.Text(), nullable=True),
        sa.Column("confirm_hash", sa.Text(), nullable=True),
        sa.Column("patron_id", sa.Text(), nullable=True),
        sa.Column("patron_name_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("tokens_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("application_id", sa.BigInteger(), nullable=True),
        sa.Column("interaction_token_sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_link_attempts")),
        sa.UniqueConstraint("confirm_hash", name=op.f("uq_link_attempts_confirm_hash")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_link_attempts_state_hash")),
    )
    op.create_index(op.f("ix_link_attempts_expires_at"), "link_attempts", ["expires_at"])
    op.create_index(op.f("ix_link_attempts_user_id"), "link_attempts", ["user_id"])
    op.create_table(
        "memberships",
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("patron_id", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("campaign_id", "patron_id", name=op.f("pk_memberships")),
    )
    op.create_index(op.f("ix_memberships_due_at"), "memberships", ["due_at"])
    op.create_index(op.f("ix_memberships_patron_id"), "memberships", ["patron_id"])
    op.create_table(
        "staged_memberships",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("patron_id", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "patron_id", name=op.f("pk_staged_memberships")),
    )
    op.create_table(
        "staged_pages",
        sa.Column("page_id", _counter, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("patrons", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("page_id", name=op.f("pk_staged_pages")),
    )
    op.create_index(op.f("ix_staged_pages_run_id"), "staged_pages", ["run_id"])


def _create_guilds() -> None:
    """Create what creators set up, in guilds and at Patreon."""
    op.create_table(
        "campaigns",
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("next_refresh_at", sa.BigInteger(), nullable=True),
        sa.Column("refreshed_at", sa.BigInteger(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("unreadable", sa.Integer(), server_default="0", nullable=False),
        sa.Column("frozen_since", sa.BigInteger(), nullable=True),
        sa.Column("frozen_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_campaigns")),
    )
    op.create_table(
        "guilds",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("policy", sa.LargeBinary(), nullable=True),
        sa.Column("campaign_id", sa.Text(), nullable=True),
        sa.Column("staff_channel", sa.BigInteger(), nullable=True),
        sa.Column("audited_at", sa.BigInteger(), nullable=True),
        sa.Column("joined_at", sa.BigInteger(), nullable=True),
        sa.Column("left_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("guild_id", name=op.f("pk_guilds")),
    )
    op.create_index(op.f("ix_guilds_campaign_id"), "guilds", ["campaign_id"])
    op.create_table(
        "role_names",
        *_ids("guild_id", "role_id"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "role_id", name=op.f("pk_role_names")),
    )
    op.create_table(
        "rules",
        sa.Column("rule_id", _counter, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("role_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("threshold", sa.BigInteger(), nullable=False),
        sa.Column("tier_id", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("sticky", sa.Boolean(), nullable=False),
        sa.Column("worth_cents", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_rules")),
        sa.UniqueConstraint("guild_id", "campaign_id", "role_id", "kind", "threshold", "tier_id", name="uq_rules_condition"),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_rules_campaign_id"), "rules", ["campaign_id"])
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("previous_secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("triggers", sa.LargeBinary(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("webhook_id", name=op.f("pk_webhooks")),
        sa.UniqueConstraint("campaign_id", name=op.f("uq_webhooks_campaign_id")),
    )


def _create_roles() -> None:
    """Create what says who has which role and why."""
    op.create_table(
        "ledger",
        *_ids("guild_id", "user_id", "role_id"),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("holding", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "user_id", "role_id", name=op.f("pk_ledger")),
    )
    op.create_index("ix_ledger_user", "ledger", ["user_id", "guild_id"])
    op.create_index("ix_ledger_role", "ledger", ["guild_id", "role_id", "user_id"])
    op.create_index("ix_ledger_count", "ledger", ["guild_id", "holding", "origin"])
    op.create_table(
        "manual_grants",
        *_ids("guild_id", "user_id", "role_id"),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("granted_by", sa.BigInteger(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("guild_id", "user_id", "role_id", name=op.f("pk_manual_grants")),
    )
    op.create_index(op.f("ix_manual_grants_expires_at"), "manual_grants", ["expires_at"])
    op.create_index("ix_manual_grants_user", "manual_grants", ["user_id", "guild_id"])
    op.create_table(
        "presence",
        *_ids("guild_id", "user_id"),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "user_id", name=op.f("pk_presence")),
    )
    op.create_index("ix_presence_user", "presence", ["user_id", "guild_id"])
    op.create_table(
        "doubts",
        *_ids("guild_id", "user_id", "role_id"),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "user_id", "role_id", name=op.f("pk_doubts")),
    )
    op.create_table(
        "brake_holds",
        *_ids("guild_id", "run_id"),
        sa.Column("held_at", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("channel", sa.BigInteger(), nullable=True),
        sa.Column("message", sa.BigInteger(), nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=True),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("guild_id", "run_id", name=op.f("pk_brake_holds")),
    )
    op.create_table(
        "held_revocations",
        *_ids("guild_id", "user_id", "role_id"),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("held_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["guild_id", "run_id"],
            ["brake_holds.guild_id", "brake_holds.run_id"],
            name=op.f("fk_held_revocations_brake_holds"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("guild_id", "user_id", "role_id", name=op.f("pk_held_revocations")),
    )
    op.create_index("ix_held_revocations_guild_id_run_id", "held_revocations", ["guild_id", "run_id"])


def _create_work() -> None:
    """Create what is to be done, and what was done."""
    op.create_table(
        "nudges",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("strength", sa.SmallInteger(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "key", name=op.f("pk_nudges")),
    )
    op.create_index("ix_nudges_turn", "nudges", ["kind", "priority", "due_at", "key"])
    op.create_index("ix_nudges_holder", "nudges", ["holder", "due_at", "lease_until"])
    op.create_table(
        "nudge_readings",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["kind", "key"], ["nudges.kind", "nudges.key"], name=op.f("fk_nudge_readings_nudges"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("kind", "key", "campaign_id", name=op.f("pk_nudge_readings")),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", _counter, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=True),
        sa.Column("guild_id", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("granted", sa.Integer(), nullable=False),
        sa.Column("revoked", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("blocked", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "role_log",
        sa.Column("entry_id", _counter, nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("role_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_role_log")),
    )
    op.create_index(op.f("ix_role_log_at"), "role_log", ["at"])
    op.create_index("ix_role_log_user", "role_log", ["user_id", "guild_id"])
    op.create_index("ix_role_log_count", "role_log", ["guild_id", "action", "at", "cause"])
    op.create_table(
        "facts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_facts")),
    )
