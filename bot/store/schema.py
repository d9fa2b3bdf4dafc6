"""The tables, each column explained. Statements live in the file of their subject, changes of shape in migrations/.

Ids of Discord are big integers, those of Patreon text. A column named ``*_sealed`` holds ciphertext (see ``crypto``).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from bot.store.columns import NAMES, Counter, Instant

metadata = MetaData(naming_convention=NAMES)

# On PostgreSQL only; see serials.py.
serials = Sequence("serials", increment=2, metadata=metadata)

links = Table(
    "links",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, doc="Discord user"),
    Column("patron_id", Text, nullable=False, unique=True, doc="their one Patreon account"),
    Column("linked_at", Instant, nullable=False, doc="when the link was confirmed, the last time"),
    Column("broken_since", Instant, doc="since when the patron's own token pair is dead"),
)

token_pairs = Table(
    "token_pairs",
    metadata,
    Column("owner", Text, primary_key=True, doc="creator, creator:<campaign> or patron:<id>"),
    Column("version", BigInteger, nullable=False, doc="grows with each new pair"),
    Column("pair_sealed", LargeBinary, nullable=False, doc="the pair in use"),
    Column("previous_sealed", LargeBinary, doc="the pair before, until the new one worked"),
    Column("spare_sealed", LargeBinary, doc="a second pair of the same account"),
    Column("expires_at", Instant, nullable=False, doc="when the access token in use ends"),
    Column("broken_since", Instant, doc="since when Patreon refuses to renew the pair"),
    Column("told_at", Instant, doc="when a person was told that the pair is broken"),
    Column("issued", LargeBinary, doc="when Patreon gave the pair and those before it, the last ten, as JSON"),
    Column("refused_at", Instant, doc="when Patreon last refused to renew the pair"),
    Column("lease_holder", Text, doc="who renews the pair now"),
    Column("lease_until", Instant, doc="when that claim ends by itself"),
    Index("ix_token_pairs_broken_since_expires_at", "broken_since", "expires_at"),
)

link_attempts = Table(
    "link_attempts",
    metadata,
    Column("key", Text, primary_key=True, doc="fingerprint of the token in the start link"),
    Column("user_id", BigInteger, nullable=False, index=True, doc="Discord user who pressed /link"),
    Column("guild_id", BigInteger, doc="where; null in a direct message"),
    Column("created_at", Instant, nullable=False, doc="when"),
    Column("expires_at", Instant, nullable=False, index=True, doc="after this no step is taken any more"),
    Column("stage", Text, nullable=False, doc="an AttemptStage"),
    Column("state_hash", Text, unique=True, doc="fingerprint of the OAuth state"),
    Column("confirm_hash", Text, unique=True, doc="fingerprint of the token in the confirming form"),
    Column("patron_id", Text, doc="who came back from Patreon"),
    Column("patron_name_sealed", LargeBinary, doc="their name, for the page that asks; erased at the end"),
    Column("tokens_sealed", LargeBinary, doc="their fresh pair, until the link is made; erased at the end"),
    Column("application_id", BigInteger, doc="with the next one, edits the answer in Discord"),
    Column("interaction_token_sealed", LargeBinary, doc="Discord's token of that answer, good for 15 minutes"),
    Column("code_refused_at", Instant, doc="when Patreon refused the code that came back"),
)

memberships = Table(
    "memberships",
    metadata,
    Column("campaign_id", Text, primary_key=True, doc="the campaign"),
    Column("patron_id", Text, primary_key=True, index=True, doc="the patron"),
    Column("payload", LargeBinary, nullable=False, doc="the membership as JSON"),
    Column("digest", LargeBinary, nullable=False, doc="of what Patreon said last; empty: it is not listed any more"),
    Column("observed_at", Instant, nullable=False, doc="when Patreon said so last"),
    Column("serial", BigInteger, nullable=False, server_default="0", doc="the place of that answer in the order"),
    Column("due_at", Instant, index=True, doc="when time alone may change the outcome"),
)

staged_memberships = Table(
    "staged_memberships",
    metadata,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False, doc="the run that reads the list"),
    Column("patron_id", Text, primary_key=True, doc="the patron"),
    Column("payload", LargeBinary, nullable=False, doc="a membership that differs from the stored one, as JSON"),
)

staged_pages = Table(
    "staged_pages",
    metadata,
    Column("page_id", Counter, primary_key=True, doc="in the order of reading"),
    Column("run_id", BigInteger, nullable=False, index=True, doc="the run that reads the list"),
    Column("patrons", LargeBinary, nullable=False, doc="everybody on the page, as a JSON array of patron ids"),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("campaign_id", Text, primary_key=True, doc="the campaign"),
    Column("payload", LargeBinary, nullable=False, doc="name, address, currency and tiers, as JSON"),
    Column("fetched_at", Instant, nullable=False, doc="when Patreon said so"),
    Column("owner", Text, nullable=False, doc="the token pair that reads it"),
    Column("next_refresh_at", Instant, doc="when the next refresh is due; null: none is planned"),
    Column("refreshed_at", Instant, doc="when the last complete list was read"),
    Column(
        "refreshed_serial", BigInteger, nullable=False, server_default="0", doc="the place of its beginning in the order"
    ),
    Column("total", Integer, doc="how many memberships it held"),
    Column("unreadable", Integer, nullable=False, server_default="0", doc="how many of its rows could not be read"),
    Column("frozen_since", Instant, doc="since when its answers count against nobody"),
    Column("frozen_why", Text, doc="and why"),
)

guilds = Table(
    "guilds",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False, doc="the guild"),
    Column("policy", LargeBinary, doc="the switches of its Policy it chose, as JSON; all others are the operator's"),
    Column("campaign_id", Text, index=True, doc="the campaign /setup connected"),
    Column("staff_channel", BigInteger, doc="where the bot asks and reports"),
    Column("audited_at", Instant, doc="start of the last audit read to its end"),
    Column("joined_at", Instant, doc="when the bot came"),
    Column("left_at", Instant, doc="since when the bot is not there any more"),
)

role_names = Table(
    "role_names",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False, doc="the guild"),
    Column("role_id", BigInteger, primary_key=True, autoincrement=False, doc="the role"),
    Column("name", Text, nullable=False, doc="what it is called"),
)

rules = Table(
    "rules",
    metadata,
    Column("rule_id", Counter, primary_key=True, doc="counts up; no number comes twice"),
    Column("guild_id", BigInteger, nullable=False, doc="the guild"),
    Column("campaign_id", Text, nullable=False, index=True, doc="the campaign"),
    Column("role_id", BigInteger, nullable=False, doc="the role it gives"),
    Column("kind", Text, nullable=False, doc="a ConditionKind"),
    Column("threshold", BigInteger, nullable=False, doc="cents or months; 0 where the kind asks for none"),
    Column("tier_id", Text, nullable=False, doc="the tier; empty where the kind asks for none"),
    Column("group_name", Text, nullable=False, doc="rules that may compete; empty: none"),
    Column("sticky", Boolean, nullable=False, doc="kept once earned"),
    Column("worth_cents", BigInteger, nullable=False, doc="which of a group is the highest"),
    UniqueConstraint("guild_id", "campaign_id", "role_id", "kind", "threshold", "tier_id", name="uq_rules_condition"),
    sqlite_autoincrement=True,
)

earned = Table(
    "earned",
    metadata,
    Column("rule_id", BigInteger, primary_key=True, autoincrement=False, doc="a sticky rule"),
    Column("patron_id", Text, primary_key=True, index=True, doc="who met its condition, and had its role by it"),
    Column("earned_at", Instant, nullable=False, doc="when that was first seen"),
    ForeignKeyConstraint(["rule_id"], ["rules.rule_id"], ondelete="CASCADE"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False, doc="the guild"),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, doc="the Discord user"),
    Column("role_id", BigInteger, primary_key=True, autoincrement=False, doc="a managed role they have or had"),
    Column("origin", Text, nullable=False, doc="an Origin: whose doing it is"),
    Column("since", Instant, nullable=False, doc="granted or found when"),
    Column("cause", Text, nullable=False, doc="what made us look"),
    Column("holding", Text, nullable=False, doc="a Holding: held, left, taken, or on the way"),
    Index("ix_ledger_user", "user_id", "guild_id"),
    Index("ix_ledger_role", "guild_id", "role_id", "user_id"),
    Index("ix_ledger_count", "guild_id", "holding", "origin", "user_id"),
)

manual_grants = Table(
    "manual_grants",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False, doc="the guild"),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, doc="who has the role"),
    Column("role_id", BigInteger, primary_key=True, autoincrement=False, doc="the role"),
    Column("note", Text, nullable=False, doc="why, in the creator's words"),
    Column("granted_by", BigInteger, nullable=False, doc="the creator's Discord user"),
    Column("granted_at", Instant, nullable=False, doc="when"),
    Column("expires_at", Instant, index=True, doc="until when; null: for ever"),
    Index("ix_manual_grants_user", "user_id", "guild_id"),
)

presence = Table(
    "presence",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False, doc="the guild"),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, doc="the Discord user"),
    Column("present", Boolean, nullable=False, doc="whether they are a member"),
    Column("seen_at", Instant, nullable=False, doc="when that was seen"),
    Column(
        "pending",
        Boolean,
        nullable=False,
        server_default=false(),
        doc="whether the rules of the server are not accepted yet",
    ),
    Index("ix_presence_user", "user_id", "guild_id"),
)

doubts = Table(
    "doubts",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False, doc="the guild"),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, doc="the Discord user"),
    Column("role_id", BigInteger, primary_key=True, autoincrement=False, doc="the role one reading would take"),
    Column("serial", BigInteger, nullable=False, server_default="0", doc="the place of that reading in the order"),
    Column("source", Text, nullable=False, doc="a Source: how it reached us"),
)

brake_holds = Table(
    "brake_holds",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False, doc="the guild"),
    Column("run_id", BigInteger, primary_key=True, autoincrement=False, doc="the run whose revocations are held"),
    Column("held_at", Instant, nullable=False, doc="since when"),
    Column("asked_at", Instant, doc="when the staff was asked"),
    Column("channel", BigInteger, doc="in which channel"),
    Column("message", BigInteger, doc="with which message"),
    Column("approved", Boolean, doc="the answer; null: none yet"),
    Column("decided_by", BigInteger, doc="who answered"),
    Column("decided_at", Instant, doc="when"),
)

held_revocations = Table(
    "held_revocations",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False, doc="the guild"),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, doc="who would lose the role"),
    Column("role_id", BigInteger, primary_key=True, autoincrement=False, doc="the role"),
    Column("run_id", BigInteger, nullable=False, doc="the run that asked for it"),
    Column("held_at", Instant, nullable=False, doc="since when"),
    ForeignKeyConstraint(["guild_id", "run_id"], ["brake_holds.guild_id", "brake_holds.run_id"], ondelete="CASCADE"),
    Index("ix_held_revocations_guild_id_run_id", "guild_id", "run_id"),
)

losses = Table(
    "losses",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False, doc="the guild"),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, doc="who lost a role that an outage could take"),
    Column("lost_at", Instant, nullable=False, index=True, doc="when, the last time"),
    Index("ix_losses_count", "guild_id", "lost_at", "user_id"),
)

nudges = Table(
    "nudges",
    metadata,
    Column("kind", Text, primary_key=True, doc="a NudgeKind"),
    Column("key", Text, primary_key=True, doc="Discord user, guild or campaign, by kind"),
    Column("cause", Text, nullable=False, doc="the strongest of the merged causes"),
    Column("strength", SmallInteger, nullable=False, doc="its place among the causes; 0 is the strongest"),
    Column("priority", SmallInteger, nullable=False, doc="whose turn it is: 0 before 1 before 2"),
    Column("due_at", Instant, nullable=False, doc="not before this"),
    Column("version", BigInteger, nullable=False, doc="grows with each merge"),
    Column("holder", Text, doc="who works on it"),
    Column("lease_until", Instant, doc="when their claim ends by itself"),
    Column("attempts", Integer, nullable=False, doc="failures since the last success"),
    Column("last_error", Text, doc="name of the latest failure"),
    Index("ix_nudges_turn", "kind", "priority", "due_at", "key"),
    Index("ix_nudges_holder", "holder", "due_at", "lease_until"),
)

nudge_readings = Table(
    "nudge_readings",
    metadata,
    Column("kind", Text, primary_key=True, doc="of the nudge"),
    Column("key", Text, primary_key=True, doc="of the nudge"),
    Column("campaign_id", Text, primary_key=True, doc="one reading per campaign: the last"),
    Column("payload", LargeBinary, nullable=False, doc="the membership a webhook told, as JSON"),
    Column("serial", BigInteger, nullable=False, server_default="0", doc="the place of its coming in the order"),
    ForeignKeyConstraint(["kind", "key"], ["nudges.kind", "nudges.key"], ondelete="CASCADE"),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Counter, primary_key=True, doc="counts up; no number comes twice"),
    Column("kind", Text, nullable=False, doc="a RunKind"),
    Column("campaign_id", Text, doc="of a refresh"),
    Column("guild_id", BigInteger, doc="of an audit or a bulk sync"),
    Column("started_at", Instant, nullable=False, doc="when it began"),
    Column("ended_at", Instant, doc="when it ended; null: it runs, or was killed"),
    Column("read", Integer, nullable=False, doc="memberships or members read so far"),
    Column("total", Integer, doc="how many there are to read, when known"),
    Column("granted", Integer, nullable=False, doc="roles granted"),
    Column("revoked", Integer, nullable=False, doc="roles revoked"),
    Column("held", Integer, nullable=False, doc="revocations the brake held"),
    Column("blocked", Integer, nullable=False, doc="changes Discord would not let us make"),
    Column("failed", Integer, nullable=False, doc="people who could not be synced"),
    Column("error", Text, doc="why it stopped early; null: it did not"),
    sqlite_autoincrement=True,
)

role_log = Table(
    "role_log",
    metadata,
    Column("entry_id", Counter, primary_key=True, doc="counts up"),
    Column("guild_id", BigInteger, nullable=False, doc="the guild"),
    Column("user_id", BigInteger, nullable=False, doc="the Discord user"),
    Column("role_id", BigInteger, nullable=False, doc="the role"),
    Column("action", Text, nullable=False, doc="a LogAction"),
    Column("cause", Text, nullable=False, doc="what made us look"),
    Column("at", Instant, nullable=False, index=True, doc="when"),
    Column("detail", Text, nullable=False, doc="the audit-log reason, without names"),
    Column("run_id", BigInteger, doc="the run it belonged to"),
    Index("ix_role_log_user", "user_id", "guild_id"),
)

facts = Table(
    "facts",
    metadata,
    Column("key", Text, primary_key=True, doc="its name"),
    Column("value", Text, nullable=False, doc="as text"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("webhook_id", Text, primary_key=True, doc="Patreon's id of it"),
    Column("campaign_id", Text, nullable=False, unique=True, doc="the campaign it tells about"),
    Column("uri", Text, nullable=False, doc="where Patreon sends it"),
    Column("secret_sealed", LargeBinary, nullable=False, doc="signs its bodies"),
    Column("previous_secret_sealed", LargeBinary, doc="signed those still on their way"),
    Column("triggers", LargeBinary, nullable=False, doc="what it tells, as a JSON array"),
    Column("paused", Boolean, nullable=False, doc="whether Patreon stopped sending it"),
    Column("received_at", Instant, doc="when one came in last"),
)

webhook_bodies = Table(
    "webhook_bodies",
    metadata,
    Column("digest", LargeBinary, primary_key=True, doc="of a body that was delivered: see Webhooks.is_first"),
    Column("received_at", Instant, nullable=False, index=True, doc="when it came in for the first time"),
)
